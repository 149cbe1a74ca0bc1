"""The geometry of the pictures: numbers in, rectangles out. The templates draw them, and a table beside each says the same in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from outcamp.core.campaign import Campaign
from outcamp.core.dispositions import Channel
from outcamp.core.open_times import OpenTimes

HOUR = timedelta(hours=1)
BEFORE, AFTER = timedelta(hours=36), timedelta(hours=36)
MOST_ZONES = 8
# Shown until somebody has been sent to: where the recipients are is not known before.
EXAMPLES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")


@dataclass(frozen=True)
class Bar:
    """A stretch of the picture, in per mille of its width and of its height; ``text`` says what it is."""

    x: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class ZoneRow:
    """The open times of one channel group in one zone, or in several at once."""

    zone: str
    people: int | None
    open_now: bool
    stretches: tuple[Bar, ...]


@dataclass(frozen=True)
class Reach:
    """The open times of channels that share them. ``always``: nothing restricts them."""

    channels: tuple[str, ...]
    always: bool
    rows: tuple[ZoneRow, ...]


@dataclass(frozen=True)
class HoursPicture:
    """Sends by hour over the open times by zone, around an instant. ``now_at``: where it lies, in per mille; None: outside."""

    start: datetime
    end: datetime
    now_at: float | None
    days: tuple[tuple[float, str], ...]
    peak: int
    total: int
    bars: tuple[Bar, ...]
    reach: tuple[Reach, ...]
    examples: bool


def hours_picture(campaign: Campaign, hours: Mapping[tuple[int, str], int], zones: Counter[str], now: datetime) -> HoursPicture:
    """Return the picture around now; when nothing was sent in its past, around the last hour in which anything was."""
    by_hour = Counter[int]()
    for (hour, _), count in hours.items():
        by_hour[hour] += count
    last = datetime.fromtimestamp(max(by_hour), UTC) if by_hour else None
    centre = last if last is not None and last < now - BEFORE else now
    start = (centre - BEFORE).replace(minute=0, second=0, microsecond=0)
    end = start + BEFORE + AFTER
    place = _Scale(start, end)
    shown = {hour: count for hour, count in by_hour.items() if start <= datetime.fromtimestamp(hour, UTC) < end}
    peak = max(shown.values(), default=0)
    bars = tuple(
        Bar(place.x(at), place.width(HOUR), 1000 * count / peak, f"{at:%a %d %b %H:%M} UTC: {count:,} sent")
        for hour, count in sorted(shown.items())
        for at in [datetime.fromtimestamp(hour, UTC)]
    )
    midnights = [start.replace(hour=0) + timedelta(days=day) for day in range(5)]
    return HoursPicture(
        start=start,
        end=end,
        now_at=place.x(now) if start <= now < end else None,
        days=tuple((place.x(day), f"{day:%a %d %b}") for day in midnights if start <= day < end - 6 * HOUR),
        peak=peak,
        total=sum(shown.values()),
        bars=bars,
        reach=tuple(_reach(campaign, zones, now, place)),
        examples=_by_recipient(campaign) and not zones,
    )


@dataclass(frozen=True)
class _Scale:
    start: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        return round(1000 * ((at - self.start) / (self.end - self.start)), 2)

    def width(self, length: timedelta) -> float:
        return round(1000 * (length / (self.end - self.start)), 2)


def _by_recipient(campaign: Campaign) -> bool:
    time = campaign.contact_time
    return time is not None and bool(time.active) and time.time_zone == "recipient"


def _reach(campaign: Campaign, zones: Counter[str], now: datetime, place: _Scale) -> Iterable[Reach]:
    """Yield the channels that share their open times, and these in each zone."""
    groups: dict[tuple[object, ...], tuple[OpenTimes, list[Channel]]] = {}
    for channel in campaign.channels_used:
        times = OpenTimes.of(campaign.contact_time, channel)
        groups.setdefault((times.week, times.excepted, times.always), (times, []))[1].append(channel)
    for times, channels in groups.values():
        rows = () if times.always else tuple(_row(times, zone, people, now, place) for zone, people in _zones(campaign, zones))
        yield Reach(tuple(channels), times.always, rows)


def _zones(campaign: Campaign, zones: Counter[str]) -> list[tuple[str, int | None]]:
    time = campaign.contact_time
    if time is not None and time.time_zone != "recipient":
        return [(time.time_zone, None)]
    return list(zones.most_common(MOST_ZONES)) or [(zone, None) for zone in EXAMPLES]


def _row(times: OpenTimes, zone: str, people: int | None, now: datetime, place: _Scale) -> ZoneRow:
    names = zone.split("|")
    stretches = tuple(
        Bar(place.x(opens), place.width(closes - opens), 1000, f"{opens:%a %H:%M} to {closes:%a %H:%M} UTC")
        for opens, closes in times.openings(place.start, place.end, names)
    )
    return ZoneRow(" and ".join(names), people, times.is_open(now, names), stretches)
