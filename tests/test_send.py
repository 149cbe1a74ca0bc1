"""What the transport's answers make of attempts: gone, in doubt, or waiting again; and what a chunk's rows carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from drafts import HEAD
from outcamp.core.errors import Permanent, Transient
from outcamp.core.references import reference_of
from outcamp.core.run_key import run_key
from outcamp.steps.ingest import ingest
from outcamp.steps.next_wave import next_wave
from outcamp.steps.send import Sent, send
from outcamp.steps.stop import stop
from outcamp.store import exports, outcomes
from outcamp.store.ledger import Ledger
from outcamp.transports.base import OUTCOMES, Capabilities, OutcomesFromOutside, answers_of
from small_world import NOW, RUN, World, make_world

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
UNTIL = NOW + 7 * MINUTE
PEOPLE = [{"recipient_id": name, "phone": f"+1202555014{number}"} for number, name in enumerate(("ada", "ben", "cleo", "dora", "emil"))]
EXPIRES = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-01 16:00}\n"
TAKEN = {"status": "accepted", "message_id": "m", "disposition": "delivered", "disposed_at": NOW}
WAIT = {"status": "throttled", "until": UNTIL}
DOUBT = {"status": "unknown"}
RUN_OF_UNTIL = run_key(UNTIL, 1)


TWO = Capabilities(chunk_size=2)


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Told(OutcomesFromOutside):
    """Answers what it is told of each chunk, and takes the chunks after these; ``meanwhile`` happens while one is on its way."""

    answers: list[list[dict[str, Any]]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    capabilities: Capabilities = TWO
    given: list[pa.Table] = field(default_factory=list)

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Answer the next chunk."""
        self.given.append(rows)
        self.meanwhile()
        return answers_of(self.answers[len(self.given) - 1] if len(self.given) <= len(self.answers) else [TAKEN] * rows.num_rows)

    def names(self) -> list[list[str]]:
        """Return who was given, chunk by chunk."""
        return [rows["recipient_id"].to_pylist() for rows in self.given]


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a campaign with a transport of the test's own."""
    with ExitStack() as stack:

        def make(
            transport: Any, more: str = "", people: list[dict[str, Any]] = PEOPLE, read: set[str] | None = None, **settings: Any
        ) -> World:
            here = make_world(stack, database_uri, tmp_path, more, people=people, **settings)
            channel = here.engine.campaign.channel
            here.engine = replace(here.engine, transports={channel: transport}, read_columns=frozenset(read or ()))
            return here

        yield make


def go(world: World, at: datetime = NOW) -> Sent:
    """Send the only batch of the first wave."""
    return send(world.engine, RUN, 0, lambda: at)


def order(world: World) -> list[str]:
    """The recipients in the order of the batch."""
    return [name for (name,) in world.rows("SELECT recipient_id FROM outcamp.attempts ORDER BY bucket, recipient_id")]


def standing(world: World) -> dict[str, tuple[Any, ...]]:
    """State, reason, due time, disposition, and whether it counts, of each recipient's attempt."""
    found = world.rows(
        "SELECT recipient_id, state::text, waits_for, due_at, disposition, counted_at IS NOT NULL FROM outcamp.attempts WHERE attempt = 1"
    )
    return {row[0]: row[1:] for row in found}


GONE = ("closed", None, NOW, "delivered", True)
UNKNOWN = ("closed", None, NOW, "unknown", True)
WAITING = ("waiting", "throttled", UNTIL, None, False)

# Throttled, unknown, and errors.


def test_who_was_not_taken_waits_and_so_does_the_rest_of_the_batch(world: Callable[..., World]) -> None:
    """The answers of a chunk stay true row by row; the transport is given nothing more, and nothing has failed."""
    told = Told([[TAKEN, TAKEN], [TAKEN, WAIT]])
    here = world(told)
    here.batches()
    one, two, three, four, five = order(here)
    assert Sent(submitted=3, handed_back=2, throttled=True) == go(here)
    assert [[one, two], [three, four]] == told.names()
    assert {one: GONE, two: GONE, three: GONE, four: WAITING, five: WAITING} == standing(here)
    traces = "SELECT count(*), count(submitted_at), count(deadline_at), count(wave_id), count(batch), count(token) FROM outcamp.attempts"
    assert [(2, 0, 0, 0, 0, 0)] == here.rows(f"{traces} WHERE state = 'waiting'")


def test_who_is_to_come_later_waits_alone(world: Callable[..., World]) -> None:
    """It says nothing about the others, so the batch goes on."""
    told = Told([[WAIT | {"status": "later"}, TAKEN]])
    here = world(told)
    here.batches()
    one, *others = order(here)
    assert Sent(submitted=4, handed_back=1) == go(here)
    assert {one: WAITING} | dict.fromkeys(others, GONE) == standing(here)


def test_a_throttled_attempt_goes_later_as_the_same_attempt(world: Callable[..., World]) -> None:
    """The next wave is made for the instant that the transport named, and finds it like any due attempt."""
    told = Told([[WAIT, WAIT]])
    here = world(told)
    here.batches()
    go(here)
    assert UNTIL == next_wave(here.engine, NOW)
    (batch,) = here.due(UNTIL)
    assert Sent(5, 0) == send(here.engine, RUN_OF_UNTIL, batch.batch, lambda: UNTIL)
    assert [(name, 1, "closed") for name in sorted(order(here))] == here.attempts()
    assert 5 == len(here.rows("SELECT 1 FROM outcamp.attempts WHERE counted_at IS NOT NULL"))


def test_a_transport_that_names_no_instant_is_tried_again_after_a_while(world: Callable[..., World]) -> None:
    """Five minutes, rather than at once."""
    here = world(Told([[{"status": "throttled"}] * 2]))
    here.batches()
    go(here)
    assert {NOW + 5 * MINUTE} == {row[2] for row in standing(here).values()}


def test_what_waits_is_a_result_of_the_wave(world: Callable[..., World]) -> None:
    """The lake tells of a throttled row what it tells of any that was handed back."""
    here = world(Told([[TAKEN, WAIT]]), people=PEOPLE[:2])
    here.batches()
    go(here)
    with here.engine.ledger.transaction() as tx:
        rows = pa.table(
            {
                "occurrence": pa.array([0, 0], pa.int32()),
                "recipient_id": order(here),
                "attempt": pa.array([1, 1], pa.int16()),
                "channel": ["sms", "sms"],
                "occurrence_id": pa.array([1, 1], pa.int64()),
            }
        )
        found = exports.results(tx, 1, rows)
    assert [("submitted", None), ("later", "throttled")] == list(zip(found["became"].to_pylist(), found["reason"].to_pylist(), strict=True))


def test_only_rows_without_an_answer_are_unknown(world: Callable[..., World]) -> None:
    """They count and never go again; the batch goes on."""
    told = Told([[TAKEN, DOUBT], [DOUBT, TAKEN]])
    here = world(told)
    here.batches()
    one, two, three, four, five = order(here)
    assert Sent(5, 0) == go(here)
    assert {one: GONE, two: UNKNOWN, three: UNKNOWN, four: GONE, five: GONE} == standing(here)
    assert Sent(0, 0) == go(here, NOW + HOUR)


def test_a_rule_may_name_the_unknown_of_one_row(world: Callable[..., World]) -> None:
    """What follows on it is made with it, in one transaction."""
    here = world(Told([[TAKEN, DOUBT]]), "reattempts: [{when: [unknown], channel: sms, wait: 10 minutes}]\n", people=PEOPLE[:2])
    here.batches()
    go(here)
    assert [(order(here)[1], 2, "waiting")] == [row for row in here.attempts() if row[1] == 2]


@pytest.mark.parametrize("error", [Transient("no answer"), Crash()])
def test_a_chunk_whose_transport_raised_is_unknown(world: Callable[..., World], error: BaseException) -> None:
    """Nobody knows of any of its rows; the next try says so, and sends the rest."""
    told = Told()
    here = world(told)
    here.batches()

    def fail() -> None:
        told.meanwhile = lambda: None
        raise error

    told.meanwhile = fail
    with pytest.raises(type(error)):
        go(here)
    one, two, *others = order(here)
    assert Sent(3, 0) == go(here)
    assert {one: UNKNOWN, two: UNKNOWN} | dict.fromkeys(others, GONE) == standing(here)


def test_a_chunk_that_was_refused_whole_leaves_nobody_in_doubt(world: Callable[..., World]) -> None:
    """The task fails for good, and its rows wait, uncounted, until somebody has cleared the cause."""
    told = Told()
    here = world(told)
    here.batches()

    def fail() -> None:
        if len(told.given) == 2:
            raise Permanent("The login is wrong.")

    told.meanwhile = fail
    with pytest.raises(Permanent, match=r"The login is wrong\."):
        go(here)
    _, _, three, four, five = order(here)
    waits = ("waiting", "error", NOW, None, False)
    assert (waits, waits, "claimed") == (standing(here)[three], standing(here)[four], standing(here)[five][0])


# What happens while the chunk is on its way.


@pytest.mark.parametrize(
    ("stood", "goes"), [(2 * MINUTE, True), (2 * MINUTE + timedelta(microseconds=1), False)], ids=["two minutes", "more"]
)
def test_a_process_that_stood_still_looks_again(world: Callable[..., World], stood: timedelta, goes: bool) -> None:
    """Two minutes after the look nothing of a chunk leaves any more: it waits, uncounted; the next one is looked at anew, and goes."""
    told = Told()
    here = world(told, people=PEOPLE[:4])
    here.batches()
    clock = chain([NOW, NOW], repeat(NOW + stood))
    assert Sent(4 if goes else 2, 0 if goes else 2) == send(here.engine, RUN, 0, lambda: next(clock))
    *first, three, four = order(here)
    assert ([first] if goes else []) + [[three, four]] == told.names()
    assert {GONE if goes else ("waiting", "late", NOW, None, False)} == {standing(here)[name] for name in first}


def test_a_try_that_was_overtaken_takes_nothing_back(world: Callable[..., World]) -> None:
    """The newer try has called its rows unknown, and something may follow from that: so they stay."""
    told = Told([[WAIT, WAIT]])
    here = world(told, people=PEOPLE[:2])
    here.batches()
    other = replace(here.engine, ledger=Ledger.at(here.uri))
    told.meanwhile = lambda: send(other, RUN, 0, lambda: NOW)
    assert Sent(2, 0, throttled=True) == go(here)
    other.ledger.close()
    assert [UNKNOWN, UNKNOWN] == list(standing(here).values())
    assert ["finished", "finished"] == [reason for _, reason in here.exits()]


@pytest.mark.parametrize("fact", ["stopped", "deleted"])
def test_nothing_waits_in_a_campaign_that_was_ended(world: Callable[..., World], fact: str) -> None:
    """Who was not taken leaves by that reason, and stays uncounted."""
    told = Told([[TAKEN, WAIT]])
    here = world(told)
    here.batches()
    other = Ledger.at(here.uri)
    told.meanwhile = lambda: stop(other, here.engine.manifest, NOW, delete=fact == "deleted")
    go(here)
    other.close()
    one, two, *others = order(here)
    assert {one: GONE, two: ("closed", fact, UNTIL, None, False)} == {name: standing(here)[name] for name in (one, two)}
    assert [fact] * 4 == [reason for name, reason in here.exits() if name != one]
    assert {"closed"} == {standing(here)[name][0] for name in others}


def test_nothing_waits_beyond_the_expiry(world: Callable[..., World]) -> None:
    """A campaign that expired while the chunk was on its way ends who was not taken."""
    clock = chain([NOW, NOW, NOW], repeat(NOW + HOUR))
    here = world(Told([[WAIT]]), EXPIRES, people=PEOPLE[:1])
    here.batches()
    send(here.engine, RUN, 0, lambda: next(clock))
    assert {"ada": ("closed", "expired", UNTIL, None, False)} == standing(here)
    assert [("ada", "expired")] == here.exits()


def test_nothing_waits_for_an_entry_that_is_over(world: Callable[..., World]) -> None:
    """Whatever ended the entry meanwhile, the attempt ends with it."""
    told = Told([[WAIT]])
    here = world(told, people=PEOPLE[:1])
    here.batches()
    told.meanwhile = lambda: here.change("UPDATE outcamp.entries SET exited_at = %s, exit_reason = 'expired'", NOW)
    go(here)
    assert {"ada": ("closed", "throttled", UNTIL, None, False)} == standing(here)


def test_an_outcome_is_believed_over_a_transport_that_says_it_took_nothing(world: Callable[..., World]) -> None:
    """Somebody has reported what became of the message: so it left."""
    told = Told([[WAIT]])
    here = world(told, people=PEOPLE[:1])
    here.batches()
    other = Ledger.at(here.uri)

    def report() -> None:
        row = {"occurrence_id": 1, "recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "delivered", "disposed_at": NOW}
        table = pa.Table.from_pylist([row], schema=OUTCOMES).append_column("unreached", pa.array([False]))
        with other.transaction() as tx:
            outcomes.record(tx, 1, table)

    told.meanwhile = report
    go(here)
    other.close()
    assert {"ada": GONE} == standing(here)


def test_what_is_taken_back_frees_the_limit(world: Callable[..., World]) -> None:
    """The same contact goes later, and is not over a limit by itself."""
    told = Told([[WAIT]])
    here = world(told, "communication_limits: [{count: 1, within: 1 day}]\n", people=PEOPLE[:1])
    here.batches()
    go(here)
    (batch,) = here.due(UNTIL)
    assert Sent(1, 0) == send(here.engine, RUN_OF_UNTIL, batch.batch, lambda: UNTIL)


# Texts.

GREETING = HEAD.replace("body: Hello", 'body: "Hello {{ first_name }}{% if city is defined %} in {{ city }}{% endif %}"')
WITH_TEXTS = Capabilities(chunk_size=2, texts=True)


def named(*names: str | None) -> list[dict[str, Any]]:
    """Ada, Ben ... with these first names."""
    return [one | {"first_name": name, "city": None} for one, name in zip(PEOPLE, names, strict=False)]


def test_each_recipient_has_their_own_text(world: Callable[..., World]) -> None:
    """A transport that carries texts gets them with its rows."""
    told = Told(capabilities=WITH_TEXTS)
    here = world(told, head=GREETING, people=named("Ada", "Ben"), read={"first_name", "city"})
    here.batches()
    go(here)
    texts = dict(zip(told.given[0]["recipient_id"].to_pylist(), told.given[0]["content.body"].to_pylist(), strict=True))
    assert {"ada": "Hello Ada", "ben": "Hello Ben"} == texts


def test_who_has_no_text_is_dropped_before_anything_is_submitted(world: Callable[..., World]) -> None:
    """A value that is missing is an error for that recipient alone: they exit, count nowhere, and the transport never hears of them."""
    told = Told(capabilities=WITH_TEXTS)
    here = world(told, head=GREETING, people=named("Ada", None, None, "Dora"), read={"first_name", "city"})
    here.batches()
    assert Sent(2, 2) == go(here)
    assert {"ada", "dora"} == {name for chunk in told.names() for name in chunk}
    dropped = ("closed", "content_error", NOW, None, False)
    assert {"ada": GONE, "ben": dropped, "cleo": dropped, "dora": GONE} == standing(here)
    assert [("ben", "content_error"), ("cleo", "content_error")] == [row for row in here.exits() if row[1] != "finished"]
    assert [(0,)] == here.rows("SELECT count(*) FROM outcamp.attempts WHERE waits_for = 'content_error' AND submitted_at IS NOT NULL")


def test_a_campaign_that_is_halted_keeps_whoever_has_no_text(world: Callable[..., World]) -> None:
    """Why nobody may go comes first; the text is judged when it is their turn."""
    here = world(Told(capabilities=WITH_TEXTS), head=GREETING, people=named(None), read={"first_name", "city"})
    here.batches()
    send(here.engine, RUN, 0, lambda: NOW, lambda: True)
    assert ("waiting", "paused") == standing(here)["ada"][:2]


def test_a_transport_without_texts_has_none_made(world: Callable[..., World]) -> None:
    """A rehearsal on the virtual clock costs no rendering."""
    told = Told()
    here = world(told, head=GREETING, people=named(None), read={"first_name", "city"})
    here.batches()
    assert Sent(1, 0) == go(here)
    assert [] == [name for name in told.given[0].column_names if name.startswith("content.")]


# What rows carry.

OFFICE = 'communication_time: {time_zone: recipient, detect: [column], active: [{days: mon-sun, from: "09:00", to: "17:00"}]}\n'
VALIDITY = Capabilities(chunk_size=2, validity=True)


@pytest.mark.parametrize(
    ("more", "until"),
    [
        ("", None),
        (EXPIRES, NOW + HOUR),
        (OFFICE, NOW + 2 * HOUR),
        (OFFICE + EXPIRES, NOW + HOUR),
        (OFFICE.replace("17:00", "15:30") + EXPIRES, NOW + 30 * MINUTE),
        (OFFICE.replace("17:00", "15:30").replace("]}", "], stop_early: 1 minute}"), NOW + 29 * MINUTE),
    ],
)
def test_a_message_is_valid_until_its_window_or_the_campaign_ends(world: Callable[..., World], more: str, until: datetime | None) -> None:
    """Whichever is first, in the recipient's own zone; a provider that keeps it longer delivers nothing after that."""
    told = Told(capabilities=VALIDITY)
    here = world(told, more, people=[PEOPLE[0] | {"time_zone": "Africa/Abidjan"}])
    here.batches()
    go(here)
    assert [until] == told.given[0]["valid_until"].to_pylist()


def test_a_transport_that_does_not_keep_to_it_is_not_told(world: Callable[..., World]) -> None:
    """Only what is asked for is worked out."""
    told = Told()
    here = world(told, people=PEOPLE[:1])
    here.batches()
    go(here)
    assert "valid_until" not in told.given[0].column_names


def test_rows_carry_their_reference_and_the_name_of_their_chunk(world: Callable[..., World]) -> None:
    """The reference is the one that outcomes bring back, and no two chunks have one name, of whatever batch and try."""
    told = Told()
    here = world(told)
    here.batches()
    go(here)
    names = [name for chunk in told.names() for name in chunk]
    assert [reference_of("spring", 0, 1, name) for name in names] == [one for rows in told.given for one in rows["reference"].to_pylist()]
    assert [[f"{RUN}-0-1-{number}"] for number in range(3)] == [rows["submission"].unique().to_pylist() for rows in told.given]


def test_nothing_comes_from_a_transport_that_reports_nothing(world: Callable[..., World]) -> None:
    """Its outcomes are in its answers, or are handed in as files."""
    here = world(Told())
    assert 0 == ingest(here.engine, NOW).disposed
