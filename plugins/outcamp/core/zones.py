"""Time zones as clocks: which names exist, when their offsets change, and what a phone number says about them.

pytz is the one authority for names and offsets. Inside, instants are whole microseconds since 1970-01-01T00:00Z: integers
compare and bisect faster than datetimes, and lose nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

import pytz
from pytz.tzinfo import DstTzInfo

from outcamp.core.errors import DataError
from outcamp.core.local_time import closest_zone

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
FIRST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAST: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND

# Between the joined names of a zone set; no zone's name contains it.
SEPARATOR: Final = "|"

_COMPARED_FROM: Final = datetime(2020, 1, 1, tzinfo=UTC)
_COMPARED_TO: Final = datetime(2038, 1, 1, tzinfo=UTC)
# What an address says holds from here on: places that have kept one clock since then count as one.
ADDRESSES_SINCE: Final = datetime(2025, 1, 1, tzinfo=UTC)


class Segment(NamedTuple):
    """A stretch ``[start, end)`` of microseconds since the epoch in which a zone keeps one offset, in microseconds east of UTC."""

    start: int
    end: int
    offset: int


def to_micros(instant: datetime) -> int:
    """Return an aware instant as whole microseconds since 1970-01-01T00:00Z."""
    return (instant - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return microseconds since 1970-01-01T00:00Z as an instant in UTC."""
    return EPOCH + micros * MICROSECOND


def is_zone(name: str | None) -> bool:
    """Tell whether this is the name of a time zone, spelled exactly as in the IANA database."""
    return name in pytz.all_timezones_set


def join_zones(zones: Iterable[str]) -> str:
    """Return a set of zones as one text: the names, each once, sorted, joined by ``|``."""
    return SEPARATOR.join(sorted(set(zones)))


def split_zones(zone_set: str) -> tuple[str, ...]:
    """Return the names in a text that ``join_zones`` made."""
    return tuple(zone_set.split(SEPARATOR))


def clock_at(zone: str, micros: int) -> tuple[int, int]:
    """Return the offset that a zone keeps at an instant, and the instant at which it next changes."""
    changes, offsets = _clock(zone)
    position = bisect_right(changes, micros)
    return offsets[position], changes[position] if position < len(changes) else LAST


def offset_segments(zone: str, start: datetime, end: datetime) -> list[Segment]:
    """Return the stretches of ``[start, end)`` in which a zone keeps one offset, in order and without gaps."""
    return list(_segments(zone, to_micros(start), to_micros(end)))


def same_clock(zones: Iterable[str], since: datetime = _COMPARED_FROM) -> bool:
    """Tell whether all these zones keep the same offset at every instant from 2020, or ``since``, to 2037."""
    return len({_clock_since(zone, since) for zone in zones}) <= 1


def zones_of_number_say(zones: tuple[str, ...], only_calling_code: bool) -> tuple[str, ...]:
    """Return the zones that a phone number speaks for, given those that libphonenumber lists for it; empty when it says nothing.

    A number that is only known by its whole calling code (toll-free, some mobiles) could be anywhere in it, so it says
    nothing, unless every zone of that calling code keeps the same clock and it therefore does not matter where.
    """
    known = tuple(zone for zone in zones if is_zone(zone))
    return known if not only_calling_code or same_clock(known) else ()


@cache
def _clock(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return when a zone's offset changes, and the offsets before, between and after those changes."""
    if not is_zone(zone):
        near = closest_zone(zone)
        raise DataError(
            f"Unknown time zone {zone!r}.",
            next_step=f"Did you mean {near!r}?" if near else "Use a name of the IANA time zone database, such as Europe/Berlin.",
        )
    # pytz offers no public list of a zone's changes; a test holds this one against its public conversion.
    clock = pytz.timezone(zone)
    if not isinstance(clock, DstTzInfo):
        return (), ((EPOCH.astimezone(clock).utcoffset() or timedelta()) // MICROSECOND,)
    moments = [to_micros(moment.replace(tzinfo=UTC)) for moment in vars(type(clock))["_utc_transition_times"]]
    offsets = [offset // MICROSECOND for offset, *_ in vars(type(clock))["_transition_info"]]
    # The first offset also holds before the first moment. A moment that keeps the offset (only its name changes) is no change.
    real = [index for index in range(1, len(moments)) if offsets[index] != offsets[index - 1]]
    return tuple(moments[index] for index in real), (offsets[0], *(offsets[index] for index in real))


def _segments(zone: str, start: int, end: int) -> Iterator[Segment]:
    while start < end:
        offset, until = clock_at(zone, start)
        yield Segment(start, min(until, end), offset)
        start = until


@cache
def _clock_since(zone: str, since: datetime) -> tuple[Segment, ...]:
    return tuple(offset_segments(zone, since, _COMPARED_TO))
