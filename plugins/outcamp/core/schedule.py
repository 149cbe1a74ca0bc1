"""When a campaign starts: once or again and again, by the wall clock of its zone.

The functions take the schedule and the instant of publishing, which is what ``start: now`` means. All instants are aware UTC.
Occurrences are counted 0, 1, 2 ... from the start, so that a schedule that is years old costs as little as a new one.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Field, PlainSerializer, WithJsonSchema, model_validator

from outcamp.core.errors import closest
from outcamp.core.frozen import Frozen
from outcamp.core.local_time import MOMENT_EXAMPLE, MOMENT_PATTERN, LocalMoment, ZoneName, format_moment, parse_moment, to_local, to_utc
from outcamp.core.problems import Problem, refused
from outcamp.core.text_form import text_form

MOST: Final = 1000  # of any unit between two occurrences; a thousand months still end before the calendar does

_TICK: Final = timedelta(microseconds=1)

Unit = Literal["hour", "day", "week", "month"]
_WORDS: Final[dict[str, Unit]] = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}
_LONGEST: Final[dict[Unit, timedelta]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}
_EVERY: Final = re.compile(r"every ([0-9]{1,9}) (hour|day|week|month)s?")
_BARE: Final = re.compile(r"\s*(?:[a-z]+\s+)?([0-9]{1,4})\s*(hour|day|week|month)s?\s*")  # 3 days, Every 3 days
_NEXT_STEP: Final = "Write hourly, daily, weekly, monthly, or every N of hours, days, weeks or months: every 3 days."


class Repeat(Frozen):
    """The distance between two occurrences."""

    every: int = Field(ge=1, le=MOST)
    unit: Unit

    def __str__(self) -> str:
        for word, unit in _WORDS.items():
            if (self.every, self.unit) == (1, unit):
                return word
        return f"every {self.every} {self.unit}s"


def parse_repeat(text: str) -> Repeat:
    """Return the repeat that a text like ``daily`` or ``every 3 days`` says; raise ValueError when it says none."""
    if text in _WORDS:
        return Repeat(every=1, unit=_WORDS[text])
    form = _EVERY.fullmatch(text)
    if form is None:
        raise ValueError(f"{text!r} is not a repeat.")
    if not 1 <= int(form[1]) <= MOST:
        raise ValueError(f"A campaign repeats every 1 to {MOST} {form[2]}s, not every {form[1]}.")
    return Repeat(every=int(form[1]), unit=form[2])  # type: ignore[arg-type]  # the pattern only lets units through


def _closest_repeat(text: str) -> str | None:
    if _EVERY.fullmatch(text):
        return None  # the form is right, the number is not
    form = _BARE.fullmatch(text.lower())
    if form and 1 <= int(form[1]) <= MOST:
        return str(Repeat(every=int(form[1]), unit=form[2]))  # type: ignore[arg-type]  # as above
    return closest(text, [*_WORDS, "every 2 hours", "every 2 days", "every 2 weeks", "every 2 months"])


def _parse_start(text: str) -> datetime | Literal["now"]:
    return "now" if text == "now" else parse_moment(text)


def _format_start(start: datetime | Literal["now"]) -> str:
    return start if isinstance(start, str) else format_moment(start)


Start = Annotated[
    datetime | Literal["now"],
    text_form(_parse_start, "now, or a local date and time,", f"Write now, or: {MOMENT_EXAMPLE}", lambda text: closest(text, ["now"])),
    PlainSerializer(_format_start, return_type=str),
    WithJsonSchema({"anyOf": [{"const": "now"}, {"type": "string", "pattern": MOMENT_PATTERN}], "examples": ["now", "2026-12-01 07:03"]}),
]
RepeatText = Annotated[
    Repeat,
    text_form(parse_repeat, "A repeat", _NEXT_STEP, _closest_repeat),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [{"enum": list(_WORDS)}, {"type": "string", "pattern": "^every [1-9][0-9]{0,3} (hour|day|week|month)s?$"}],
            "examples": ["daily", "every 3 days"],
        }
    ),
]


class Schedule(Frozen):
    """When a campaign starts, how often it starts again, and when it ends."""

    start: Start = Field(default="now", description="now, which is the instant of publishing, or a local date and time.")
    time_zone: ZoneName = Field(default="UTC", description="The zone of start, expires and repeat: an IANA name.")
    expires: LocalMoment | None = Field(default=None, description="The local date and time from which nothing is sent any more.")
    repeat: RepeatText | None = Field(default=None, description="hourly, daily, weekly, monthly, or every N of them; left out, once.")

    @model_validator(mode="after")
    def _expires_after_it_starts(self) -> Self:
        if isinstance(self.start, datetime) and self.expires and to_utc(self.expires, self.time_zone) <= to_utc(self.start, self.time_zone):
            problem = f"The campaign expires at {format_moment(self.expires)}, which is not after its start at {format_moment(self.start)}."
            raise refused(Problem(problem, at=("expires",), value=format_moment(self.expires), next_step="Set expires after start."))
        return self


def start_at(schedule: Schedule, published_at: datetime) -> datetime:
    """Return the instant of occurrence 0."""
    return published_at if isinstance(schedule.start, str) else to_utc(schedule.start, schedule.time_zone)


def expires_at(schedule: Schedule) -> datetime | None:
    """Return the instant from which nothing is sent any more, or None for a campaign that never expires."""
    return to_utc(schedule.expires, schedule.time_zone) if schedule.expires else None


def occurrences(schedule: Schedule, published_at: datetime) -> Iterator[datetime]:
    """Yield the instants of all occurrences in order of time; without an expiry, a campaign that repeats never stops."""
    upcoming = next_occurrence(schedule, published_at, start_at(schedule, published_at) - _TICK)
    while upcoming is not None:
        yield upcoming
        upcoming = next_occurrence(schedule, published_at, upcoming)


def next_occurrence(schedule: Schedule, published_at: datetime, after: datetime) -> datetime | None:
    """Return the first occurrence strictly after an instant, or None when none is to come."""
    series = _Series.of(schedule, published_at)
    found = series.instant(series.count_until(after))
    expiry = expires_at(schedule)
    return found if found is None or expiry is None or found < expiry else None


def latest_occurrence(schedule: Schedule, published_at: datetime, at: datetime) -> datetime | None:
    """Return the last occurrence that is not after an instant, or None when none has been by then."""
    expiry = expires_at(schedule)
    # What is scheduled at the expiry never occurs.
    limit = at if expiry is None or at < expiry else expiry - _TICK
    series = _Series.of(schedule, published_at)
    count = series.count_until(limit)
    return series.instant(count - 1) if count else None


def final_occurrence(schedule: Schedule, published_at: datetime) -> datetime | None:
    """Return the last occurrence of all; None when there is no last one, or none at all because the expiry is not after the start."""
    expiry = expires_at(schedule)
    if schedule.repeat is None:
        return latest_occurrence(schedule, published_at, start_at(schedule, published_at))
    return latest_occurrence(schedule, published_at, expiry) if expiry else None


@dataclass(frozen=True)
class _Series:
    """The instants of a schedule by their number, whatever its expiry."""

    first: datetime
    local: datetime  # the first one on the wall clock, from which all others are counted
    zone: str
    repeat: Repeat | None

    @classmethod
    def of(cls, schedule: Schedule, published_at: datetime) -> _Series:
        zone = schedule.time_zone
        local = to_local(published_at, zone) if isinstance(schedule.start, str) else schedule.start
        return cls(start_at(schedule, published_at), local, zone, schedule.repeat)

    def instant(self, number: int) -> datetime | None:
        """Return the instant of this number, which is not before that of a smaller one; None where there is none."""
        if number == 0:
            return self.first
        if self.repeat is None:
            return None
        distance = number * self.repeat.every
        if self.repeat.unit == "hour":
            return self.first + timedelta(hours=distance)
        if self.repeat.unit == "month":
            return to_utc(_months_later(self.local, distance), self.zone)
        return to_utc(self.local + distance * _LONGEST[self.repeat.unit], self.zone)

    def count_until(self, at: datetime) -> int:
        """Return how many of the instants are not after this one."""
        if at < self.first:
            return 0
        if self.repeat is None:
            return 1
        # So many have certainly passed, since a clock is never set by more than a day; the rest is counted.
        slack = timedelta(0) if self.repeat.unit == "hour" else timedelta(days=1)
        count = max(0, (at - self.first - slack) // (self.repeat.every * _LONGEST[self.repeat.unit]))
        while (instant := self.instant(count)) is not None and instant <= at:
            count += 1
        return count


def _months_later(local: datetime, months: int) -> datetime:
    # Each month is counted from the start, so that the 31st comes back after a short month.
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    return local.replace(year=year, month=month, day=min(local.day, calendar.monthrange(year, month)[1]))
