"""How a pace is kept: messages go in small chunks at even distances, a little slower than the pace says.

Whoever counts at the receiving end must never find more than the pace in any stretch of its unit, also where one chunk was late and a
later one was not. With 25 chunks in a second, and 4 % more time than they need, a second holds 25 of them and has 40 ms to spare:
96 % of the pace is used. Where 25 does not divide the pace, chunks are smaller and at least 25 ms are left. Nor does it matter that
text messages have different numbers of parts: a second may begin with a full chunk and end with a full one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from outcamp.core.channels import Pace

SLACK: Final = 1.04
PUNCTUAL: Final = timedelta(milliseconds=25)  # how much later than others a chunk may be before those after it are delayed
WARM_UP: Final = timedelta(milliseconds=100)  # the first chunk of a task goes later than others: it opens what the next ones use
_CHUNKS_A_SECOND: Final = 25
_SOON: Final = timedelta(seconds=0.5)
_SECOND: Final = timedelta(seconds=1)
_MOMENT: Final = timedelta(milliseconds=50)
_LONGEST: Final = timedelta(seconds=2)  # one that stood still for long must not hold the next ones back
_FORGOTTEN: Final = timedelta(milliseconds=3)


def kept_pace(pace: Pace) -> float:
    """Return the messages a second at which a pace is kept."""
    return pace.per_second / SLACK


def at_once(pace: Pace) -> int:
    """Return how many messages, or message parts, go in one chunk: the largest share of a second by which it is filled well."""
    whole = int(pace.per_second)
    most = whole // _CHUNKS_A_SECOND
    return next((size for size in range(most, 1, -1) if whole // size * size * SLACK >= whole * (1 + PUNCTUAL / _SECOND)), 1)


def takes(pace: Pace, units: float) -> timedelta:
    """Return how long so many messages take."""
    return timedelta(seconds=units / kept_pace(pace))


def least_lag(pace: Pace) -> timedelta:
    """Return how long after its turn a chunk goes at least: everything is looked at again before, which takes now more and now less."""
    return min(takes(pace, at_once(pace)) / 2, _MOMENT)


def next_lag(late: timedelta, lag: timedelta, least: timedelta) -> tuple[timedelta, timedelta]:
    """Return the lag of a chunk that could go when it is so late, and how much those after it are delayed.

    Chunks go as long after their turns as they usually need: what counts is the distance between them. One that is much later than usual
    delays the others; where that happens again and again, it becomes usual, up to two seconds.
    """
    usual = max(lag - _FORGOTTEN, least)
    beyond = max(late - usual, timedelta(0))
    return max(min(usual + beyond / 8, _LONGEST), least), max(beyond - PUNCTUAL, timedelta(0))


def soon(pace: Pace, units: int, wave_interval: timedelta) -> timedelta:
    """Return how long a worker waits for its turn: while few are before it, and never as long as until the next wave.

    A turn further away means that enough others are sending; its rows then come back by a later wave.
    """
    return min(max(2 * takes(pace, units), _SOON), wave_interval)
