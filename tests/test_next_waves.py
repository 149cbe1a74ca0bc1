"""Which runs a campaign asks Airflow for: never more than two ahead, nobody waits for good, and an occurrence is decided to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.errors import Transient
from outcamp.core.run_key import run_key
from outcamp.dag.tasks import await_instant
from outcamp.steps.engine import Engine
from outcamp.steps.heal import heal, unfinished
from outcamp.steps.next_wave import next_wave
from outcamp.steps.planned_runs import PlannedRuns
from outcamp.steps.stop import record_error, resume, stop
from small_world import NOW, RUN, Runs, World, make_world

MINUTE = timedelta(minutes=1)
CLOSED = 'communication_time: {time_zone: UTC, active: [{days: mon-sun, from: "18:00", to: "20:00"}]}\n'
DAILY = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, repeat: daily}\n"


@dataclass
class Airflow(Runs):
    """DAG runs that stay queued until they are let go, and the occurrences that were asked for once more."""

    repeated: list[tuple[str, datetime]] = field(default_factory=list)

    def make(self, run: str, at: datetime) -> None:
        """Queue a run."""
        super().make(run, at)
        self.alive.add(run)

    def again(self, run: str, at: datetime) -> None:
        """Note that an occurrence was asked for once more."""
        self.repeated.append((run, at))


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes small campaigns in one ledger and one lake."""
    with ExitStack() as stack:
        yield lambda *more, **settings: make_world(stack, database_uri, tmp_path, *more, **settings)


def in_airflow(campaign: World) -> tuple[Engine, Airflow]:
    """Return the campaign's engine as it is in Airflow, and its runs."""
    runs = Airflow()
    return replace(campaign.engine, runs=PlannedRuns(campaign.engine.ledger, "spring", runs)), runs


def due_in(campaign: World, minutes: int) -> None:
    """Let what waits be due so many minutes after the occurrence."""
    campaign.change("UPDATE outcamp.attempts SET due_at = %s", NOW + minutes * MINUTE)


def minutes(runs: Airflow) -> list[int]:
    return [(at - NOW) // MINUTE for _, at in runs.made]


def test_two_runs_are_queued_ahead_and_the_pulse_makes_the_others_in_time(world: Callable[..., World]) -> None:
    """One far ahead and one at the next instant; what is due in between has its run as soon as its instant is the next one."""
    campaign = world(CLOSED)
    campaign.filtered()
    engine, runs = in_airflow(campaign)
    for minute in (60, 30, 5, 1):
        due_in(campaign, minute)
        assert NOW + minute * MINUTE == next_wave(engine, NOW)
    assert [60, 1] == minutes(runs)
    due_in(campaign, 30)
    runs.alive.discard(run_key(NOW + MINUTE, 1))
    heal(engine, NOW + 20 * MINUTE)
    assert [60, 1] == minutes(runs)
    heal(engine, NOW + 29 * MINUTE)
    assert [60, 1, 30] == minutes(runs)


def test_whatever_comes_due_in_whatever_order_no_more_than_two_runs_are_queued(world: Callable[..., World]) -> None:
    """Time goes on, dues move to and fro, runs begin or are late: nothing piles up, and something is always on its way."""
    campaign = world(CLOSED)
    campaign.filtered()
    engine, runs = in_airflow(campaign)

    @given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.booleans()), max_size=12))
    def play(steps: list[tuple[int, int, bool]]) -> None:
        runs.alive.clear()
        now = NOW
        for later, due, begin in steps:
            now += later * MINUTE
            if begin:
                runs.alive -= {run for run, at in runs.made if at <= now}
            due_in(campaign, (now - NOW) // MINUTE + due)
            next_wave(engine, now)
            assert 1 <= len(runs.alive) <= 2

    play()


def test_an_occurrence_whose_wave_failed_is_run_once_more_when_somebody_resumes(world: Callable[..., World]) -> None:
    """In Error it waits; resumed, its own run begins again, and the campaign counts as unfinished until then."""
    campaign = world()
    campaign.snapshot()
    engine, runs = in_airflow(campaign)
    record_error(engine, "the wave failed", NOW)
    heal(engine, NOW + MINUTE)
    assert [] == runs.repeated
    resume(engine.ledger, engine.manifest)
    assert frozenset({"spring"}) == unfinished(engine.ledger, ["spring"])
    heal(engine, NOW + MINUTE)
    assert [(RUN, NOW)] == runs.repeated


def test_an_occurrence_that_could_not_even_be_opened_is_run_once_more(world: Callable[..., World]) -> None:
    """The ledger was away when its wave ran: it knows nothing of the occurrence, the schedule does."""
    engine, runs = in_airflow(world())
    heal(engine, NOW + MINUTE)
    assert [(RUN, NOW)] == runs.repeated


def test_an_occurrence_at_work_and_one_that_is_decided_are_left_alone(world: Callable[..., World]) -> None:
    """Only a wave that has ended before its end is run again."""
    campaign = world()
    campaign.snapshot()
    engine, runs = in_airflow(campaign)
    runs.alive.add(RUN)
    heal(engine, NOW + MINUTE)
    campaign.batches()
    runs.alive.clear()
    heal(engine, NOW + MINUTE)
    assert [] == runs.repeated


def test_an_occurrence_that_a_later_one_replaces_is_closed(world: Callable[..., World]) -> None:
    """Whom it has not decided are in the segment of the later one; otherwise the campaign would never be completed."""
    campaign = world(DAILY)
    campaign.snapshot()
    engine, runs = in_airflow(campaign)
    tomorrow = NOW + timedelta(days=1)
    heal(engine, tomorrow)
    assert [(run_key(tomorrow), tomorrow)] == runs.repeated
    assert [(tomorrow,)] == campaign.rows("SELECT closed_at FROM outcamp.occurrences")


def test_a_stopped_campaign_is_not_taken_up(world: Callable[..., World]) -> None:
    """A stop is final, also for an occurrence that was being decided."""
    campaign = world()
    campaign.snapshot()
    engine, runs = in_airflow(campaign)
    stop(engine.ledger, engine.manifest, NOW)
    heal(engine, NOW + MINUTE)
    assert [] == runs.repeated
    assert frozenset() == unfinished(engine.ledger, ["spring"])


def test_a_wave_begins_when_the_ledgers_clock_has_reached_its_instant(world: Callable[..., World]) -> None:
    """The scheduler's clock may be a moment ahead; what is due at the instant is then due by the one clock that counts."""
    ledger = world().engine.ledger
    at = ledger.now() + timedelta(milliseconds=50)
    assert at <= await_instant(ledger, at)


def test_a_scheduler_whose_clock_is_wrong_is_named(world: Callable[..., World]) -> None:
    """More than half a minute ahead is no moment, and the task says which clocks differ."""
    ledger = world().engine.ledger
    at = datetime(2100, 1, 1, tzinfo=NOW.tzinfo)
    with pytest.raises(Transient) as raised:
        await_instant(ledger, at)
    assert "The scheduler began the wave of 2100-01-01T00:00:00+00:00 when the ledger's clock showed 20" in str(raised.value)
    assert "  Next: set the clocks of both machines by NTP; the task is tried again by itself" in str(raised.value)
