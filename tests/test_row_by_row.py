"""Asking a provider row by row, several rows at once: in a whole wave, when the process dies, and when it must stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from drafts import HEAD
from outcamp.core.errors import Permanent
from outcamp.steps.send import Sent, send
from outcamp.transports.base import BACKOFF, Capabilities, OutcomesFromOutside
from outcamp.transports.row_by_row import WIDTH, Later, NotAsked, NotTaken, row_by_row
from outcamp.transports.twilio import TwilioSmsTransport
from small_world import NOW, RUN, World, make_world
from strict_twilio import Reply, StrictTwilio, refuses, takes
from submissions import rows, statuses

MINUTE = timedelta(minutes=1)
FIVE = [{"recipient_id": name, "phone": f"+1202555014{number}"} for number, name in enumerate(("ada", "ben", "cleo", "dora", "emil"))]
TEN = [{"endpoint": f"+1202555014{number}"} for number in range(10)]


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Asking(OutcomesFromOutside):
    """Asks for each row what a test lets it ask."""

    ask: Callable[[Any], str | None]
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(chunk_size=50))
    asked: list[str] = field(default_factory=list)

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Ask, and note for whom."""

        def note(row: Any, at: datetime) -> str | None:
            self.asked.append(row["recipient_id"])
            return self.ask(row)

        return row_by_row("The provider", rows, now, note)


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a campaign with five people and a transport of the test's own, up to its list of batches."""
    with ExitStack() as stack:

        def make(transport: Any) -> World:
            here = make_world(stack, database_uri, tmp_path, head=HEAD, people=FIVE)
            here.engine = replace(here.engine, transports={here.engine.campaign.channel: transport})
            here.batches()
            return here

        yield make


def standing(world: World) -> dict[str, tuple[Any, ...]]:
    """State, disposition, and whether it counts, of each recipient's attempt."""
    found = world.rows("SELECT recipient_id, state::text, disposition, counted_at IS NOT NULL FROM outcamp.attempts")
    return {row[0]: row[1:] for row in found}


def test_a_wave_writes_down_what_the_provider_says_of_each(world: Callable[..., World]) -> None:
    """Sent and awaited, refused, and in doubt: each is its own recipient's."""

    def reply(form: dict[str, str]) -> Reply:
        return {"+12025550141": refuses(21610), "+12025550142": refuses(21211), "+12025550143": (500, {})}.get(form["To"], takes(form))

    with StrictTwilio(reply) as twilio:
        here = world(TwilioSmsTransport(twilio.account(), "+18005550100"))
        assert Sent(5, 0) == send(here.engine, RUN, 0, lambda: NOW)
        assert Sent(0, 0) == send(here.engine, RUN, 0, lambda: NOW + MINUTE)
    assert 5 == len(twilio.asked)
    assert {
        "ada": ("sent", None, True),
        "ben": ("closed", "opted_out", True),
        "cleo": ("closed", "invalid_number", False),
        "dora": ("closed", "unknown", True),
        "emil": ("sent", None, True),
    } == standing(here)


def test_a_process_that_dies_among_requests_asks_for_nobody_again(world: Callable[..., World]) -> None:
    """Whoever was on the way is unknown, and so is whoever the chunk had not come to: that is the most that a crash costs."""

    def ask(row: Any) -> str:
        if row["recipient_id"] == "cleo":
            raise Crash
        return "m"

    asking = Asking(ask)
    here = world(asking)
    with pytest.raises(Crash):
        send(here.engine, RUN, 0, lambda: NOW)
    asked = sorted(asking.asked)
    send(here.engine, RUN, 0, lambda: NOW + MINUTE)
    assert (asked, len(set(asked))) == (sorted(asking.asked), len(asked))
    assert {("closed", "unknown", True)} == set(standing(here).values())


def test_whoever_was_not_asked_for_waits_with_the_one_that_was_told_to() -> None:
    """As many as go at once may have been on their way already."""
    enough = threading.Barrier(WIDTH)

    def ask(row: Any) -> str:
        enough.wait(timeout=30)
        raise NotTaken("full", until=NOW + MINUTE)

    asking = Asking(ask)
    answers = asking.submit(rows(*[{"endpoint": "a@b.example"}] * 50), NOW)
    assert ({"throttled"}, {NOW + MINUTE}, WIDTH) == (set(statuses(answers)), set(answers["until"].to_pylist()), len(asking.asked))


def test_a_refusal_for_good_is_raised_when_nothing_was_taken() -> None:
    """Nobody is in doubt, and a person must act."""

    def ask(row: Any) -> str:
        raise Permanent("No.", next_step="Act.")

    with pytest.raises(Permanent, match="No"):
        Asking(ask).submit(rows(*[{"endpoint": "a@b.example"}] * 20), NOW)


def test_what_was_answered_before_a_refusal_for_good_stays_true() -> None:
    """Whoever is left meets the refusal first the next time."""
    taken = threading.Event()

    def ask(row: Any) -> str:
        if row["recipient_id"] == "p0":
            taken.set()
            return "m"
        taken.wait(timeout=30)
        raise Permanent("No.", next_step="Act.")

    answers = Asking(ask).submit(rows({"endpoint": "a@b.example"}, {"endpoint": "b@b.example"}), NOW)
    assert (["accepted", "throttled"], [None, NOW]) == (statuses(answers), answers["until"].to_pylist())


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ({"p4"}, [*["later"] * 4, "accepted", *["later"] * 4, "throttled"]),
        ({"p5"}, [*["later"] * 4, *["throttled"] * 6]),
        (set(), [*["later"] * 4, *["throttled"] * 6]),
    ],
    ids=["the fifth goes", "the sixth would", "nobody"],
)
def test_one_after_the_other_that_is_to_come_later_means_all(taken: set[str], said: list[str]) -> None:
    """A row that may go later keeps nobody back; after five in a row the others wait without being asked for."""
    seen = []

    def ask(row: Any, at: datetime) -> str:
        seen.append(row["recipient_id"])
        if row["recipient_id"] not in taken:
            raise Later("450 4.7.1")
        return "m"

    answers = row_by_row("The provider", rows(*TEN), NOW, ask, width=1)
    assert said == statuses(answers)
    assert 10 - max(said.count("throttled") - 1, 0) == len(seen)
    assert [None if status == "accepted" else NOW + BACKOFF for status in said] == answers["until"].to_pylist()


def test_who_was_not_asked_for_within_two_minutes_is_looked_at_again(caplog: pytest.LogCaptureFixture) -> None:
    """A server that is slow, or a machine that slept: the hours in which the others may be reached could be over."""
    seconds = iter([1000.0, 1000.0, 1119.0, 1120.0, 1120.1, 9999.0, *[9999.0] * 5])
    asked: list[tuple[str, float]] = []

    def ask(row: Any, at: datetime) -> str:
        asked.append((row["recipient_id"], (at - NOW).total_seconds()))
        return "m"

    answers = row_by_row("The provider", rows(*TEN), NOW, ask, width=1, seconds=lambda: next(seconds))
    assert [("p0", 0.0), ("p1", 119.0), ("p2", 120.0)] == asked
    assert [*[("accepted", None)] * 3, *[("later", NOW)] * 7] == list(zip(statuses(answers), answers["until"].to_pylist(), strict=True))
    assert ["The provider was slow: who was not asked for within 0:02:00 is looked at again"] == [
        one.getMessage() for one in caplog.records
    ]


def test_a_row_that_is_not_worth_asking_for_says_nothing_about_the_others() -> None:
    """However many of them there are, one after the other."""

    def ask(row: Any, at: datetime) -> str:
        if row["recipient_id"] != "p9":
            raise NotAsked("its window is about to close", until=NOW + MINUTE)
        return "m"

    answers = row_by_row("The provider", rows(*TEN), NOW, ask, width=1)
    assert [*[("later", NOW + MINUTE)] * 9, ("accepted", None)] == list(zip(statuses(answers), answers["until"].to_pylist(), strict=True))
