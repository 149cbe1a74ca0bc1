"""The timetable that Airflow asks: each occurrence in order, after downtime only the latest missed one, and never one twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pendulum
import pytest
import yaml
from airflow.timetables.base import DataInterval, TimeRestriction
from hypothesis import given
from hypothesis import strategies as st

from drafts import campaign
from oracle.schedule import expiry_of, scheduled_at
from outcamp.core.schedule import Schedule
from outcamp.dag.timetable import CampaignTimetable

PUBLISHED = datetime(2026, 3, 20, 6, 30, tzinfo=UTC)
ANYTIME = TimeRestriction(earliest=None, latest=None, catchup=False)


def timetable(schedule: dict[str, Any]) -> CampaignTimetable:
    return CampaignTimetable(campaign(yaml.safe_dump({"schedule": schedule})).schedule, PUBLISHED)


def expected(schedule: dict[str, Any], last: datetime | None, now: datetime) -> datetime | None:
    """What comes next, found by counting up from the start."""
    expires = expiry_of({"schedule": schedule})
    latest = None
    for number in range(5000):
        at = scheduled_at({"schedule": schedule}, PUBLISHED, number)
        if expires is not None and at >= expires:
            break
        if at > now and (last is None or at > last):
            return latest if latest is not None and (last is None or latest > last) else at
        latest = at if at <= now else latest
        if "repeat" not in schedule:
            break
    return latest if latest is not None and (last is None or latest > last) else None


@st.composite
def given_schedules(draw: st.DrawFn) -> dict[str, Any]:
    schedule: dict[str, Any] = {"time_zone": draw(st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]))}
    start = datetime(2026, 3, 1) + timedelta(minutes=draw(st.integers(0, 60 * 24 * 40)))  # noqa: DTZ001 - a wall clock has no zone
    if draw(st.booleans()):
        schedule["start"] = f"{start:%Y-%m-%d %H:%M}"
    if draw(st.booleans()):
        schedule["repeat"] = draw(st.sampled_from(["hourly", "daily", "weekly", "monthly", "every 3 days", "every 5 hours"]))
    if draw(st.booleans()):
        later = max(start, datetime(2026, 3, 20, 12)) + timedelta(hours=draw(st.integers(1, 24 * 90)))  # noqa: DTZ001
        schedule["expires"] = f"{later:%Y-%m-%d %H:%M}"
    return schedule


@given(given_schedules(), st.lists(st.integers(0, 60 * 24 * 20), min_size=1, max_size=6))
def test_a_scheduler_that_comes_and_goes_starts_the_latest_missed_occurrence(schedule: dict[str, Any], gaps: list[int]) -> None:
    """Whenever the scheduler looks again, it is told the latest occurrence that it missed, or the next to come; never an old one."""
    asked = timetable(schedule)
    now, last = PUBLISHED, None
    for gap in gaps:
        now += timedelta(minutes=gap)
        upcoming = asked.upcoming(last, now)
        assert expected(schedule, last, now) == upcoming
        if upcoming is not None and upcoming <= now:
            last = upcoming


@pytest.mark.parametrize(
    ("schedule", "after", "next_at"),
    [
        (
            {"start": "2026-03-28 02:30", "time_zone": "Europe/Berlin", "repeat": "daily"},
            "2026-03-28T12:00Z",
            "2026-03-29T01:30Z",
        ),  # 03:30 local
        (
            {"start": "2026-03-27 07:03", "time_zone": "Europe/Berlin", "repeat": "daily"},
            "2026-03-28T12:00Z",
            "2026-03-29T05:03Z",
        ),  # 07:03 local
        ({"start": "2026-01-31 09:00", "time_zone": "UTC", "repeat": "monthly"}, "2026-04-01T00:00Z", "2026-04-30T09:00Z"),
    ],
)
def test_wall_clock_repeats_keep_their_hour(schedule: dict[str, Any], after: str, next_at: str) -> None:
    """07:03 stays 07:03 when the clocks change, an hour that is skipped is read as the one after it, and the 31st ends short months."""
    now = datetime.fromisoformat(after)
    latest = timetable(schedule).upcoming(None, now)
    assert datetime.fromisoformat(next_at) == timetable(schedule).upcoming(latest, now)


def test_nothing_starts_at_or_after_the_expiry() -> None:
    """The last occurrence before the expiry is the last of all."""
    asked = timetable({"start": "2026-03-21 09:00", "repeat": "daily", "expires": "2026-03-23 09:00"})
    assert asked.upcoming(datetime(2026, 3, 22, 9, tzinfo=UTC), datetime(2026, 3, 22, 10, tzinfo=UTC)) is None


def test_airflow_gets_a_run_at_the_exact_instant() -> None:
    """The run starts at the occurrence, and its interval is that instant."""
    asked = timetable({"start": "2026-03-21 09:00"})
    info = asked.next_dagrun_info(last_automated_data_interval=None, restriction=ANYTIME)
    at = datetime(2026, 3, 21, 9, tzinfo=UTC)
    assert (at, at, at) == (info.run_after, info.data_interval.start, info.data_interval.end)
    again = asked.next_dagrun_info(last_automated_data_interval=DataInterval.exact(pendulum.instance(at)), restriction=ANYTIME)
    assert again is None


def test_the_timetable_survives_the_way_to_the_scheduler() -> None:
    """Serialised and read again, it asks the same schedule."""
    schedule = {"start": "2026-03-21 09:00", "time_zone": "Asia/Tokyo", "repeat": "every 3 days", "expires": "2026-06-01 00:00"}
    made = timetable(schedule)
    read = CampaignTimetable.deserialize(made.serialize())
    assert (made.schedule, made.published_at) == (read.schedule, read.published_at)
    assert isinstance(read.schedule, Schedule)


def test_run_ids_are_instants_and_names_of_folders() -> None:
    """A scheduled run is called by its instant; one made by hand at the same moment has a name of its own."""
    asked = timetable({"start": "2026-03-21 09:00"})
    at = pendulum.datetime(2026, 3, 21, 9)
    assert "20260321T090000Z" == asked.generate_run_id(run_type="scheduled", run_after=at, data_interval=DataInterval.exact(at))
    assert "20260321T090000Z-manual" == asked.generate_run_id(run_type="manual", run_after=at, data_interval=None)
