"""Outcomes from files: what is news changes the books, once; what is not is kept aside with its reason; nothing is lost by a kill."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from outcamp.core.errors import DataError
from outcamp.core.references import reference_of
from outcamp.core.run_key import run_key
from outcamp.steps import outcome_files
from outcamp.steps.ingest import ingest
from outcamp.steps.outcome_files import REASONS, TakenIn, take_in_file
from outcamp.steps.outcome_folder import take_in_folder
from outcamp.steps.send import send
from small_world import ADA, NOW, World, make_world

RULE = "reattempts: [{when: [unreachable], channel: sms, wait: 30 minutes}]\n"
LATER = NOW + timedelta(minutes=10)
PENDING = [{"recipient_id": name, "attempt": 1, "channel": "sms", "disposition": "delivered", "after": 200_000} for name in ("ada", "ben")]


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """Two people to whom a message went, and nothing came back yet."""
    with ExitStack() as stack:
        world = make_world(stack, database_uri, tmp_path / "lake", RULE, outcomes=PENDING)
        for batch in world.batches():
            send(world.engine, run_key(NOW), batch.batch, lambda: NOW)
        yield world


def event(recipient: str = "ada", disposition: str = "delivered", at: datetime = NOW + timedelta(minutes=1), **more: Any) -> dict[str, Any]:
    return {"campaign": "spring", "recipient_id": recipient, "attempt": 1, "disposition": disposition, "disposed_at": at.isoformat()} | more


def written(folder: Path, events: list[dict[str, Any]], name: str = "outcomes.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in events), encoding="utf-8")
    return path


def take(world: World, path: Path) -> TakenIn:
    return take_in_file(world.engine.ledger, {"spring": world.engine.manifest}.get, path, LATER)


def dispositions(world: World) -> list[tuple[Any, ...]]:
    return world.rows("SELECT recipient_id, attempt, disposition, counted_at IS NOT NULL FROM outcamp.attempts ORDER BY 1, 2")


def kept_aside(world: World) -> list[tuple[str, str]]:
    return world.rows("SELECT reason, event ->> 'recipient_id' FROM outcamp.events_not_matched ORDER BY event_id")


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
        (event() | {"disposed_at": "2026-12-01T15:01"}, f"{REASONS['unreadable']}: disposed_at=2026-12-01T15:01"),
        (event() | {"disposed_at": "2026-02-30T15:01Z"}, f"{REASONS['unreadable']}: disposed_at=2026-02-30T15:01Z"),
        (event() | {"disposition": " "}, f"{REASONS['unreadable']}: disposition is missing"),
        ({**event(), "reference": "spring/x/1/ada", "campaign": None}, f"{REASONS['unreadable']}: campaign is missing"),
    ],
)
def test_what_is_not_taken_is_kept_aside_with_its_reason(world: World, tmp_path: Path, wrong: dict[str, Any], reason: str) -> None:
    """The rows beside it are taken in all the same, and it is kept once."""
    path = written(tmp_path, [wrong, event("ben")])
    taken = take(world, path)
    take(world, path)
    assert (1, 1) == (taken.taken, taken.aside.total())
    assert [reason] == [said for said, _ in kept_aside(world)]


def test_an_outcome_after_the_deadline_is_late(world: World, tmp_path: Path) -> None:
    """The attempt is no_outcome by then."""
    after = NOW + timedelta(hours=73)
    path = written(tmp_path, [event(at=after)])
    taken = take_in_file(world.engine.ledger, {"spring": world.engine.manifest}.get, path, after)
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
    taken = take_in_file(world.engine.ledger, lambda _: None, path, LATER)
    assert {"not_here": 1} == taken.aside
    world.change("UPDATE outcamp.campaigns SET deleted_at = %s", NOW)
    assert 1 == take_in_file(world.engine.ledger, lambda _: None, path, LATER).taken


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
        ("a.jsonl", '{"campaign": "spring", "recipient_id": 7}\n', "write one object a line, ids and times as text"),
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


NEWS = [
    ("failed", NOW + timedelta(minutes=1)),
    ("delivered", NOW + timedelta(minutes=2)),
    ("opted_out", NOW + timedelta(minutes=3)),
    ("blocked", NOW + timedelta(minutes=3)),
]


def test_the_newest_outcome_stands_in_whatever_order_they_come(database_uri: str, tmp_path: Path) -> None:
    """At one instant the one that counts stands; a stale one undoes nothing, and what comes twice is one."""
    orders = {f"p{number:02}": order for number, order in enumerate(itertools.permutations(NEWS))}
    with ExitStack() as stack:
        people = [{"recipient_id": name, "phone": ADA} for name in orders]
        pending = [PENDING[0] | {"recipient_id": name} for name in orders]
        world = make_world(stack, database_uri, tmp_path / "lake", RULE, people=people, outcomes=pending)
        for batch in world.batches():
            send(world.engine, run_key(NOW), batch.batch, lambda: NOW)
        for turn in range(len(NEWS)):
            events = [event(name, *order[turn]) for name, order in orders.items()]
            take(world, written(tmp_path, [*events, *events]))
        assert [(name, 1, "opted_out", True) for name in orders] == dispositions(world)


def test_several_outcomes_of_one_attempt_in_one_file_end_as_if_they_came_in_turn(world: World, tmp_path: Path) -> None:
    """The newest one stands, and what follows is made once."""
    expired = event("ben", "expired", NOW + timedelta(seconds=5))
    events = [*(event("ada", *news) for news in NEWS), event("ben", "unreachable"), event("ben", "unreachable"), expired]
    take(world, written(tmp_path, events))
    assert [("ada", 1, "opted_out", True), ("ben", 1, "unreachable", False), ("ben", 2, None, False)] == dispositions(world)


def test_a_truth_replaces_no_outcome_without_a_second_reattempt(database_uri: str, tmp_path: Path) -> None:
    """It happened before the deadline and was told after it: the books say the truth, and the reattempt that was made stays one."""
    with ExitStack() as stack:
        rule = "reattempts: [{when: [no_outcome, unreachable], channel: sms, wait: 30 minutes, times: 2}]\n"
        world = make_world(stack, database_uri, tmp_path / "lake", rule, outcomes=PENDING[:1])
        for batch in world.batches():
            send(world.engine, run_key(NOW), batch.batch, lambda: NOW)
        world.change("UPDATE outcamp.attempts SET deadline_at = %s", NOW + timedelta(hours=1))
        world.engine.ledger.close()
        ingest(world.engine, NOW + timedelta(hours=2))
        assert [("ada", 1, "no_outcome", True), ("ada", 2, None, False)] == dispositions(world)[:2]
        take(world, written(tmp_path, [event("ada", "unreachable")]))
        assert [("ada", 1, "unreachable", False), ("ada", 2, None, False)] == dispositions(world)[:2]


def test_a_kill_between_two_transactions_loses_nothing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is taken in again from its beginning, and ends as if nothing had happened."""
    monkeypatch.setattr(outcome_files, "CHUNK_ROWS", 1)
    path = written(tmp_path, [event("ada"), event("ben", "unreachable")])
    asked = itertools.count()

    def manifest_of(_: str) -> Any:
        if next(asked):
            raise KeyboardInterrupt
        return world.engine.manifest

    with pytest.raises(KeyboardInterrupt):
        take_in_file(world.engine.ledger, manifest_of, path, LATER)
    assert [("ada", 1, "delivered", True), ("ben", 1, None, True)] == dispositions(world)
    take(world, path)
    assert [("ada", 1, "delivered", True), ("ben", 1, "unreachable", False), ("ben", 2, None, False)] == dispositions(world)


def test_the_folder_is_emptied_file_by_file(world: World, tmp_path: Path) -> None:
    """Complete files are put away, refused ones with the reason beside them, and what is still being written stays."""
    folder = tmp_path / "outcomes"
    folder.mkdir()
    written(folder, [event("ada")], "good.jsonl")
    (folder / "bad.csv").write_text("reference,disposed_at\n", encoding="utf-8")
    written(folder, [event("ben")], ".half.jsonl")
    written(folder, [event("ben")], "half.jsonl.part")
    manifests = {"spring": world.engine.manifest}.get
    taken, refused = take_in_folder(world.engine.ledger, manifests, folder, LATER)
    assert ({"good.jsonl": TakenIn(taken=1, exits=1)}, ["bad.csv"]) == (taken, refused)
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert [".half.jsonl", "half.jsonl.part", "refused/bad.csv", "refused/bad.csv.reason.txt", "taken/good.jsonl"] == left
    assert "the column disposition is missing" in (folder / "refused" / "bad.csv.reason.txt").read_text(encoding="utf-8")


def test_a_file_that_was_taken_in_and_not_put_away_is_taken_in_again(world: World, tmp_path: Path) -> None:
    """Killed before the move, the next pulse finds it, changes nothing in the books, and puts it beside its namesake."""
    folder = tmp_path / "outcomes"
    folder.mkdir()
    manifests = {"spring": world.engine.manifest}.get
    for _ in range(2):
        take(world, written(folder, [event("ada")], "good.jsonl"))
        taken, _ = take_in_folder(world.engine.ledger, manifests, folder, LATER)
        assert {"good.jsonl": TakenIn(known=1)} == taken
    assert ["good-2.jsonl", "good.jsonl"] == sorted(path.name for path in (folder / "taken").iterdir())


def test_a_folder_that_is_not_there_holds_nothing(world: World, tmp_path: Path) -> None:
    """Nobody has to make it."""
    assert ({}, []) == take_in_folder(world.engine.ledger, lambda _: None, tmp_path / "nowhere", LATER)


def test_the_document_lists_every_reason() -> None:
    """docs/outcomes.md names the reasons in the words in which they are kept."""
    text = (Path(__file__).parents[1] / "docs" / "outcomes.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- reasons -->\n")[2].partition("<!-- /reasons -->")[0].splitlines()
    assert [f"- {reason}" for reason in REASONS.values()] == shown
