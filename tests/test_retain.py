"""Attempts that are over and old move out of the way: which and when, whatever is killed, and while others work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drafts import HEAD, campaign
from outcamp.core.limits import Limit
from outcamp.core.manifest import seal_manifest
from outcamp.steps.retain import REST, horizon, retain
from outcamp.steps.stop import stop
from outcamp.store.ledger import Ledger
from outcome_world import event, killed, take, written
from retained_world import DAY, MINUTE, MONTH_LATER, attempts_in, breaches, count, ended_world, move
from small_world import NOW, World


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[World]:
    """Three people to whom messages went a month ago."""
    with ExitStack() as stack:
        yield ended_world(stack, database_uri, tmp_path / "lake")


def books(world: World) -> tuple[list[str], list[str]]:
    return attempts_in(world, "attempts"), attempts_in(world, "past_attempts")


def left(world: World) -> list[tuple[Any, ...]]:
    """Return the attempts that have not been moved."""
    return world.rows("SELECT recipient_id, attempt FROM outcamp.attempts ORDER BY 1, 2")


def test_what_is_over_and_old_moves_as_it_is(world: World) -> None:
    """Each row is then in the other table, word for word; a second call has nothing to do, and never looks again."""
    before, _ = books(world)
    assert 4 == move(world)
    assert ([], before) == books(world)
    assert 0 == move(world)
    assert 0 == move(world, MONTH_LATER + REST)
    assert [(4, MONTH_LATER - 20 * DAY, True)] == world.rows("SELECT moved, before, look_at = 'infinity' FROM outcamp.retention")


def test_a_backlog_is_worked_off_by_and_by(world: World) -> None:
    """A call moves so many chunks, each a transaction, and the next one goes on."""
    assert 2 == move(world, chunks=2, rows=1)
    assert [("ben", 1), ("cleo", 1)] == left(world)
    assert 2 == move(world, chunks=5, rows=1)
    assert [] == left(world)


@pytest.mark.parametrize("column", ["submitted_at", "counted_at", "disposed_at", "deadline_at"])
def test_whatever_happened_after_the_horizon_keeps_an_attempt(world: World, column: str) -> None:
    """Its submission, its deadline, or an outcome that was taken in late; it goes when that is old, too."""
    world.change(f"UPDATE outcamp.attempts SET {column} = %s WHERE recipient_id = 'ada' AND attempt = 1", NOW + 12 * DAY)
    assert 3 == move(world)
    assert [("ada", 1)] == left(world)
    assert 0 == move(world, MONTH_LATER + 2 * DAY)
    assert 1 == move(world, MONTH_LATER + 3 * DAY)


@pytest.mark.parametrize("change", ["disposition = 'unknown'", "state = 'sent', disposition = NULL"])
def test_what_is_not_settled_stays_and_keeps_nobody_else(world: World, change: str) -> None:
    """A doubt may be resolved, an outcome may come: the others of the occurrence go."""
    world.change(f"UPDATE outcamp.attempts SET {change} WHERE recipient_id = 'ben'")
    assert 3 == move(world)
    assert [("ben", 1)] == left(world)


def test_an_entry_that_is_open_or_young_keeps_its_attempts(world: World) -> None:
    """Reattempts are counted over them; what was never submitted is as old as the exit."""
    world.change("UPDATE outcamp.entries SET exited_at = NULL WHERE recipient_id = 'ada'")
    world.change("UPDATE outcamp.entries SET exited_at = %s WHERE recipient_id = 'ben'", NOW + 15 * DAY)
    columns = ("submitted_at", "counted_at", "disposed_at", "deadline_at", "disposition")
    world.change(f"UPDATE outcamp.attempts SET {', '.join(f'{column} = NULL' for column in columns)} WHERE recipient_id <> 'ada'")
    assert 1 == move(world)
    assert [("ada", 1), ("ada", 2), ("ben", 1)] == left(world)


def test_an_occurrence_that_is_not_over_is_not_looked_at(world: World) -> None:
    """Nor one that was over only after the horizon."""
    world.change("UPDATE outcamp.entries SET exited_at = NULL, exit_reason = NULL WHERE recipient_id = 'ada'")
    count(world)
    assert 0 == move(world)
    world.change("UPDATE outcamp.entries SET exited_at = %s, exit_reason = 'finished' WHERE recipient_id = 'ada'", NOW + MINUTE)
    count(world)
    assert 0 == retain(world.engine.ledger, NOW + DAY, MONTH_LATER)
    assert 4 == retain(world.engine.ledger, NOW + 4 * DAY, MONTH_LATER)


def test_a_row_that_somebody_holds_is_left_for_the_next_day(world: World) -> None:
    """Nobody waits: neither the move for the other one, nor a limit or a send for the move."""
    with psycopg.connect(world.uri) as other:
        other.execute("SELECT FROM outcamp.attempts WHERE recipient_id = 'ben' FOR UPDATE")
        assert 3 == move(world)
    assert [("ben", 1)] == left(world)
    assert 0 == move(world)
    assert 1 == move(world, MONTH_LATER + REST)


# The horizon.


SUMMER = seal_manifest(campaign("communication_limits: [{count: 1, within: 90 days}]\n", HEAD.replace("spring", "summer")), NOW, {}, {})


def horizon_in(world: World, keep: timedelta, *limits: Limit) -> timedelta:
    """Return how far back the horizon lies, with two published campaigns, of which the second looks back for 90 days."""
    manifests = {"spring": world.engine.manifest, "summer": SUMMER, "edited": None}
    return MONTH_LATER - horizon(world.engine.ledger, keep, manifests, manifests.get, limits, MONTH_LATER)


def test_attempts_stay_as_long_as_any_limit_looks_back(world: World) -> None:
    """Of campaigns that have not ended, of those to come, and of the whole deployment; or longer, as the setting says."""
    year = Limit.model_validate({"count": 5, "within": "365 days"})
    assert 90 * DAY == horizon_in(world, 20 * DAY)
    assert 400 * DAY == horizon_in(world, 400 * DAY)
    assert 365 * DAY == horizon_in(world, 20 * DAY, year)


def test_a_campaign_that_has_ended_keeps_nothing(world: World) -> None:
    """What it would ask for, nobody asks for."""
    ledger = world.engine.ledger
    with ledger.transaction() as tx:
        tx.run(
            "register-campaign",
            name="summer",
            seal=SUMMER.seal,
            published_at=NOW,
            expires_at=None,
            final_occurrence_at=NOW,
            ignores_total_limits=False,
        )
    assert 90 * DAY == horizon_in(world, 20 * DAY)
    stop(ledger, SUMMER, NOW + DAY)
    assert 20 * DAY == horizon_in(world, 20 * DAY)


def test_the_pulse_moves_nothing_unless_a_retention_is_set(world: World, tmp_path: Path) -> None:
    """With one it moves what is older."""
    from outcamp.dag.dispositions import move_old_attempts
    from outcamp.dag.settings import read_settings

    ledger, home = world.engine.ledger, {"OUTCAMP_HOME": str(tmp_path)}
    for retention, attempts in (("", 4), ("30 days", 4), ("3 weeks", 0)):
        move_old_attempts(read_settings(home | {"OUTCAMP_RETENTION": retention}), ledger, MONTH_LATER)
        assert (retention, attempts) == (retention, len(left(world)))


# Kills, and two at once.


def test_a_kill_at_any_call_loses_nothing_and_doubles_nothing(world: World) -> None:
    """Wherever a move dies, each attempt is in one table; the next call ends as one alone would have."""
    before, _ = books(world)
    number, elsewhere = 1, world.books("entries", "progress")
    while killed(number, lambda: move(world, rows=1)):
        here, there = books(world)
        assert (number, before) == (number, sorted(here + there))
        if number % 10 == 0:  # it reads the whole lake
            assert (number, ()) == (number, breaches(world))
        move(world)
        assert (number, ([], before)) == (number, books(world))
        move_back(world)
        number += 1
    assert number > 30
    assert elsewhere == world.books("entries", "progress")


def move_back(world: World) -> None:
    world.change("DELETE FROM outcamp.retention")
    world.change("WITH gone AS (DELETE FROM outcamp.past_attempts RETURNING *) INSERT INTO outcamp.attempts SELECT * FROM gone")


def at_once(*calls: Callable[[Ledger], object], uri: str) -> None:
    """Do these at the same time, each over a connection of its own."""
    barrier, failed = threading.Barrier(len(calls)), []

    def go(call: Callable[[Ledger], object]) -> None:
        ledger = Ledger.at(uri)
        try:
            ledger.now()
            barrier.wait()
            call(ledger)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failed.append(error)
        finally:
            ledger.close()

    threads = [threading.Thread(target=go, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failed


def test_two_at_once_move_everything_once(world: World) -> None:
    """They share the rows between them, and the count is right."""
    before, _ = books(world)
    for _ in range(5):
        at_once(*[lambda ledger: retain(ledger, MONTH_LATER - DAY, MONTH_LATER, rows=1)] * 2, uri=world.uri)
        move(world, MONTH_LATER + REST)
        assert ([], before) == books(world)
        assert () == breaches(world)
        move_back(world)


def test_an_outcome_that_comes_during_a_move_is_written_wherever_its_attempt_is(world: World, tmp_path: Path) -> None:
    """Who waited for the row finds it in the other table."""
    file = written(tmp_path, [event("ben", "failed", NOW + 20 * MINUTE)])
    with psycopg.connect(world.uri) as other:
        other.execute("WITH gone AS (DELETE FROM outcamp.attempts RETURNING *) INSERT INTO outcamp.past_attempts SELECT * FROM gone")
        taking = threading.Thread(target=lambda: taken.append(take(world, file, MONTH_LATER)))
        taken: list[Any] = []
        taking.start()
        waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while taking.is_alive() and not world.rows(waits):
            pass
        other.commit()
        taking.join()
    assert [1] == [one.taken for one in taken]
    assert [("failed",)] == world.rows("SELECT disposition FROM outcamp.past_attempts WHERE recipient_id = 'ben'")
