"""How a pace is kept: messages go in small chunks at even distances, a little slower than the pace says.

Whoever counts at the receiving end must never find more than the pace in any stretch of its unit, also where a chunk was a moment
late and the next one was not. With chunks of a 25th of what goes in a second, and 4 % more time than they need, a second holds 25
of them and has 40 ms to spare: 96 % of the pace is used. Where 25 does not divide the pace, at least 26 ms are left.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from outcamp.core.channels import Pace

SLACK: Final = 1.04
_CHUNKS_A_SECOND: Final = 25
_SOON: Final = timedelta(seconds=0.5)


def kept_pace(pace: Pace) -> float:
    """Return the messages a second at which a pace is kept."""
    return pace.per_second / SLACK


def at_once(pace: Pace) -> int:
    """Return how many messages go in one chunk: of about a 25th of a second's, the number that fills a second best."""
    whole = int(pace.per_second)
    most = max(whole // _CHUNKS_A_SECOND, 1)
    return max(range(max(most // 2, 1), most + 1), key=lambda size: (whole // size * size, size))


def takes(pace: Pace, units: float) -> timedelta:
    """Return how long so many messages take."""
    return timedelta(seconds=units / kept_pace(pace))


def soon(pace: Pace, units: int, wave_interval: timedelta) -> timedelta:
    """Return how long a worker waits for its turn: while few are before it, and never as long as until the next wave.

    A turn further away means that enough others are sending; its rows then come back by a later wave.
    """
    return min(max(2 * takes(pace, units), _SOON), wave_interval)
