"""Sending at a pace: chunk by chunk when its turn has come, with everything looked at again, and never holding a worker for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from outcamp.core.channels import Pace
from outcamp.core.pacing import WARM_UP, kept_pace
from outcamp.core.run_key import run_key
from outcamp.steps.send import Sent, send
from outcamp.steps.stop import stop
from outcamp.store.paces import PaceKey, delay_turns, take_turn
from outcamp.transports.base import Capabilities, OutcomesFromOutside, same_answer
from small_world import NOW, RUN, World, make_world

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HEAD = """\
name: spring
segment: {file: people.csv}
channel: sms
channels: {sms: {transport: hook, body: "{{ text }}", pace: PACE}}
"""
TEXTS = Capabilities(chunk_size=50, texts=True)


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Provider(OutcomesFromOutside):
    """Accepts everything, and notes of each chunk when it came, in seconds, how many messages it has, and its name."""

    clock: Clock
    capabilities: Capabilities = TEXTS
    given: list[tuple[float, int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    chunks: list[str] = field(default_factory=list)

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Note the chunk."""
        self.given.append((round((now - NOW).total_seconds(), 3), rows.num_rows))
        assert self.clock.now == now
        self.chunks += rows["submission"].unique().to_pylist()
        self.names += rows["recipient_id"].to_pylist()
        return same_answer(rows.num_rows, status="accepted")


@dataclass
class Clock:
    """A clock that stands still until somebody waits; something may happen at the first wait that begins at or after an instant."""

    now: datetime = NOW
    at: datetime | None = None
    happens: Callable[[], object] = lambda: None

    def __call__(self) -> datetime:
        """Return what it shows."""
        return self.now

    def wait(self, time: timedelta) -> None:
        """Let time go by."""
        if self.at is not None and self.now >= self.at:
            self.at = None
            self.happens()
        self.now += time


def people(count: int, text: str = "Hello") -> list[dict[str, Any]]:
    return [{"recipient_id": f"p{number:03}", "phone": f"+120255501{number % 100:02}", "text": text} for number in range(count)]


@pytest.fixture
def world(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., tuple[World, Provider, Clock]]]:
    """Makes a campaign with this pace and so many people, up to its batches."""
    with ExitStack() as stack:

        def make(pace: str, who: list[dict[str, Any]], more: str = "", **settings: Any) -> tuple[World, Provider, Clock]:
            here = make_world(stack, database_uri, tmp_path, more, HEAD.replace("PACE", pace), people=who, **settings)
            clock = Clock()
            provider = Provider(clock)
            here.engine = replace(here.engine, transports={here.engine.campaign.channel: provider}, read_columns=frozenset({"text"}))
            here.batches()
            return here, provider, clock

        yield make


def go(world: World, clock: Clock, run: str = RUN, paused: Callable[[], bool] = lambda: False) -> Sent:
    return send(world.engine, run, 0, clock, paused, clock.wait)


def free_at(world: World) -> float:
    """In how many seconds from NOW the connection is free."""
    ((at,),) = world.rows("SELECT free_at FROM outcamp.paces WHERE campaign = ''")
    return round((at - NOW).total_seconds(), 3)


def test_a_batch_goes_at_its_pace(world: Callable[..., Any]) -> None:
    """Chunk after chunk at even distances, each as small as the pace makes it; after the first, which opens what all use, a little more."""
    here, provider, clock = world("50/second", people(11))
    assert Sent(11, 0) == go(here, clock)
    assert [(0.021, 2), (0.162, 2), (0.204, 2), (0.246, 2), (0.287, 2), (0.329, 1)] == provider.given


def test_without_a_wait_no_pace_is_kept(world: Callable[..., Any]) -> None:
    """A simulation's clock stands still within a wave, and is not held up by what a provider would take."""
    here, provider, clock = world("1/day", people(11))
    assert Sent(11, 0) == send(here.engine, RUN, 0, clock)
    assert [(0.0, 11)] == provider.given


def test_a_text_counts_as_many_as_it_has_parts(world: Callable[..., Any]) -> None:
    """A chunk holds so many parts, at least one message, and takes the time of its parts."""
    here, provider, clock = world("100/second", people(5, "x" * 200))
    assert Sent(5, 0) == go(here, clock)
    assert [(0.021, 2), (0.162, 2), (0.204, 1)] == provider.given
    assert 0.204 == free_at(here)


def test_a_long_text_takes_its_time_alone(world: Callable[..., Any]) -> None:
    """A message of more parts than go at once is not torn apart, and the next one waits for all of them."""
    here, provider, clock = world("10/second", people(3, "x" * 460))
    assert Sent(3, 0) == go(here, clock)
    assert [(0.05, 1), (0.566, 1), (0.982, 1)] == provider.given


def test_a_text_that_cannot_be_made_takes_no_time(world: Callable[..., Any]) -> None:
    """It is dropped as ever, and nobody waits for it."""
    here, provider, clock = world("10/second", [*people(2), {"recipient_id": "zoe", "phone": "+12025550199", "text": None}])
    assert Sent(2, 1) == go(here, clock)
    assert [0.05, 0.254] == [at for at, _ in provider.given]
    assert [("p000", None), ("p001", None), ("zoe", "content_error")] == here.exits()


# While one waits, things happen.


def test_a_stop_during_the_wait_ends_the_rest(world: Callable[..., Any]) -> None:
    """Everything is looked at again after each wait, and the rest goes back in one piece."""
    here, provider, clock = world("1/second", people(9))
    clock.at, clock.happens = NOW + 1.19 * SECOND, lambda: stop(here.engine.ledger, here.engine.manifest, clock.now)
    assert Sent(2, 7) == go(here, clock)
    assert [0.05, 1.19] == [at for at, _ in provider.given]
    assert {"stopped": 9} == dict(here.rows("SELECT exit_reason, count(*) FROM outcamp.entries GROUP BY 1"))


def test_a_pause_is_seen_while_one_waits(world: Callable[..., Any]) -> None:
    """Whoever waits long asks every two seconds; the rest waits, due as before."""
    here, provider, clock = world("6/minute", people(4))
    pause = NOW + 13 * SECOND
    assert Sent(2, 2) == go(here, clock, paused=lambda: clock.now >= pause)
    assert [0.05, 10.55] == [at for at, _ in provider.given]
    assert 14.55 == round((clock.now - NOW).total_seconds(), 3)
    assert [("paused", NOW)] * 2 == here.rows("SELECT waits_for, due_at FROM outcamp.attempts WHERE state = 'waiting'")


def test_a_window_that_closes_during_the_wait_is_kept_to(world: Callable[..., Any]) -> None:
    """The clock that decides is the one after the wait."""
    window = 'communication_time: {time_zone: UTC, active: [{days: mon-sun, from: "15:00", to: "15:01"}]}\n'
    here, provider, clock = world("2/minute", people(3), window)
    assert Sent(2, 1) == go(here, clock)
    assert [0.05, 31.35] == [at for at, _ in provider.given]
    assert [("window_closed",)] == here.rows("SELECT waits_for FROM outcamp.attempts WHERE state = 'waiting'")


def test_who_dies_while_waiting_has_lost_the_turn_alone(world: Callable[..., Any]) -> None:
    """Nobody is in doubt, and a new try sends the rest, without waiting for those who went."""
    here, provider, clock = world("10/second", people(6))

    def crash() -> None:
        raise Crash

    clock.at, clock.happens = NOW + 0.43 * SECOND, crash
    with pytest.raises(Crash):
        go(here, clock)
    assert 4 == len(provider.names)
    clock.now = NOW + MINUTE
    assert Sent(2, 0) == go(here, clock)
    assert [(60.05, 1), (60.254, 1)] == provider.given[4:]
    assert (6, 6) == (len(set(provider.names)), len(set(provider.chunks)))


def test_a_chunk_goes_a_moment_after_its_turn(world: Callable[..., Any]) -> None:
    """All of them as much later, so that their distances are those of their turns; who dies in that moment leaves its chunk in doubt."""
    here, provider, clock = world("50/second", people(6))
    assert Sent(6, 0) == go(here, clock)
    assert [0.021, 0.162, 0.204] == [at for at, _ in provider.given]


def test_who_dies_in_the_moment_before_a_chunk_goes_leaves_it_in_doubt(world: Callable[..., Any]) -> None:
    """It was submitted by the books, and is never submitted again."""
    here, _, clock = world("50/second", people(6))

    def crash() -> None:
        raise Crash

    clock.at, clock.happens = NOW, crash
    with pytest.raises(Crash):
        go(here, clock)
    assert Sent(4, 0) == go(here, clock)
    assert [("unknown", 2)] == here.rows("SELECT disposition, count(*) FROM outcamp.attempts WHERE disposition IS NOT NULL GROUP BY 1")


def test_a_chunk_that_is_late_delays_those_after_it(world: Callable[..., Any]) -> None:
    """Looking again took long, once: the turns that nobody has taken come later."""
    here, provider, clock = world("50/second", people(4))
    slow = iter([timedelta(0), 0.2 * SECOND])

    def look() -> bool:
        clock.now += next(slow, timedelta(0))
        return False

    assert Sent(4, 0) == send(here.engine, RUN, 0, clock, look, clock.wait)
    assert [0.021, 0.342] == [at for at, _ in provider.given]
    assert 0.337 == free_at(here)


def test_a_chunk_that_missed_its_turn_takes_another_one(world: Callable[..., Any]) -> None:
    """A process that stood still for long between its turn and the look does not hold up everybody for as long again."""
    here, provider, clock = world("50/second", people(6))
    slow = iter([timedelta(0), timedelta(minutes=30)])

    def look() -> bool:
        clock.now += next(slow, timedelta(0))
        return False

    assert Sent(4, 2) == send(here.engine, RUN, 0, clock, look, clock.wait)
    assert ([0.021, 1800.162], 1800.183) == ([at for at, _ in provider.given], free_at(here))
    assert [("late", 2)] == here.rows("SELECT waits_for, count(*) FROM outcamp.attempts WHERE state = 'waiting' GROUP BY 1")


def test_a_chunk_that_stood_still_on_its_way_out_is_looked_at_again(world: Callable[..., Any]) -> None:
    """Also between its turn and the door, where it may wait for others: half an hour later its window may be closed."""
    window = 'communication_time: {time_zone: UTC, active: [{days: mon-sun, from: "15:00", to: "15:05"}]}\n'
    here, provider, clock = world("50/second", people(4), window)

    def stand_still() -> None:
        clock.now += 30 * MINUTE

    clock.at, clock.happens = NOW, stand_still
    assert Sent(0, 4) == go(here, clock)
    assert [] == provider.given
    assert [("late", 2), ("window_closed", 2)] == here.rows(
        "SELECT waits_for, count(*) FROM outcamp.attempts WHERE state = 'waiting' GROUP BY 1 ORDER BY 1"
    )


def test_a_ledger_that_takes_a_delay_slowly_holds_nobody_for_long(world: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What telling the others takes is told along, instead of one delay after the other for what the last one took."""
    here, provider, clock = world("100/second", people(8))
    told: list[timedelta] = []

    def delay_slowly(tx: Any, key: PaceKey, late: timedelta) -> None:
        told.append(late)
        delay_turns(tx, key, late)
        clock.now += 0.3 * SECOND

    monkeypatch.setattr("outcamp.steps.turns.delay_turns", delay_slowly)
    looks = iter([0.1 * SECOND])
    assert Sent(8, 0) == send(here.engine, RUN, 0, clock, lambda: bool(clock.wait(next(looks, timedelta(0)))), clock.wait)
    assert [4, 4] == [count for _, count in provider.given]
    assert 4 >= len(told)


# A turn that is far away.


def busy(world: World, messages: int, transport: str = "hook") -> None:
    """Let another campaign take the connection for so many messages, at 100 a second."""
    with world.engine.ledger.transaction() as tx:
        take_turn(tx, PaceKey(transport, "sms", "autumn", kept_pace(Pace(100, "second"))), messages, NOW, MINUTE)


def test_a_worker_is_not_held_while_others_send(world: Callable[..., Any]) -> None:
    """The rest comes again when the pace gets to it, one after the other, and a later wave sends it."""
    here, provider, clock = world("10/second", people(5))
    busy(here, 1000)
    assert Sent(0, 5, paced=True) == go(here, clock)
    assert NOW == clock.now
    waiting = here.rows("SELECT waits_for, extract(epoch FROM due_at - '2026-12-01 15:00Z')::float FROM outcamp.attempts ORDER BY due_at")
    assert [("pace", round(10.4 + number * 0.104, 3)) for number in range(5)] == [(reason, round(at, 3)) for reason, at in waiting]
    at = NOW + MINUTE
    here.due(at)
    clock.now = at
    assert Sent(5, 0) == go(here, clock, run_key(at, 1))
    assert [(60.05, 1), *((round(60.15 + number * 0.104, 3), 1) for number in range(1, 5))] == provider.given


def test_a_pace_slower_than_the_waves_sends_one_and_hands_back_the_rest(world: Callable[..., Any]) -> None:
    """One a day: the first goes at once, and the others are due on the days after."""
    here, provider, clock = world("1/day", people(3))
    assert Sent(1, 2, paced=True) == go(here, clock)
    assert [(0.05, 1)] == provider.given
    due = here.rows("SELECT due_at FROM outcamp.attempts WHERE state = 'waiting' ORDER BY 1")
    assert [(NOW + WARM_UP + timedelta(days=1.04 * day),) for day in (1, 2)] == due


def test_a_short_queue_is_waited_for(world: Callable[..., Any]) -> None:
    """A few others ahead are no reason to go away."""
    here, provider, clock = world("100/second", people(8))
    busy(here, 40)
    assert Sent(8, 0) == go(here, clock)
    assert [(0.437, 4), (0.578, 4)] == provider.given


def test_another_connection_is_not_waited_for(world: Callable[..., Any]) -> None:
    """Only who shares the connection shares its pace."""
    here, provider, clock = world("100/second", people(4))
    busy(here, 1000, "other")
    assert Sent(4, 0) == go(here, clock)
    assert [(0.021, 4)] == provider.given
