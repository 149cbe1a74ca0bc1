"""Outcomes from files: what is news changes the books, once; what is not is kept aside with its reason; nothing is lost by a kill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from outcamp.core.errors import DataError
from outcamp.core.references import reference_of
from outcamp.core.run_key import run_key
from outcamp.steps.fan_out import fan_out
from outcamp.steps.ingest import ingest
from outcamp.steps.outcome_files import REASONS, TakenIn, take_in_file
from outcamp.steps.send import send
from outcome_world import LATER, dispositions, event, kept_aside, sent_world, take, written
from small_world import NOW, PEOPLE, World, make_world


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """Two people to whom a message went, and nothing came back yet."""
    with ExitStack() as stack:
        yield sent_world(stack, database_uri, tmp_path / "lake")


def test_outcomes_change_the_books_and_make_reattempts(world: World, tmp_path: Path) -> None:
    """One is delivered and leaves; one is unreachable, stops counting, and gets the attempt that the rule says."""
    taken = take(world, written(tmp_path, [event("ada"), event("ben", "unreachable")]))
    assert TakenIn(taken=2, reattempts=1, exits=1) == taken
    assert [("ada", 1, "delivered", True), ("ben", 1, "unreachable", False), ("ben", 2, None, False)] == dispositions(world)
    assert [("ada", "finished"), ("ben", None)] == world.exits()


def test_the_same_outcomes_again_change_nothing(world: World, tmp_path: Path) -> None:
    """Neither the same file nor the same event in another file counts twice."""
    events = [event("ada"), event("ben", "unreachable"), event("zoe")]
    take(world, written(tmp_path, events))
    before = world.books("attempts", "entries", "events_not_matched")
    again = take(world, written(tmp_path, [*events, event("ada")], "again.jsonl"))
    assert (0, 3, {"no_attempt": 1}) == (again.taken, again.known, dict(again.aside))
    assert before == world.books("attempts", "entries", "events_not_matched")


@pytest.mark.parametrize("name", ["o.csv", "o.parquet", "o.jsonl"])
def test_every_form_of_file_says_the_same(world: World, tmp_path: Path, name: str) -> None:
    """CSV, Parquet and JSON lines, by reference or by its parts, are read alike."""
    rows = pa.table(
        {
            "reference": [reference_of("spring", 0, 1, "ada"), None],
            "campaign": [None, "spring"],
            "recipient_id": [None, "ben"],
            "attempt": ["", "1"] if name == "o.csv" else pa.array([None, 1], pa.int64()),
            "disposition": ["delivered", "blocked"],
            "disposed_at": ["2026-12-01T15:01:00.5Z", "2026-12-01 20:31+05:30"],
        }
    )
    path = tmp_path / name
    if name == "o.csv":
        pacsv.write_csv(rows, path)
    elif name == "o.parquet":
        pq.write_table(rows, path)
    else:
        written(tmp_path, [{key: value for key, value in row.items() if value is not None} for row in rows.to_pylist()], name)
    assert 2 == take(world, path).taken
    instants = world.rows("SELECT disposed_at - TIMESTAMPTZ '2026-12-01T15:00Z' FROM outcamp.attempts ORDER BY recipient_id")
    assert [(timedelta(seconds=60.5),), (timedelta(minutes=1),)] == instants


def test_a_parquet_instant_is_taken_and_a_time_without_a_zone_is_not(world: World, tmp_path: Path) -> None:
    """What a file does not say is not guessed: a time needs its zone."""
    for name, zone in (("with.parquet", "Europe/Paris"), ("without.parquet", None)):
        at = pa.array([int((NOW + timedelta(seconds=90)).timestamp())], pa.timestamp("s", tz=zone))
        columns = {"campaign": ["spring"], "recipient_id": ["ada"], "attempt": [1], "disposition": ["delivered"], "disposed_at": at}
        pq.write_table(pa.table(columns), tmp_path / name)
    assert {"unreadable": 1} == take(world, tmp_path / "without.parquet").aside
    assert 1 == take(world, tmp_path / "with.parquet").taken


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (event(campaign="sprung"), REASONS["no_campaign"]),
        (event("zoe"), REASONS["no_attempt"]),
        (event(occurrence=7), REASONS["no_attempt"]),
        (event(attempt=2), REASONS["no_attempt"]),
        (event(channel="email"), REASONS["other_channel"]),
        (event(at=LATER + timedelta(hours=1)), REASONS["in_the_future"]),
        (event(at=NOW - timedelta(hours=1)), REASONS["before_submission"]),
        (event(disposition="bounced"), REASONS["no_disposition"]),
        (event(disposition="no_outcome"), REASONS["no_disposition"]),
        (event(attempt=None), f"{REASONS['unreadable']}: attempt is missing"),
    ],
)
def test_what_is_not_taken_is_kept_aside_with_its_reason(world: World, tmp_path: Path, wrong: dict[str, Any], reason: str) -> None:
    """The rows beside it are taken in all the same, and it is kept once."""
    path = written(tmp_path, [wrong, event("ben")])
    taken = take(world, path)
    take(world, path)
    assert (1, 1) == (taken.taken, taken.aside.total())
    assert [(reason, {name: said for name, said in wrong.items() if said is not None})] == [
        (said, kept | {"disposed_at": wrong["disposed_at"]}) for said, kept in kept_aside(world)
    ]


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("0000-01-01T00:00:00Z", f"{REASONS['unreadable']}: disposed_at=0000-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", f"{REASONS['unreadable']}: disposed_at=0001-01-01T00:00:00+14:00"),
        ("0001-01-01T00:00:00Z", REASONS["before_submission"]),
        ("9999-12-31T23:59:59Z", REASONS["in_the_future"]),
        ("9999-12-31T23:59:59-10:00", f"{REASONS['unreadable']}: disposed_at=9999-12-31T23:59:59-10:00"),
    ],
)
def test_a_time_at_the_end_of_the_calendar_stops_nothing(world: World, tmp_path: Path, at: str, reason: str) -> None:
    """Its row is kept aside, and those beside it are taken in."""
    taken = take(world, written(tmp_path, [event() | {"disposed_at": at}, event("ben")]))
    assert (1, [reason]) == (taken.taken, [said for said, _ in kept_aside(world)])


def test_an_outcome_after_the_deadline_is_late(world: World, tmp_path: Path) -> None:
    """The attempt is no_outcome by then."""
    after = NOW + timedelta(hours=73)
    path = written(tmp_path, [event(at=after)])
    taken = take_in_file(world.engine.ledger, {"spring": world.engine.manifest}.get, path, lambda: after)
    assert {"late": 1} == taken.aside


def test_an_attempt_that_was_not_submitted_has_no_outcome(database_uri: str, tmp_path: Path) -> None:
    """What waits or is in a wave's hands cannot have been answered."""
    with ExitStack() as stack:
        world = make_world(stack, database_uri, tmp_path / "lake")
        world.batches()
        assert {"not_submitted": 1} == take(world, written(tmp_path, [event()])).aside


def test_a_campaign_without_its_manifest_keeps_its_outcomes_aside(world: World, tmp_path: Path) -> None:
    """What follows would not be known, so nothing of it is taken in."""
    path = written(tmp_path, [event()])
    taken = take_in_file(world.engine.ledger, lambda _: None, path, lambda: LATER)
    assert {"not_here": 1} == taken.aside
    world.change("UPDATE outcamp.campaigns SET deleted_at = %s", NOW)
    assert 1 == take_in_file(world.engine.ledger, lambda _: None, path, lambda: LATER).taken


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            "recipient_id,disposition\nada,delivered\n",
            "names its attempt, and the columns are recipient_id, disposition",
        ),
        ("a.csv", "reference,disposition\nx,delivered\n", "the column disposed_at is missing"),
        (
            "a.csv",
            'reference,disposition,disposed_at\n"x,delivered,2026',
            "cut short or damaged: it ends inside a quoted field",
        ),
        ("a.jsonl", '{"campaign": "spring"\n', "these are no JSON lines"),
        ("a.jsonl", '{"campaign": "spring", "recipient_id": 7}\n', "write one object a line: ids and times as text"),
        ("a.txt", "", "the file is empty"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(world: World, tmp_path: Path, name: str, text: str, message: str) -> None:
    """Nothing of it is taken in, also what stands before the damage."""
    before = world.books()
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        take(world, tmp_path / name)
    assert message in str(refusal.value)
    assert before == world.books()


def test_a_truth_replaces_no_outcome_without_a_second_reattempt(database_uri: str, tmp_path: Path) -> None:
    """It happened before the deadline and was told after it: the books say the truth, and the reattempt that was made stays one."""
    with ExitStack() as stack:
        rule = "reattempts: [{when: [no_outcome, unreachable], channel: sms, wait: 30 minutes, times: 2}]\n"
        world = sent_world(stack, database_uri, tmp_path / "lake", rule, PEOPLE[:1])
        ingest(world.engine, NOW + timedelta(hours=73))
        assert [("ada", 1, "no_outcome", True), ("ada", 2, None, False)] == dispositions(world)
        take(world, written(tmp_path, [event("ada", "unreachable")]), NOW + timedelta(hours=73))
        assert [("ada", 1, "unreachable", False), ("ada", 2, None, False)] == dispositions(world)


def test_a_bounce_after_the_exit_gives_the_limit_back_and_reopens_nothing(world: World, tmp_path: Path) -> None:
    """Delivered and gone, then news that it never arrived: the books say so, and the entry stays as it was left."""
    take(world, written(tmp_path, [event("ben", "delivered")]))
    left = world.exits()
    taken = take(world, written(tmp_path, [event("ben", "unreachable", NOW + timedelta(minutes=5))]))
    assert TakenIn(taken=1) == taken
    assert [("ada", 1, None, True), ("ben", 1, "unreachable", False)] == dispositions(world)
    assert left == world.exits()


def test_without_an_occurrence_only_one_may_be_meant(database_uri: str, tmp_path: Path) -> None:
    """Two occurrences that may both have had an outcome then are told apart by their number, or by the time; no guess is made."""
    with ExitStack() as stack:
        again = NOW + timedelta(days=1)
        world = sent_world(stack, database_uri, tmp_path / "lake", people=PEOPLE[:1])
        take(world, written(tmp_path, [event("ada", "delivered")]))
        world.filtered(again)
        for batch in fan_out(world.engine, run_key(again), again):
            send(world.engine, run_key(again), batch.batch, lambda: again)
        after = again + timedelta(minutes=2)
        unclear = event("ada", "failed", after)
        assert {"ambiguous": 1} == take(world, written(tmp_path, [unclear]), after).aside
        assert [(REASONS["ambiguous"],)] == [kept[:1] for kept in kept_aside(world)]
        assert 1 == take(world, written(tmp_path, [unclear | {"occurrence": 1}]), after).taken
        assert 1 == take(world, written(tmp_path, [event("ada", "opted_out", again - timedelta(hours=1))]), after).taken
        said = world.rows("SELECT number, disposition FROM outcamp.attempts JOIN outcamp.occurrences USING (occurrence_id) ORDER BY 1")
        assert [(0, "opted_out"), (1, "failed")] == said


def test_the_document_lists_every_reason() -> None:
    """docs/outcomes.md names the reasons in the words in which they are kept."""
    text = (Path(__file__).parents[1] / "docs" / "outcomes.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- reasons -->\n")[2].partition("<!-- /reasons -->")[0].splitlines()
    assert [f"- {reason}" for reason in REASONS.values()] == shown
