"""When the occurrences of a campaign run, found by counting up from the start."""

from __future__ import annotations

import calendar
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from oracle.words import utc_of_wall_clock

ONE_OF_EACH = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}


def expiry_of(campaign: dict[str, Any]) -> datetime | None:
    """Return the instant from which nothing is sent any more."""
    schedule = campaign.get("schedule", {})
    if "expires" not in schedule:
        return None
    return utc_of_wall_clock(datetime.fromisoformat(schedule["expires"]), schedule.get("time_zone", "UTC"))


def occurrences_of(campaign: dict[str, Any], at: datetime, until: datetime | None) -> list[datetime]:
    """List the instants at which an occurrence's wave runs, in order of time."""
    expires = expiry_of(campaign)
    repeats = "repeat" in campaign.get("schedule", {})
    if repeats and until is None and expires is None:
        raise ValueError("A campaign that repeats without an expiry needs until.")
    missed = []
    to_come = []
    for number in itertools.count():
        scheduled = scheduled_at(campaign, at, number)
        if expires is not None and scheduled >= expires:
            break
        if until is not None and scheduled > until:
            break
        if scheduled <= at:
            missed.append(scheduled)
        else:
            to_come.append(scheduled)
        if not repeats:
            break
    # Of all that were missed, only the latest runs, and it runs now.
    runs_now = [at] if missed and (expires is None or at < expires) else []
    return runs_now + to_come


def scheduled_at(campaign: dict[str, Any], at: datetime, number: int) -> datetime:
    """Return the instant for which the schedule names its start (number 0) or one of its repeats (1, 2, ...)."""
    schedule = campaign.get("schedule", {})
    zone = schedule.get("time_zone", "UTC")
    if schedule.get("start", "now") == "now":
        start = at
        wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    else:
        wall = datetime.fromisoformat(schedule["start"])
        start = utc_of_wall_clock(wall, zone)
    if number == 0:
        return start
    count, unit = every(schedule["repeat"])
    steps = count * number
    if unit == "hour":
        return start.astimezone(UTC) + timedelta(hours=steps)
    if unit == "day":
        return utc_of_wall_clock(wall + timedelta(days=steps), zone)
    if unit == "week":
        return utc_of_wall_clock(wall + timedelta(days=7 * steps), zone)
    return utc_of_wall_clock(months_later(wall, steps), zone)


def every(repeat: str) -> tuple[int, str]:
    """Read ``"daily"`` as one day and ``"every 3 days"`` as three."""
    if repeat in ONE_OF_EACH:
        return 1, ONE_OF_EACH[repeat]
    _, count, unit = repeat.split()
    return int(count), unit.removesuffix("s")


def months_later(wall: datetime, months: int) -> datetime:
    """Go on by whole months; the 31st is the last day of a short month."""
    year, month = wall.year, wall.month
    for _ in range(months):
        month += 1
        if month > 12:
            year, month = year + 1, 1
    last_day = calendar.monthrange(year, month)[1]
    return wall.replace(year=year, month=month, day=min(wall.day, last_day))
