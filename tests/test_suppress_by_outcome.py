"""Outcomes that suppress by themselves: who asked for no more messages is left alone from then on, and dead endpoints are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outcamp.core.references import reference_of
from outcamp.steps import outcome_files
from outcamp.steps.outcome_files import TakenIn, take_in_file
from outcamp.steps.resolve import findings_of, resolve
from outcamp.steps.send import Sent, send
from outcome_world import LATER, event, kept_aside, sent_world, take, written
from small_world import ADA, BEN, NOW, PEOPLE, RUN, World, make_world

NAMES = {hashlib.sha256(name.encode()).hexdigest(): name for name in ("ada", "ben", "zoe", ADA, BEN, "ada@example.com", "ben@example.com")}
OPTED_OUT = [("recipient", "ada", "sms", "opted_out"), ("endpoint", ADA, "sms", "opted_out")]
MAILED = [{"recipient_id": "ada", "email": "ada@example.com"}, {"recipient_id": "ben", "email": "ben@example.com"}]
MAIL = "name: spring\nsegment: {file: people.parquet}\nchannel: email\nchannels: {email: {transport: smtp, subject: Hi, body: hello}}\n"


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """Two people to whom a message went."""
    with ExitStack() as stack:
        yield sent_world(stack, database_uri, tmp_path / "lake")


def listed(world: World) -> list[tuple[str, str, str, str]]:
    """Return the do-not-contact list in words."""
    rows = world.rows("SELECT kind, encode(key, 'hex'), channel, reason FROM outcamp.suppressions ORDER BY kind DESC, channel, since")
    return [(kind, NAMES[key], channel, reason) for kind, key, channel, reason in rows]


def test_who_opts_out_is_suppressed_with_the_number_on_the_channel(world: World, tmp_path: Path) -> None:
    """In the transaction that writes the outcome; taken in again, nothing is new."""
    path = written(tmp_path, [event("ada", "opted_out"), event("ben")])
    assert TakenIn(taken=2, exits=2, suppressed=2) == take(world, path)
    assert OPTED_OUT == listed(world)
    assert TakenIn(known=2) == take(world, path)
    assert OPTED_OUT == listed(world)


@pytest.mark.parametrize(
    ("disposition", "kinds"), [("complained", ["recipient", "endpoint"]), ("bounced", ["endpoint"]), ("soft_bounced", [])]
)
def test_mail_that_bounces_or_is_complained_of(database_uri: str, tmp_path: Path, disposition: str, kinds: list[str]) -> None:
    """A complaint is the person's wish; of a hard bounce the address is dead, and another one of theirs is not; a soft one says nothing."""
    with ExitStack() as stack:
        world = sent_world(stack, database_uri, tmp_path / "lake", "", MAILED, head=MAIL, channel="email")
        take(world, written(tmp_path, [event("ada", disposition)]))
        who = {"recipient": "ada", "endpoint": "ada@example.com"}
        assert [(kind, who[kind], "email", disposition) for kind in kinds] == listed(world)


@pytest.mark.parametrize(
    ("wish", "aside"),
    [
        (event("ada", "opted_out", NOW + timedelta(hours=73)), {"late": 1}),
        (event("ada", "opted_out", NOW - timedelta(hours=1)), {"before_submission": 1}),
        (event("ada", "complained"), {}),
        (event("ada", None, reply="Stop!"), {}),
        (event("ada", "delivered", reply="opt out"), {}),
    ],
)
def test_a_wish_is_heeded_whatever_else_is_wrong_with_it(world: World, tmp_path: Path, wish: dict[str, Any], aside: dict[str, int]) -> None:
    """Too late, too early, or in words that the channel does not have: the person has asked all the same."""
    taken = take(world, written(tmp_path, [wish]), NOW + timedelta(hours=74))
    reason = "complained" if wish["disposition"] == "complained" else "opted_out"
    assert ([(*line[:3], reason) for line in OPTED_OUT], aside) == (listed(world), dict(taken.aside))


def test_a_wish_of_an_unknown_attempt_is_the_recipients(world: World, tmp_path: Path) -> None:
    """One id space for the deployment: who it is is known. The event is kept aside as well."""
    taken = take(world, written(tmp_path, [event("zoe", "opted_out", channel="sms"), event("zoe", "opted_out", campaign="sprung")]))
    assert [("recipient", "zoe", "", "opted_out"), ("recipient", "zoe", "sms", "opted_out")] == listed(world)
    assert {"no_attempt": 1, "no_campaign": 1} == taken.aside


def test_an_endpoint_alone_may_opt_out(world: World, tmp_path: Path) -> None:
    """A reply comes from a number, and names no attempt. One that asks for nothing, or from nowhere, is kept aside."""
    at = LATER.isoformat()
    rows = [
        {"endpoint": "+1 212 555 0143", "channel": "sms", "reply": "STOP", "disposed_at": at},
        {"endpoint": BEN, "channel": "sms", "reply": "thanks", "disposed_at": at},
        {"endpoint": "nowhere", "channel": "sms", "reply": "stop", "disposed_at": at},
    ]
    taken = take(world, written(tmp_path, rows))
    assert [("endpoint", BEN, "sms", "opted_out")] == listed(world)
    assert (TakenIn(known=1, suppressed=1).as_dict() | {"aside": None}) == (taken.as_dict() | {"aside": None})
    assert ["the ledger knows no such campaign", "it cannot be read: campaign is missing"] == [reason for reason, _ in kept_aside(world)][
        ::-1
    ]


def test_complaints_and_hard_bounces_may_name_the_address_alone(world: World, tmp_path: Path) -> None:
    """The provider did not carry our reference back; any other outcome without one cannot be read."""
    rows = [
        {"endpoint": f"{who}@example.com", "channel": "email", "disposition": code, "disposed_at": LATER.isoformat()}
        for who, code in (("ada", "complained"), ("ben", "bounced"), ("zoe", "delivered"))
    ]
    taken = take(world, written(tmp_path, rows))
    assert [("endpoint", "ada@example.com", "email", "complained"), ("endpoint", "ben@example.com", "email", "bounced")] == sorted(
        listed(world)
    )
    assert (2, 2, {"unreadable": 1}) == (taken.known, taken.suppressed, taken.aside)


def test_what_a_dead_endpoint_proves_is_believed_when_it_is_late_and_not_when_it_is_absurd(database_uri: str, tmp_path: Path) -> None:
    """Clocks may be wrong, and a bounce from before the submission is of another message."""
    with ExitStack() as stack:
        world = sent_world(stack, database_uri, tmp_path / "lake", "", MAILED, head=MAIL, channel="email")
        late, early = NOW + timedelta(hours=25), NOW - timedelta(hours=1)
        take(world, written(tmp_path, [event("ada", "bounced", late), event("ben", "bounced", early)]), NOW + timedelta(hours=26))
        assert [("endpoint", "ada@example.com", "email", "bounced")] == listed(world)


def test_a_deleted_campaigns_and_a_foreign_one_are_heeded(world: World, tmp_path: Path) -> None:
    """What follows is not known there; who asked is."""
    taken = take_in_file(world.engine.ledger, lambda _: None, written(tmp_path, [event("ada", "opted_out")]), lambda: LATER)
    assert ({"not_here": 1}, OPTED_OUT) == (taken.aside, listed(world))


def answering(stack: ExitStack, uri: str, folder: Path, disposition: str) -> World:
    """Return a campaign in which what becomes of ada is known at once."""
    outcomes = [{"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": disposition, "after": 0}]
    return make_world(stack, uri, folder, outcomes=outcomes)


def test_what_the_transport_answers_suppresses_too(database_uri: str, tmp_path: Path) -> None:
    """A provider that refuses a number that has opted out says so at once."""
    with ExitStack() as stack:
        world = answering(stack, database_uri, tmp_path, "opted_out")
        (batch,) = world.batches()
        send(world.engine, RUN, batch.batch, lambda: NOW)
        assert OPTED_OUT == listed(world)


def test_it_acts_within_the_running_batch(database_uri: str, tmp_path: Path) -> None:
    """The second look finds who opted out after the filter had let them through."""
    with ExitStack() as stack:
        world = make_world(stack, database_uri, tmp_path / "lake")
        (batch,) = world.batches()
        take(world, written(tmp_path, [{"endpoint": ADA, "channel": "sms", "reply": "Stop", "disposed_at": NOW.isoformat()}]), NOW)
        assert Sent(1, 1) == send(world.engine, RUN, batch.batch, lambda: NOW)
        assert [["ben"]] == world.outbox.given
        assert [("ada", "suppressed"), ("ben", "finished")] == world.exits()


def test_a_reattempt_of_who_opted_out_is_dropped(database_uri: str, tmp_path: Path) -> None:
    """A rule may name it; the filter drops the attempt that it makes."""
    with ExitStack() as stack:
        rule = "reattempts: [{when: [opted_out], channel: sms, wait: 30 minutes}]\n"
        world = sent_world(stack, database_uri, tmp_path / "lake", rule)
        assert 1 == take(world, written(tmp_path, [event("ada", "opted_out")])).reattempts
        given = len(world.outbox.given)
        world.due(NOW + timedelta(hours=1))
        assert (given, "suppressed") == (len(world.outbox.given), dict(world.exits())["ada"])


def test_what_people_found_out_suppresses_too(world: World) -> None:
    """An attempt in doubt of which somebody says that its person opted out."""
    world.change("UPDATE outcamp.attempts SET state = 'closed', disposition = 'unknown', disposed_at = %s", NOW)
    resolve(world.engine.ledger, "spring", findings_of(["ada"], "opted_out"), LATER)
    assert OPTED_OUT == listed(world)


def test_an_erased_attempt_does_not_say_where_it_went(world: World) -> None:
    """The hash of the endpoint goes with the rest."""
    assert [(True,), (True,)] == world.rows("SELECT endpoint_key IS NOT NULL FROM outcamp.attempts")
    with world.engine.ledger.transaction() as tx:
        tx.run("rename-attempts", campaign_id=1, recipient_id="ada", token="erased-1")
    assert [("ben", True), ("erased-1", False)] == world.rows(
        "SELECT recipient_id, endpoint_key IS NOT NULL FROM outcamp.attempts ORDER BY 1"
    )


def test_simulate_suppresses_nobody_by_itself(database_uri: str, tmp_path: Path) -> None:
    """Its list is what it is given: an engine that is told so leaves it alone."""
    with ExitStack() as stack:
        world = answering(stack, database_uri, tmp_path, "opted_out")
        object.__setattr__(world.engine, "suppresses", False)
        (batch,) = world.batches()
        send(world.engine, RUN, batch.batch, lambda: NOW)
        assert [] == listed(world)


def test_a_wish_outlives_newer_news(world: World, tmp_path: Path) -> None:
    """The books keep the newest outcome of the attempt; the list keeps the wish."""
    at: datetime = NOW + timedelta(minutes=5)
    take(world, written(tmp_path, [event("ada", "delivered", at), event("ada", "opted_out")]))
    assert OPTED_OUT == listed(world)
    assert [("delivered",)] == world.rows("SELECT disposition FROM outcamp.attempts WHERE recipient_id = 'ada'")


def test_the_reference_names_the_recipient_too(world: World, tmp_path: Path) -> None:
    """Whatever the file names the attempt by."""
    row = {"reference": reference_of("spring", 0, 1, PEOPLE[0]["recipient_id"]), "reply": "stop", "disposed_at": LATER.isoformat()}
    assert 2 == take(world, written(tmp_path, [row])).suppressed


def test_the_list_says_from_when_it_holds(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long file is taken in over a while: who is in its last part is on the list from then on, not from its beginning."""
    monkeypatch.setattr(outcome_files, "CHUNK_ROWS", 1)
    path = written(tmp_path, [{"endpoint": who, "channel": "sms", "reply": "stop", "disposed_at": NOW.isoformat()} for who in (ADA, BEN)])
    instants = iter([LATER, LATER + timedelta(minutes=2)])
    take_in_file(world.engine.ledger, {"spring": world.engine.manifest}.get, path, lambda: next(instants))
    assert [(LATER,), (LATER + timedelta(minutes=2),)] == world.rows("SELECT since FROM outcamp.suppressions ORDER BY since")
