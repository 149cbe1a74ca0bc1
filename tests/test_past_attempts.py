"""Whoever asks about attempts that were moved hears the same as before, and what comes late reaches them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from outcamp.core.run_key import run_key
from outcamp.steps.audit import audit
from outcamp.steps.erase import erase
from outcamp.steps.explain import explain
from outcamp.steps.export import export_entries, export_results
from outcamp.store import progress, recipients, status
from outcamp.store.sql import queries
from outcome_world import event, kept_aside, take, written
from retained_world import DAY, MINUTE, MONTH_LATER, breaches, count, ended_world, move
from small_world import NOW, RUN, World


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """Three people to whom messages went a month ago."""
    with ExitStack() as stack:
        yield ended_world(stack, database_uri, tmp_path / "lake")


def said(world: World) -> dict[str, Any]:
    """Return all that outcamp says about what was, in every way that it has."""
    engine = world.engine
    for run in (RUN, run_key(NOW + 11 * MINUTE, 1)):
        export_results(engine, run)
    for path in engine.lake.root.glob("entries/**/*.parquet"):
        path.unlink()
    export_entries(engine)
    count(world)
    with engine.ledger.transaction() as tx:
        (campaign_id,) = (row.campaign_id for row in status.facts(tx, MONTH_LATER).values())
        (counted,) = progress.of_campaign(tx, campaign_id, 10)
        counts = status.counts(tx, campaign_id)
        contacts = {
            name: recipients.contacts(tx, bucket, name, NOW - DAY, MONTH_LATER)
            for name, bucket in world.rows("SELECT DISTINCT recipient_id, bucket FROM outcamp.entries")
        }
    shown = sorted(path for name in ("results", "dispositions", "entries") for path in engine.lake.root.glob(f"{name}/**/*.parquet"))
    return {
        "explain": [explain(engine.ledger, engine.lake, engine.manifest, name, MONTH_LATER) for name in ("ada", "ben", "cleo")],
        "status": counts,
        "page": counted,
        "contacts": contacts,
        "audit": audit(engine.ledger, engine.lake, {"spring": engine.manifest}, MONTH_LATER),
        "lake": {str(path): pq.read_table(path, partitioning=None).to_pylist() for path in shown},
    }


def test_everybody_who_asks_hears_the_same(world: World) -> None:
    """Stories, counts, pages, audit and files do not change by a move, be it whole or half done."""
    before = said(world)
    assert () == before["audit"].breaches
    assert [4, 3, 3, 1] == [len(rows) for rows in before["lake"].values()]
    assert 1 == move(world, chunks=1, rows=1)
    assert before == said(world)
    assert 3 == move(world)
    assert before == said(world)


def test_a_late_truth_is_written_to_an_attempt_that_was_moved(world: World, tmp_path: Path) -> None:
    """It stops counting if nobody was reached, and nothing follows; known again, it is known."""
    move(world)
    file = written(tmp_path, [event("ada", "failed", NOW + 20 * MINUTE, attempt=2), event("ben", "failed", NOW + 20 * MINUTE)])
    found = take(world, file, MONTH_LATER)
    assert (2, 0, 0, 0) == (found.taken, found.known, found.reattempts, found.exits)
    assert [("ada", 2, "failed", False), ("ben", 1, "failed", False)] == world.rows(
        "SELECT recipient_id, attempt, disposition, counted_at IS NOT NULL FROM outcamp.past_attempts"
        " WHERE disposition = 'failed' ORDER BY 1, 2"
    )
    again = take(world, file, MONTH_LATER)
    assert (0, 2) == (again.taken, again.known)
    assert () == breaches(world)


def test_an_outcome_after_the_deadline_is_kept_aside_as_late_and_its_wish_is_heeded(world: World, tmp_path: Path) -> None:
    """As if its attempt had not been moved: with its reason, and on the do-not-contact list."""
    move(world)
    found = take(world, written(tmp_path, [event("ben", "opted_out", NOW + 9 * DAY)]), MONTH_LATER)
    assert ({"late": 1}, 2) == (dict(found.aside), found.suppressed)
    assert ["the channel's deadline had passed: the attempt is no_outcome"] == [reason for reason, _ in kept_aside(world)]


def test_who_is_erased_is_erased_from_what_was_moved(world: World) -> None:
    """Whether all of theirs was, some, or none; the sums are as before and the audit finds nothing."""
    engine = world.engine
    move(world, chunks=1, rows=1)
    assert 2 == erase(engine.ledger, engine.lake, "ada", MONTH_LATER, {"spring": engine.manifest}).attempts
    move(world)
    assert 1 == erase(engine.ledger, engine.lake, "ben", MONTH_LATER, {"spring": engine.manifest}).attempts
    for table in ("attempts", "past_attempts", "entries"):
        assert [] == world.rows(f"SELECT FROM outcamp.{table} WHERE recipient_id IN ('ada', 'ben')")
    assert () == breaches(world)


BREACHES = {
    "INSERT INTO outcamp.attempts SELECT * FROM outcamp.past_attempts WHERE recipient_id = 'ben'": (
        "occurrence 0, recipient ben, attempt 1 was moved, and is still there"
    ),
    "UPDATE outcamp.entries SET exited_at = NULL WHERE recipient_id = 'ben'": (
        "occurrence 0, recipient ben, attempt 1 was moved while it was not over"
    ),
    "DELETE FROM outcamp.past_attempts WHERE recipient_id = 'ben'": "occurrence 0: 4 attempts were moved, and 3 are there",
}


@pytest.mark.parametrize("statement", BREACHES)
def test_the_audit_finds_what_a_move_has_lost_or_doubled(world: World, statement: str) -> None:
    """By the count of what was moved, and by what must not be in both tables."""
    move(world)
    world.change(statement)
    found = {breach.check: breach.rows for breach in breaches(world)}
    assert (BREACHES[statement],) == found["moved"]


# The tables.


@pytest.mark.parametrize(
    ("cold", "hot", "table"),
    [("over-limits-ever", "over-limits", "all_attempts"), ("record-past-outcomes", "record-outcomes", "past_attempts")],
)
def test_a_statement_about_the_past_is_the_other_one_word_for_word(cold: str, hot: str, table: str) -> None:
    """But for the table: what is changed in one is changed in both."""

    def statement(name: str) -> str:
        return "\n".join(line for line in queries()[name].splitlines() if not line.startswith("--"))

    assert statement(hot).replace("outcamp.attempts", f"outcamp.{table}") == statement(cold)


# Statements that read or change attempts alone, by what makes that right.
ALONE = {
    "what waits, is claimed or is on its way is never moved": (
        "audit-after-exit audit-dead-hands audit-waits-for-nothing claim-due claimed claimed-by-bucket close-waiting"
        " doubt-submissions-of-batch doubt-submissions-of-waves exit-at-expiry exit-entries exit-rejected"
        " give-back-claims hand-back hands-that-hold next-due put-off"
        " set-no-outcome still-claimed submit take-back unfinished-campaigns waves-holding-rows"
    ),
    "nor is what a newer try has put in doubt": "attempts-in-doubt record-answers",
    "nor what belongs to an open entry": "admit follow",
    "another statement asks for the past": "over-limits record-outcomes rename-attempts",
    "it is no news for a breaker": "count-outcomes",
    "nothing is ever moved in a rehearsal": "forget-at-crash history-has-come load-history-attempts",
    "it is about the move": "audit-moved move-attempts",
}


def test_whoever_reads_attempts_alone_has_a_reason() -> None:
    """A statement that is new here is about what is on its way, or it reads both tables."""
    alone = {name for name, text in queries().items() if re.search(r"\boutcamp\.attempts\b", text)}
    assert alone == {name for names in ALONE.values() for name in names.split()}


def test_both_tables_have_the_same_columns(world: World) -> None:
    """A migration that adds one to attempts adds it to past_attempts and to the view, in the same place."""

    def columns(table: str) -> list[tuple[Any, ...]]:
        return world.rows(
            f"SELECT column_name, udt_name, collation_name FROM information_schema.columns WHERE table_schema = 'outcamp' "
            f"AND table_name = '{table}' ORDER BY ordinal_position"
        )

    assert columns("attempts") == columns("past_attempts") == columns("all_attempts")
