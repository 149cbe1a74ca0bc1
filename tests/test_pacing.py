"""The pace: what goes at once, when the next may go, and that nobody at the receiving end ever counts more than it says."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.channels import Pace
from outcamp.core.durations import UNITS
from outcamp.core.pacing import at_once, kept_pace, least_lag, next_lag, soon, takes
from outcamp.store.ledger import Ledger
from outcamp.store.paces import PaceKey, delay_turns, promise_turns, take_turn
from small_world import NOW

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HUNDRED = Pace(100, "second")
LATE = timedelta(milliseconds=35)  # how much later than its turn a chunk may arrive


@pytest.mark.parametrize(
    ("pace", "messages"),
    [
        ("1/day", 1),
        ("3/second", 1),
        ("49/second", 1),
        ("50/second", 2),
        ("75/second", 3),
        ("100/second", 4),
        ("6000/minute", 4),
        ("997/second", 38),
    ],
)
def test_a_chunk_is_a_small_share_of_a_second(pace: str, messages: int) -> None:
    """A 25th, or less where the second would not be filled by such chunks."""
    count, unit = pace.split("/")
    assert messages == at_once(Pace(int(count), unit))


@given(st.integers(1, 100_000), st.integers(0, 1000))
def test_no_second_holds_more_than_the_pace(count: int, shift: int) -> None:
    """Even chunks at the distance of what they take: any second, and 25 ms more, holds the pace at most, and 95 % of it on the whole."""
    pace = Pace(count, "second")
    size, distance = at_once(pace), takes(pace, at_once(pace))
    begin = shift / 1000 * distance
    arrivals = [number * distance for number in range(int((2 * SECOND + begin) / distance) + 2)]
    assert size * sum(begin <= at < begin + SECOND + timedelta(milliseconds=25) for at in arrivals) <= count
    assert size * SECOND / distance >= 0.95 * count


def test_a_worker_waits_while_few_are_before_it() -> None:
    """Half a second, or two turns of its own, and never until the next wave."""
    assert timedelta(seconds=0.5) == soon(HUNDRED, 4, 5 * MINUTE)
    assert 2 * timedelta(seconds=6.24) == soon(Pace(10, "minute"), 1, 5 * MINUTE)
    assert 5 * MINUTE == soon(Pace(1, "day"), 1, 5 * MINUTE)


def test_chunks_keep_their_distance_however_late_they_are() -> None:
    """Each goes as late as is usual; who is much later delays those after it; what happens often becomes usual, and nothing forever."""
    least = least_lag(HUNDRED)
    assert (timedelta(milliseconds=20.8), timedelta(milliseconds=50)) == (least, least_lag(Pace(1, "minute")))
    ms = timedelta(milliseconds=1)
    assert (least, 0 * ms) == next_lag(5 * ms, least, least)
    assert (42 * ms, 0 * ms) == next_lag(56 * ms, 43 * ms, least)
    assert (60 * ms, 135 * ms) == next_lag(200 * ms, 43 * ms, least)
    assert (197 * ms, 0 * ms) == next_lag(5 * ms, 200 * ms, least)
    assert (2000 * ms, timedelta(minutes=30) - 46 * ms) == next_lag(timedelta(minutes=30), 24 * ms, 21 * ms)


@pytest.fixture
def ledger(database_uri: str) -> Iterator[Ledger]:
    """A ledger without a campaign."""
    ledger = Ledger.at(database_uri)
    ledger.migrate()
    yield ledger
    ledger.close()


def key(campaign: str, pace: Pace = HUNDRED, transport: str = "hook") -> PaceKey:
    return PaceKey(transport, "sms", campaign, kept_pace(pace))


def turn(ledger: Ledger, who: PaceKey, units: int, at: datetime = NOW, wait: timedelta = SECOND) -> tuple[float, bool]:
    """In how many seconds from NOW it is somebody's turn, and whether it is taken."""
    with ledger.transaction() as tx:
        instant, taken = take_turn(tx, who, units, at, wait)
    return round((instant - NOW).total_seconds(), 6), taken


def test_turns_follow_each_other(ledger: Ledger) -> None:
    """Each takes as long as its messages; what was not used is not saved up; a turn that is far away is not taken."""
    who = key("spring")
    assert [(0, True), (0.52, True), (0.832, True)] == [turn(ledger, who, units) for units in (50, 30, 100)]
    assert (1.872, False) == turn(ledger, who, 1)
    assert (1.872, True) == turn(ledger, who, 10, NOW + SECOND)
    assert [(60, True), (60.0104, True)] == [turn(ledger, who, 1, NOW + MINUTE) for _ in range(2)]


def test_a_delay_moves_the_turns_that_nobody_has_taken(ledger: Ledger) -> None:
    """Of the connection, and of the campaign that was late; another connection knows nothing of it."""
    who, other = key("spring"), key("spring", transport="other")
    assert [(0, True), (0, True)] == [turn(ledger, who, 10), turn(ledger, other, 10)]
    with ledger.transaction() as tx:
        delay_turns(tx, who, SECOND / 10)
    assert [(0.204, True), (0.204, True)] == [turn(ledger, key("autumn"), 0), turn(ledger, who, 0)]
    assert (0.104, True) == turn(ledger, other, 1)


def test_connections_and_channels_do_not_wait_for_each_other(ledger: Ledger) -> None:
    """Another connection has its own turns."""
    assert (0, True) == turn(ledger, key("spring"), 50)
    assert (0, True) == turn(ledger, key("spring", transport="other"), 50)
    assert (0, True) == turn(ledger, PaceKey("hook", "email", "spring", 100), 50)


def test_campaigns_of_one_connection_share_it(ledger: Ledger) -> None:
    """Two of the same pace get as much as one alone."""
    assert [(0, True), (0.104, True), (0.208, True)] == [turn(ledger, key(name), 10) for name in ("autumn", "spring", "autumn")]


def test_a_slow_campaign_keeps_its_own_pace_and_slows_nobody(ledger: Ledger) -> None:
    """The connection goes by the highest pace; a slow campaign takes a turn of it only when its own has come."""
    slow, fast = key("slow", Pace(1, "second")), key("fast")
    assert [(0, True), (0.0104, True)] == [turn(ledger, fast, 1), turn(ledger, slow, 1)]
    assert (1.0504, False) == turn(ledger, slow, 1, wait=2 * SECOND)
    assert [(0.0208, True), (0.0312, True)] == [turn(ledger, fast, 1) for _ in range(2)]
    later = NOW + timedelta(seconds=1.0504)
    assert (1.0504, True) == turn(ledger, slow, 1, later)
    assert (1.0608, True) == turn(ledger, fast, 1, later)


def test_a_pace_that_nobody_uses_any_more_is_forgotten(ledger: Ledger) -> None:
    """An hour after a fast campaign's last message the connection goes by the paces of those who send."""
    slow, others = key("slow", Pace(1, "second")), key("others", Pace(1, "second"))
    turn(ledger, key("fast"), 1)
    at = NOW + 61 * MINUTE
    assert [(3660, True), (3661.04, True)] == [turn(ledger, slow, 1, at), turn(ledger, others, 1, at, 2 * SECOND)]


def test_what_is_put_off_is_promised_one_after_the_other(ledger: Ledger) -> None:
    """Rows that are handed back come after those that were handed back before."""
    who = key("spring")
    with ledger.transaction() as tx:
        begins = [promise_turns(tx, who, NOW + SECOND, takes(HUNDRED, 5000), NOW) for _ in range(2)]
        begins.append(promise_turns(tx, key("autumn"), NOW + SECOND, MINUTE, NOW))
    assert [NOW + SECOND, NOW + 53 * SECOND, NOW + SECOND] == begins


@pytest.mark.parametrize("seed", range(3))
def test_workers_together_keep_the_pace_and_use_it(ledger: Ledger, seed: int) -> None:
    """Seven workers of two campaigns, each busy for a while with every chunk and at times late: no second has more, and 95 % is used."""
    chance, size = random.Random(seed), at_once(HUNDRED)
    workers = [(NOW + chance.random() * LATE, number) for number in range(7)]
    heapq.heapify(workers)
    arrivals: list[datetime] = []
    while (event := heapq.heappop(workers))[0] < NOW + 12 * SECOND:
        at, number = event
        with ledger.transaction() as tx:
            instant, taken = take_turn(tx, key(("spring", "autumn")[number % 2]), size, at, soon(HUNDRED, size, MINUTE))
        if not taken:
            heapq.heappush(workers, (max(instant, at + LATE), number))
            continue
        arrives = instant + chance.random() * LATE
        arrivals.append(arrives)
        heapq.heappush(workers, (arrives + timedelta(milliseconds=chance.randint(20, 150)), number))
    arrivals.sort()
    most = max(size * sum(first <= at < first + SECOND for at in arrivals[index:]) for index, first in enumerate(arrivals))
    assert most <= 100
    assert 95 * 10 <= size * sum(NOW + SECOND <= at < NOW + 11 * SECOND for at in arrivals)


def test_the_units_of_a_pace_are_those_of_durations() -> None:
    """A pace in minutes, hours or days is kept as evenly as one in seconds."""
    assert [timedelta(seconds=1.04 * unit.total_seconds() / 7) for name, unit in UNITS.items() if name != "week"] == [
        takes(Pace(7, name), 1) for name in UNITS if name != "week"
    ]
