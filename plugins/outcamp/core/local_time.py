"""Wall-clock times, calendar days and zones: how files write them, and which instant they mean."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated, Final

import pytz
from pydantic import AfterValidator, PlainSerializer, WithJsonSchema

from outcamp.core.errors import closest
from outcamp.core.problems import Problem, refused
from outcamp.core.text_form import text_form

# Outside of these years a date in a campaign is a slip of the pen, and no zone's rules are known.
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2099

MOMENT_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?$"
MOMENT_EXAMPLE: Final = "Write the local date and time without an offset: 2026-12-01 07:03. The zone is time_zone."

_MINUTE: Final = re.compile(r"([0-9]{2}):([0-9]{2})")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)")


def parse_minute(text: str) -> int:
    """Return the minute of the day that ``HH:MM`` names, ``24:00`` being 1440; raise ValueError when it names none."""
    form = _MINUTE.fullmatch(text)
    minute = int(form[1]) * 60 + int(form[2]) if form else -1
    if form is None or int(form[2]) > 59 or minute > 1440:
        raise ValueError(f"{text!r} is not a time of day.")
    return minute


def format_minute(minute: int) -> str:
    """Return the minute of a day as ``HH:MM``."""
    return f"{minute // 60:02}:{minute % 60:02}"


def parse_day(text: str) -> date:
    """Return the calendar day that ``YYYY-MM-DD`` names; raise ValueError when it names none."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a day of the calendar.") from None
    _check_year(day.year)
    return day


def parse_moment(text: str) -> datetime:
    """Return the local date and time that ``YYYY-MM-DD HH:MM`` names; raise ValueError when it names none."""
    form = _MOMENT.fullmatch(text)
    try:
        if form is None:
            raise ValueError
        moment = datetime.fromisoformat(f"{form[1]}T{form[2]}")
    except ValueError:
        raise ValueError(f"{text!r} is not a local date and time.") from None
    _check_year(moment.year)
    return moment


def format_moment(moment: datetime) -> str:
    """Return a local date and time as ``YYYY-MM-DD HH:MM``, with the seconds only where there are any."""
    return moment.isoformat(sep=" ", timespec="seconds" if moment.second else "minutes")


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"The year {year} is not between {FIRST_YEAR} and {LAST_YEAR}.")


def to_utc(local: datetime, zone_name: str) -> datetime:
    """Return the instant of a wall-clock time; the first of two, and one that a change skips by the offset before that change.

    These are the rules of PEP 495 for ``fold=0``. pytz's own ``localize`` knows them only for changes between summer and winter time,
    not for a zone that moves for good.
    """
    tz = pytz.timezone(zone_name)
    # No offset is as large as a day, so these two enclose the instant and with it the one change that can matter.
    before = _offset_at(local - timedelta(days=1), tz)
    after = _offset_at(local + timedelta(days=1), tz)
    for offset in (before, after):
        if _offset_at(local - offset, tz) == offset:
            return (local - offset).replace(tzinfo=UTC)
    return (local - before).replace(tzinfo=UTC)


def to_local(instant: datetime, zone_name: str) -> datetime:
    """Return the naive wall-clock time of an instant in a zone."""
    return instant.astimezone(pytz.timezone(zone_name)).replace(tzinfo=None, fold=0)


def _offset_at(utc_naive: datetime, tz: pytz.BaseTzInfo) -> timedelta:
    offset = tz.fromutc(utc_naive).utcoffset()
    assert offset is not None  # noqa: S101 - a pytz zone always has an offset
    return offset


@cache
def _zones_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in pytz.all_timezones}


def closest_zone(name: str) -> str | None:
    """Return the IANA zone that looks most like this name, whatever its case and its spaces."""
    zones = _zones_by_lower_case()
    found = closest(name.strip().lower().replace(" ", "_"), zones)
    if found is None:
        # People write the city alone.
        cities = {lower.rpartition("/")[2]: lower for lower in sorted(zones, reverse=True)}
        city = closest(name.strip().lower().replace(" ", "_"), cities)
        found = cities[city] if city else None
    return zones[found] if found else None


def check_zone(name: str) -> str:
    """Return the name of an IANA zone, or refuse it with the closest one."""
    if name not in pytz.all_timezones_set:
        next_step = "Use a name of the IANA time zone database, such as America/New_York or UTC."
        raise refused(Problem(f"{name!r} is not a time zone.", value=name, closest=closest_zone(name), next_step=next_step))
    return name


MinuteOfDay = Annotated[
    int,
    text_form(parse_minute, "A time of day", 'Write hours and minutes in quotes: "09:00"; "24:00" is midnight at the end of the day.'),
    PlainSerializer(format_minute, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "examples": ["09:00", "24:00"]}),
]
CalendarDay = Annotated[
    date,
    text_form(parse_day, "A day of the calendar", "Write year, month and day: 2026-12-24."),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2026-12-24"]}),
]
LocalMoment = Annotated[
    datetime,
    text_form(parse_moment, "A local date and time", MOMENT_EXAMPLE),
    PlainSerializer(format_moment, return_type=str),
    WithJsonSchema({"type": "string", "pattern": MOMENT_PATTERN, "examples": ["2026-12-01 07:03"]}),
]
ZoneName = Annotated[str, AfterValidator(check_zone)]
