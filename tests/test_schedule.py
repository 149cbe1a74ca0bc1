"""When occurrences are: by the wall clock of the schedule's zone, against a walk through zoneinfo."""

# ruff: noqa: DTZ001 - wall-clock times have no zone until a schedule gives them one

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from drafts import refusal
from outcamp.core.schedule import (
    Repeat,
    Schedule,
    expires_at,
    final_occurrence,
    latest_occurrence,
    next_occurrence,
    occurrences,
    start_at,
)

PUBLISHED = datetime(2026, 11, 20, 9, 30, 15, 123456, tzinfo=UTC)
UNITS = ("hour", "day", "week", "month")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def schedule(**settings: object) -> Schedule:
    return Schedule.model_validate(settings)


@cache
def zone_by_another_library(name: str) -> ZoneInfo:
    """The zone as Python's own zoneinfo reads it from the files of pytz, so that both know the same changes."""
    with pytz.open_resource(name) as file:
        return ZoneInfo.from_file(file, key=name)


def walk(plan: Schedule, published_at: datetime) -> Iterator[datetime]:
    """All occurrences, found one after the other by stepping the wall clock; what the module does with arithmetic."""
    zone = zone_by_another_library(plan.time_zone)
    first = published_at if plan.start == "now" else plan.start.replace(tzinfo=zone).astimezone(UTC)
    local = published_at.astimezone(zone).replace(tzinfo=None, fold=0) if plan.start == "now" else plan.start
    expiry = plan.expires.replace(tzinfo=zone).astimezone(UTC) if plan.expires else None
    before = None
    for number in itertools.count():
        if number == 0:
            instant = first
        elif plan.repeat is None:
            return
        elif plan.repeat.unit == "hour":
            instant = first + timedelta(hours=number * plan.repeat.every)
        else:
            instant = stepped(local, number, plan.repeat).replace(tzinfo=zone).astimezone(UTC)
        if expiry is not None and instant >= expiry:
            return
        if before is None or instant > before:
            yield instant
        before = instant


def stepped(local: datetime, number: int, repeat: Repeat) -> datetime:
    if repeat.unit != "month":
        return local + number * timedelta(days=repeat.every * (7 if repeat.unit == "week" else 1))
    year, month = local.year, local.month
    for _ in range(number * repeat.every):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    last = calendar.monthrange(year, month)[1]
    return local.replace(year=year, month=month, day=min(local.day, last))


# pytz knows no changes after 2037.
LAST = utc(2037, 12, 1)

moments = st.datetimes(datetime(2001, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
# Night hours around the weekends in which clocks change, and zones that moved for good or by a whole day.
changes = st.sampled_from([
    ("America/New_York", datetime(2026, 3, 8)),
    ("America/New_York", datetime(2026, 11, 1)),
    ("Europe/Dublin", datetime(2026, 3, 29)),
    ("Europe/Dublin", datetime(2026, 10, 25)),
    ("Australia/Lord_Howe", datetime(2027, 4, 4)),
    ("Africa/Casablanca", datetime(2026, 2, 15)),
    ("Pacific/Apia", datetime(2011, 12, 30)),
    ("Asia/Pyongyang", datetime(2015, 8, 15)),
    ("Asia/Pyongyang", datetime(2018, 5, 4)),
    ("Asia/Kathmandu", datetime(2026, 6, 1)),
])  # fmt: skip


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, datetime]:
    """A schedule and an instant of publishing, often near a change of the clock."""
    zone, day = draw(changes | st.tuples(st.sampled_from(pytz.common_timezones), moments))
    start = day + timedelta(days=draw(st.integers(-3, 1)), minutes=draw(st.integers(-200, 400)))
    repeat = draw(st.none() | st.builds(Repeat, every=st.integers(1, 5), unit=st.sampled_from(UNITS)))
    longest = {None: 5, "hour": 20, "day": 100, "week": 300, "month": 2000}[repeat and repeat.unit]
    # Two hours and a day apart at least, so that the expiry is after the start however the clock changes.
    expires = draw(st.none() | st.integers(26 * 60, 26 * 60 + longest * 1440).map(lambda minutes: start + timedelta(minutes=minutes)))
    published_at = start.replace(tzinfo=UTC) + timedelta(
        seconds=draw(st.integers(-90_000, 90_000)), microseconds=draw(st.integers(0, 999_999))
    )
    now = draw(st.booleans())
    return Schedule(start="now" if now else start, time_zone=zone, expires=expires, repeat=repeat), published_at


def walked(plan: Schedule, published_at: datetime) -> list[datetime]:
    """Every occurrence of a schedule that ends, and many of one that does not; in years whose changes pytz knows."""
    return list(itertools.takewhile(lambda instant: instant < LAST, itertools.islice(walk(plan, published_at), 600)))


@given(schedules())
def test_occurrences_are_those_of_a_walk_by_the_clock(case: tuple[Schedule, datetime]) -> None:
    """The first occurrences are exactly those that stepping through the wall clock finds."""
    plan, published_at = case
    found = itertools.takewhile(lambda instant: instant < LAST, occurrences(plan, published_at))
    assert walked(plan, published_at)[:40] == list(itertools.islice(found, 40))


@given(schedules(), st.integers(-1, 599), st.sampled_from([-1, 0, 1, 7_200_000_000]))
def test_the_occurrences_around_an_instant_are_those_of_the_walk(case: tuple[Schedule, datetime], number: int, microseconds: int) -> None:
    """The next occurrence is the first after an instant, the latest one the last that is not after it; also right at an occurrence."""
    plan, published_at = case
    known = walked(plan, published_at)
    at = known[min(number, len(known) - 1)] if known and number >= 0 else published_at - timedelta(days=4)
    at += timedelta(microseconds=microseconds)
    assert max((instant for instant in known if instant <= at), default=None) == latest_occurrence(plan, published_at, at)
    ends = plan.repeat is None or plan.expires is not None
    if ends or at < known[-1]:
        assert next((instant for instant in known if instant > at), None) == next_occurrence(plan, published_at, at)


@given(schedules())
def test_the_final_occurrence_is_the_last_of_the_walk(case: tuple[Schedule, datetime]) -> None:
    """A campaign that repeats without an expiry has no final occurrence; every other one has the last of its walk."""
    plan, published_at = case
    endless = plan.repeat is not None and plan.expires is None
    expected = None if endless else max(walk(plan, published_at), default=None)
    assert expected == final_occurrence(plan, published_at)


def test_now_is_the_instant_of_publishing() -> None:
    """``start: now`` starts at the instant of publishing, to the microsecond, and once."""
    plan = schedule()
    assert (PUBLISHED, None) == (start_at(plan, PUBLISHED), expires_at(plan))
    assert [PUBLISHED] == list(occurrences(plan, PUBLISHED))
    assert (PUBLISHED, None) == (final_occurrence(plan, PUBLISHED), next_occurrence(plan, PUBLISHED, PUBLISHED))


def test_the_wall_clock_stays_across_the_change_to_winter_time() -> None:
    """07:03 stays 07:03 in New York when its clock goes back on 2026-11-01."""
    plan = schedule(start="2026-10-31 07:03", time_zone="America/New_York", repeat="daily")
    assert [utc(2026, 10, 31, 11, 3), utc(2026, 11, 1, 12, 3)] == list(itertools.islice(occurrences(plan, PUBLISHED), 2))


def test_a_time_that_is_skipped_is_read_by_the_offset_before() -> None:
    """02:30 on the day when New York skips from 02:00 to 03:00 is 03:30 there; the day after, 02:30 again."""
    plan = schedule(start="2026-03-07 02:30", time_zone="America/New_York", repeat="daily")
    expected = [utc(2026, 3, 7, 7, 30), utc(2026, 3, 8, 7, 30), utc(2026, 3, 9, 6, 30)]
    assert expected == list(itertools.islice(occurrences(plan, PUBLISHED), 3))


def test_a_time_that_comes_twice_is_the_first() -> None:
    """01:30 on the day when New York goes back is the one in summer time."""
    plan = schedule(start="2026-11-01 01:30", time_zone="America/New_York")
    assert utc(2026, 11, 1, 5, 30) == start_at(plan, PUBLISHED)


def test_hours_are_elapsed_time() -> None:
    """Every 12 hours stays 12 hours apart across a change of the clock."""
    plan = schedule(start="2026-10-31 18:00", time_zone="America/New_York", repeat="every 12 hours")
    expected = [utc(2026, 10, 31, 22), utc(2026, 11, 1, 10), utc(2026, 11, 1, 22)]
    assert expected == list(itertools.islice(occurrences(plan, PUBLISHED), 3))


def test_the_31st_is_the_last_day_of_short_months() -> None:
    """Monthly from January 31 goes on February 28, and on March 31 again."""
    plan = schedule(start="2027-01-31 08:00", repeat="monthly")
    expected = [utc(2027, 1, 31, 8), utc(2027, 2, 28, 8), utc(2027, 3, 31, 8), utc(2027, 4, 30, 8)]
    assert expected == list(itertools.islice(occurrences(plan, PUBLISHED), 4))


def test_an_occurrence_at_the_expiry_never_runs() -> None:
    """The occurrence that falls on the expiry is not one any more."""
    plan = schedule(start="2026-12-01 08:00", expires="2026-12-03 08:00", repeat="daily")
    assert [utc(2026, 12, 1, 8), utc(2026, 12, 2, 8)] == list(occurrences(plan, PUBLISHED))
    assert utc(2026, 12, 2, 8) == latest_occurrence(plan, PUBLISHED, utc(2027, 1, 1)) == final_occurrence(plan, PUBLISHED)


def test_a_day_that_a_zone_skipped_is_not_an_occurrence_twice() -> None:
    """Samoa had no 2011-12-30: its instant is that of the 31st, and occurs once."""
    plan = schedule(start="2011-12-29 12:00", time_zone="Pacific/Apia", repeat="daily")
    expected = [utc(2011, 12, 29, 22), utc(2011, 12, 30, 22), utc(2011, 12, 31, 22)]
    assert expected == list(itertools.islice(occurrences(plan, PUBLISHED), 3))


def test_an_expiry_before_publishing_leaves_nothing() -> None:
    """A campaign that starts now and expired already never occurs."""
    plan = schedule(expires="2026-11-01 00:00", repeat="daily")
    assert [] == list(occurrences(plan, PUBLISHED))
    assert (None, None) == (next_occurrence(plan, PUBLISHED, PUBLISHED), latest_occurrence(plan, PUBLISHED, PUBLISHED))


def test_an_old_schedule_is_as_exact_as_a_new_one() -> None:
    """Decades after its start, the next hour is right a thousand times over; counting up to it would take minutes."""
    plan = schedule(start="2000-01-01 07:03", time_zone="America/New_York", repeat="hourly")
    days = [utc(2037, 1, 1) + timedelta(days=day) for day in range(1000)]
    assert [day + timedelta(minutes=3) for day in days] == [next_occurrence(plan, PUBLISHED, day) for day in days]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "{start: 2026-12-01 07:03, expires: 2026-12-01 07:03}",
            (
                "schedule.expires: The campaign expires at 2026-12-01 07:03, which is not after its start at 2026-12-01 07:03.\n"
                "  Next: Set expires after start."
            ),
        ),
        (
            "{start: 2026-12-01T07:03+01:00}",
            (
                "schedule.start: '2026-12-01T07:03+01:00' is not a local date and time.\n"
                "  Next: Write now, or: Write the local date and time without an offset: 2026-12-01 07:03. The zone is time_zone."
            ),
        ),
        (
            "{start: Now}",
            (
                "schedule.start: 'Now' is not a local date and time. Did you mean 'now'?\n"
                "  Next: Write now, or: Write the local date and time without an offset: 2026-12-01 07:03. The zone is time_zone."
            ),
        ),
        (
            "{start: 20261201}",
            (
                "schedule.start: now, or a local date and time, is expected. It says 20261201.\n"
                "  Next: Write now, or: Write the local date and time without an offset: 2026-12-01 07:03. The zone is time_zone."
            ),
        ),
        (
            "{expires: 2206-12-01 07:03}",
            (
                'schedule.expires: The year 2206 is not between 2000 and 2099. It says "2206-12-01 07:03".\n'
                "  Next: Write the local date and time without an offset: 2026-12-01 07:03. The zone is time_zone."
            ),
        ),
        (
            "{time_zone: America/NewYork}",
            (
                "schedule.time_zone: 'America/NewYork' is not a time zone. Did you mean 'America/New_York'?\n"
                "  Next: Use a name of the IANA time zone database, such as America/New_York or UTC."
            ),
        ),
        (
            "{time_zone: chicago}",
            (
                "schedule.time_zone: 'chicago' is not a time zone. Did you mean 'America/Chicago'?\n"
                "  Next: Use a name of the IANA time zone database, such as America/New_York or UTC."
            ),
        ),
        (
            "{repeat: dayly}",
            (
                "schedule.repeat: 'dayly' is not a repeat. Did you mean 'daily'?\n"
                "  Next: Write hourly, daily, weekly, monthly, or every N of hours, days, weeks or months: every 3 days."
            ),
        ),
        *(
            (
                f"{{repeat: {text}}}",
                (
                    f"schedule.repeat: {text!r} is not a repeat. Did you mean {near!r}?\n"
                    "  Next: Write hourly, daily, weekly, monthly, or every N of hours, days, weeks or months: every 3 days."
                ),
            )
            for text, near in (("3 days", "every 3 days"), ("Every 3 Days", "every 3 days"), ("1 day", "daily"), ("Daily", "daily"))
        ),
        (
            "{repeat: every 0 days}",
            (
                'schedule.repeat: A campaign repeats every 1 to 1000 days, not every 0. It says "every 0 days".\n'
                "  Next: Write hourly, daily, weekly, monthly, or every N of hours, days, weeks or months: every 3 days."
            ),
        ),
        (
            "{repeat: {every: 2, unit: day}}",
            (
                "schedule.repeat: A repeat is expected.\n"
                "  Next: Write hourly, daily, weekly, monthly, or every N of hours, days, weeks or months: every 3 days."
            ),
        ),
    ],
)
def test_an_impossible_schedule_is_refused(settings: str, message: str) -> None:
    """Each impossible schedule has its own message."""
    assert f"spring.yaml:5: {message}" == refusal(f"schedule: {settings}\n")
