"""Occurrences that a person answers in a running Airflow: by the API that its Required Actions use."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import PEOPLE, World

REVIEW = "review: true\n"
NAMES = ("approved", "rejected", "marked")


@pytest.fixture(scope="module")
def asking(world: World) -> World:
    """A deployment whose reviewed campaigns all begin at once."""
    for name in NAMES:
        world.publish(name, REVIEW)
    return world


def test_an_approved_occurrence_reaches_everybody_and_a_clear_asks_nobody(asking: World) -> None:
    """The question shows the funnel; nothing goes before the answer, and then everybody gets one message, whatever is cleared."""
    world = asking
    question = _question(world, "approved")
    assert f"Contact {PEOPLE} people of approved now?" == question["subject"]
    assert f"| send | by email, now | {PEOPLE} |" in question["body"]
    assert [] == world.inbox.arrivals["approved"]
    _answer(world, "approved", "Approve")
    world.clear("approved")
    world.wait(lambda: world.runs("approved")[world.occurrence("approved")] == "success", "the second pass")
    world.everybody_once("approved")


def test_a_rejected_occurrence_contacts_nobody_and_is_over(asking: World) -> None:
    """Its sends are skipped, the run is green, its people leave as rejected, and a Clear neither asks nor sends."""
    world = asking
    _question(world, "rejected")
    _answer(world, "rejected", "Reject")
    assert ("skipped", "success") == (world.task("rejected", "send")["state"], world.task("rejected", "feed_back")["state"])
    world.clear("rejected")
    run = world.occurrence("rejected")
    world.wait(lambda: world.runs("rejected")[run] == "success", "the second pass")
    assert {run: "success"} == world.runs("rejected")
    assert [] == world.inbox.arrivals["rejected"]
    counts = world.status("rejected").counts
    assert (0, 0, 0, 0) == (counts.submitted, counts.waiting, counts.in_hand, counts.open_entries)


def test_a_question_that_somebody_marked_as_success_is_asked_again(asking: World) -> None:
    """A mark is no answer: the send gives everybody back, the pulse runs the occurrence once more, and it goes when it is approved."""
    world = asking
    _question(world, "marked")
    world.mark("marked", "approve", "success")
    world.wait(lambda: world.status("marked").counts.waiting == PEOPLE, "the send that may not go")
    _question(world, "marked")
    assert [] == world.inbox.arrivals["marked"]
    _answer(world, "marked", "Approve")
    world.everybody_once("marked")


def _open(world: World, name: str) -> list[dict[str, Any]]:
    found = world.api("GET", f"/dags/outcamp.{name}/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input")
    details: list[dict[str, Any]] = found["hitl_details"]
    return details


def _question(world: World, name: str) -> dict[str, Any]:
    world.wait(lambda: bool(_open(world, name)), f"the question about {name}")
    return _open(world, name)[0]


def _answer(world: World, name: str, word: str) -> None:
    """Answer, and once more if need be: a word that comes in the moment in which Airflow writes the question down is not heard."""

    def is_over() -> bool:
        if _open(world, name):
            path = f"/dags/outcamp.{name}/dagRuns/{world.occurrence(name)}/taskInstances/approve/-1/hitlDetails"
            world.api("PATCH", path, {"chosen_options": [word], "params_input": {}})
        return world.settled(name)

    world.wait(is_over, "the end")
