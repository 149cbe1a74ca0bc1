"""The words of a campaign file as plain numbers: durations, weekdays, times of day, local times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 7 * 86_400}
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def duration(text: str) -> timedelta:
    """Read ``"30 minutes"``; a day is 24 hours and a week is 7 of those."""
    number, unit = text.split()
    return timedelta(seconds=int(number) * SECONDS[unit.removesuffix("s")])


def weekdays(days: str | list[str]) -> set[int]:
    """Read ``"mon"``, ``"mon-fri"`` or a list of these as weekday numbers, Monday being 0."""
    found = set()
    for item in [days] if isinstance(days, str) else days:
        first, _, last = item.partition("-")
        day = DAYS.index(first)
        found.add(day)
        while DAYS[day] != (last or first):
            day = (day + 1) % 7
            found.add(day)
    return found


def minute_of_day(text: str) -> int:
    """Read ``"09:30"`` as minutes after midnight; ``"24:00"`` is 1440."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def channels_of(item: dict[str, Any], channel: str) -> bool:
    """Say whether a window or an exception is about this channel; one that names no channels is about all of them."""
    return "channels" not in item or channel in item["channels"]


def exception_dates(item: dict[str, Any]) -> set[date]:
    """List the calendar days of an exception, the last one included."""
    day = date.fromisoformat(item.get("date") or item["from"])
    last = date.fromisoformat(item.get("date") or item["to"])
    days = set()
    while day <= last:
        days.add(day)
        day += timedelta(days=1)
    return days


def utc_of_wall_clock(wall: datetime, zone: str) -> datetime:
    """Turn a local time into an instant.

    With ``fold=0``, Python reads a skipped time with the offset before the change, and takes the first of a time that comes twice.
    """
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def under_our_names(row: dict[str, Any], campaign: dict[str, Any]) -> dict[str, Any]:
    """Give the columns of a segment's row the names by which the rules know them."""
    columns = campaign.get("segment", {}).get("columns", {})
    return row | {name: row[source] for name, source in columns.items()}
