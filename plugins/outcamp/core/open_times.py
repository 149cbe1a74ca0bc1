"""When a channel may be used: windows of the week, days that are excepted, several zones at once.

An instant is open iff, on the wall clock of every zone, it lies in a window of that weekday and its date is in no exception.
Between two changes of any of the clocks, the open times of a set of zones are one pattern of a UTC week, minus the excepted
days. The pattern is worked out once for each set of offsets; finding the next opening is then a bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Final, NamedTuple

from outcamp.core.communication_time import CommunicationTime
from outcamp.core.zones import LAST, MICROSECOND, clock_at, from_micros, to_micros

_MINUTE: Final = timedelta(minutes=1) // MICROSECOND
_DAY: Final = timedelta(days=1) // MICROSECOND
_WEEK: Final = 7 * _DAY
# Weeks begin on Mondays; the first one after the epoch was 1970-01-05.
_MONDAY: Final = 4 * _DAY
_EPOCH_DATE: Final = date(1970, 1, 1)
_SEARCHED: Final = 400 * _DAY


class Interval(NamedTuple):
    """A stretch ``[start, end)`` of time in microseconds."""

    start: int
    end: int


@dataclass(frozen=True)
class OpenTimes:
    """The open times of one channel of a campaign, in wall-clock time.

    Attributes:
        week: the open stretches of a week, counted from Monday 00:00, sorted and apart.
        excepted: the days that are closed whatever the weekday, counted from 1970-01-01 00:00, sorted and apart.
        always: true when the campaign restricts nothing; no zone is needed then.
    """

    week: tuple[Interval, ...]
    excepted: tuple[Interval, ...] = ()
    always: bool = False
    _patterns: dict[frozenset[int], _UtcPattern] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, communication_time: CommunicationTime | None, channel: str) -> OpenTimes:
        """Return the open times of a channel.

        Without any active window everything is open. Where windows are given but none for this channel, nothing is.
        """
        if communication_time is None or not communication_time.active:
            return cls(week=(Interval(0, _WEEK),), always=True)
        stop_early = communication_time.stop_early // MICROSECOND
        windows = (window for window in communication_time.active if not window.channels or channel in window.channels)
        exceptions = (days for days in communication_time.exceptions if not days.channels or channel in days.channels)
        return cls(
            week=_merged(
                Interval(day * _DAY + window.start_minute * _MINUTE, day * _DAY + window.end_minute * _MINUTE - stop_early)
                for window in windows
                for day in window.days
            ),
            excepted=_merged(Interval(_midnight(days.start), _midnight(days.end) + _DAY) for days in exceptions),
        )

    def is_open(self, instant: datetime, zones: Iterable[str]) -> bool:
        """Tell whether an instant is open in all these zones; where no zone is known, nothing is."""
        at = to_micros(instant)
        return self.always or next(self._pieces(at, at + 1, zones), None) is not None

    def next_open(self, now: datetime, zones: Iterable[str], before: datetime | None = None) -> datetime | None:
        """Return the first instant from ``now`` on that is open in all these zones, or None if there is none before ``before``.

        Without ``before``, the search ends 400 days after ``now`` or the last excepted day, whichever is later.
        """
        start = to_micros(now)
        end = self._horizon(start) if before is None else to_micros(before)
        if self.always:
            return from_micros(start) if start < end else None
        piece = next(self._pieces(start, end, zones), None)
        return from_micros(piece.start) if piece else None

    def closes_at(self, now: datetime, zones: Iterable[str], before: datetime | None = None) -> datetime | None:
        """Return the first instant after ``now`` that is not open any more in all these zones, or None if there is none before ``before``.

        ``now`` is open. Without ``before``, the search ends where that for the next opening does.
        """
        end = from_micros(self._horizon(to_micros(now))) if before is None else before
        _, closes = next(self.openings(now, end, zones), (now, now))
        return closes if closes < end else None

    def openings(self, start: datetime, end: datetime, zones: Iterable[str]) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open stretches ``[opens, closes)`` of ``[start, end)``, each as long as it can be, in order."""
        first, last = to_micros(start), to_micros(end)
        pieces = iter([Interval(first, last)] if first < last else []) if self.always else self._pieces(first, last, zones)
        current = next(pieces, None)
        for piece in pieces:
            if current and piece.start == current.end:
                current = Interval(current.start, piece.end)
            elif current:
                yield from_micros(current.start), from_micros(current.end)
                current = piece
        if current:
            yield from_micros(current.start), from_micros(current.end)

    def _horizon(self, start: int) -> int:
        latest = max(start, self.excepted[-1].end) if self.excepted else start
        return min(latest + _SEARCHED, LAST)

    def _pieces(self, start: int, end: int, zones: Iterable[str]) -> Iterator[Interval]:
        """Yield the open stretches, cut wherever a clock changes and a UTC week ends."""
        distinct = set(zones)
        while distinct and start < end:
            clocks = [clock_at(zone, start) for zone in distinct]
            until = min(end, *(change for _, change in clocks))
            yield from self._pattern(frozenset(offset for offset, _ in clocks)).pieces(start, until)
            start = until

    def _pattern(self, offsets: frozenset[int]) -> _UtcPattern:
        pattern = self._patterns.get(offsets)
        if pattern is None:
            weeks = (_turned(self.week, offset) for offset in offsets)
            excepted = _merged(Interval(days.start - offset, days.end - offset) for days in self.excepted for offset in offsets)
            pattern = self._patterns[offsets] = _UtcPattern(reduce(_common, weeks), excepted)
        return pattern


class _UtcPattern(NamedTuple):
    """Open times while no clock changes: stretches of a UTC week, and stretches of UTC in which nothing is open."""

    week: tuple[Interval, ...]
    excepted: tuple[Interval, ...]

    def pieces(self, start: int, end: int) -> Iterator[Interval]:
        while self.week and start < end:
            opens, closes = self._stretch(start)
            shut = self._next_excepted(opens)
            if shut.start <= opens:
                start = shut.end
                continue
            if opens < end:
                yield Interval(opens, min(closes, shut.start, end))
            start = min(closes, shut.start)

    def _stretch(self, start: int) -> Interval:
        """Return what is left, from ``start`` on, of the first stretch of the week's pattern that is not over by then."""
        monday = start - (start - _MONDAY) % _WEEK
        index = bisect_right(self.week, start - monday, key=_end)
        if index == len(self.week):
            monday, index = monday + _WEEK, 0
        return Interval(max(start, monday + self.week[index].start), monday + self.week[index].end)

    def _next_excepted(self, start: int) -> Interval:
        index = bisect_right(self.excepted, start, key=_end)
        return self.excepted[index] if index < len(self.excepted) else Interval(LAST, LAST)


def _end(interval: Interval) -> int:
    return interval.end


def _midnight(day: date) -> int:
    return (day - _EPOCH_DATE).days * _DAY


def _merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same times as sorted stretches that neither touch nor overlap; an empty or reversed one holds no time."""
    merged: list[Interval] = []
    for interval in sorted(interval for interval in intervals if interval.start < interval.end):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return tuple(merged)


def _turned(week: tuple[Interval, ...], offset: int) -> tuple[Interval, ...]:
    """Return a week of wall-clock time as a week of UTC, for a clock that keeps this offset."""
    turned = []
    for start, end in week:
        begin = (start - offset) % _WEEK
        stop = begin + end - start
        turned.append(Interval(begin, min(stop, _WEEK)))
        turned.append(Interval(0, stop - _WEEK))
    return _merged(turned)


def _common(left: tuple[Interval, ...], right: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the times that lie in both of two sorted tuples of stretches."""
    return _merged(Interval(max(one.start, other.start), min(one.end, other.end)) for one in left for other in right)
