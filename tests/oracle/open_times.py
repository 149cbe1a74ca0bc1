"""When a recipient may be contacted, found by looking at the clock on the wall, again and again."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from oracle.words import channels_of, duration, exception_dates, minute_of_day, weekdays


class OpenTimes:
    """The active times and exceptions of one channel of a campaign."""

    def __init__(self, campaign: dict[str, Any], channel: str) -> None:
        times = campaign.get("communication_time", {})
        # One window of any channel restricts all channels: one without a window of its own is never open.
        self.restricted = bool(times.get("active"))
        self.windows = [
            (weekdays(window["days"]), minute_of_day(window["from"]), minute_of_day(window["to"]))
            for window in times.get("active", [])
            if channels_of(window, channel)
        ]
        self.closed_dates: set[date] = set()
        for exception in times.get("exceptions", []):
            if channels_of(exception, channel):
                self.closed_dates |= exception_dates(exception)
        self.stop_early = duration(times.get("stop_early", "0 seconds")).total_seconds()
        # What can open anything is the start of a window, or midnight, or a change of the clocks; and all zones of these years differ
        # from UTC by whole quarters of an hour. So nothing opens in a minute that is none of these, counted within its quarter.
        self.opening_minutes = {0} | {start % 15 for _, start, _ in self.windows}
        # What was found out already: nothing is open from the first instant until before the second.
        self.closed_between: dict[frozenset[str], tuple[datetime, datetime]] = {}

    def is_open(self, instant: datetime, zones: set[str]) -> bool:
        """Say whether the channel may be used at this instant: in every zone, if there are several."""
        return not self.restricted or all(self.is_open_in(instant, zone) for zone in zones)

    def is_open_in(self, instant: datetime, zone: str) -> bool:
        local = instant.astimezone(ZoneInfo(zone))
        if local.date() in self.closed_dates:
            return False
        seconds = local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1_000_000
        return any(local.weekday() in days and start * 60 <= seconds < end * 60 - self.stop_early for days, start, end in self.windows)

    def next_opening(self, now: datetime, zones: set[str], expires: datetime | None) -> datetime | None:
        """Return the first open instant at or after now and before the expiry, or None if there is none."""
        if not self.windows:
            return None
        end = expires or self.far_from(now)
        first, instant = self.closed_between.get(frozenset(zones), (now, now))
        if not first <= now < instant:
            first = instant = now
        while instant < end and not self.is_open(instant, zones):
            instant = self.next_opening_minute(instant)
        self.closed_between[frozenset(zones)] = (first, instant)
        return instant if instant < end else None

    def next_opening_minute(self, instant: datetime) -> datetime:
        """Return the next minute in which something may open."""
        minute = next_multiple(instant, timedelta(minutes=1))
        while minute.minute % 15 not in self.opening_minutes:
            minute += timedelta(minutes=1)
        return minute

    def far_from(self, now: datetime) -> datetime:
        """Return until when an opening is looked for in a campaign without an expiry."""
        exceptions = [datetime.combine(day, time(), UTC) for day in self.closed_dates]
        return max([now, *exceptions]) + timedelta(days=400)


def next_multiple(instant: datetime, step: timedelta) -> datetime:
    """Return the first whole multiple of the step since 1970 after this instant."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + ((instant - epoch) // step + 1) * step
