"""Whole cases for a simulation: a campaign, its people, what happened before, and what becomes of the attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from oracle.book_strategies import histories, outcome_lists, suppression_lists
from oracle.campaign_strategies import campaigns
from oracle.draws import mostly
from oracle.people_strategies import column_names, recipient_lists, under_their_names
from oracle.records import Row
from oracle.words import utc_of_wall_clock

# Days on which clocks change somewhere (America, Europe, Australia), month ends, and plain days.
DAYS_OF_NOTE = [
    *("2025-03-09", "2025-03-30", "2025-10-05", "2025-10-26", "2025-11-02", "2026-03-08", "2026-03-29", "2026-04-05"),
    *("2026-10-04", "2026-10-25", "2026-11-01", "2027-03-14", "2027-03-28", "2027-10-31"),
    *("2025-12-31", "2026-01-31", "2026-06-01", "2026-08-19", "2027-02-27"),
]
SCHEDULE_ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]
# How often the campaign repeats, and a span in which that makes a handful of occurrences.
REPEATS = [
    *[(None, timedelta(days=9))] * 4,
    *[("daily", timedelta(days=4))] * 3,
    ("every 2 days", timedelta(days=8)),
    ("hourly", timedelta(hours=7)),
    ("every 2 hours", timedelta(hours=12)),
    ("every 36 hours", timedelta(days=6)),
    ("weekly", timedelta(days=20)),
    ("monthly", timedelta(days=65)),
]


@dataclass(frozen=True)
class Case:
    """Everything that ``simulate`` asks for, as plain data."""

    campaign: dict[str, Any]
    recipients: list[Row]
    history: list[Row]
    outcomes: list[Row]
    suppressions: list[Row]
    at: datetime
    until: datetime | None
    wave_interval: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a valid campaign with one to eight recipients, of a kind in which much happens."""
    at = draw(beginnings())
    schedule, until = draw(schedules(at))
    campaign = draw(campaigns(at, schedule))
    repeats = "repeat" in schedule
    recipients = draw(recipient_lists(campaign, with_occurrences=repeats and draw(mostly(False))))
    ids = sorted({row["recipient_id"] for row in recipients})
    columns = draw(column_names(recipients))
    if columns:
        campaign["segment"]["columns"] = columns
    return Case(
        campaign=campaign,
        recipients=draw(under_their_names(recipients, columns)),
        history=draw(histories(ids, at, campaign)),
        outcomes=draw(outcome_lists(ids, campaign)),
        suppressions=draw(suppression_lists(recipients, campaign)),
        at=at,
        until=until,
        wave_interval=draw(st.sampled_from([60, 60, 300, 300, 45, 420, 3600])),
    )


@st.composite
def beginnings(draw: st.DrawFn) -> datetime:
    """Draw an instant within a day of a day of note, mostly on a full minute, now and then between two ticks of any clock."""
    day = datetime.fromisoformat(draw(st.sampled_from(DAYS_OF_NOTE))).replace(tzinfo=UTC)
    minute = draw(st.sampled_from([0, 3, 30, 58]))
    return day + timedelta(hours=draw(st.integers(-24, 24)), minutes=minute, seconds=draw(st.sampled_from([0, 0, 0, 30, 17.123456])))


@st.composite
def schedules(draw: st.DrawFn, at: datetime) -> tuple[dict[str, Any], datetime | None]:
    """Draw a schedule, and until when it is simulated; without an until, the campaign ends by itself."""
    zone = draw(st.sampled_from(SCHEDULE_ZONES))
    repeat, span = draw(st.sampled_from(REPEATS))
    schedule: dict[str, Any] = {"start": "now", "time_zone": zone}
    start = at
    if draw(st.booleans()):
        wall = (at + span * draw(st.sampled_from([-0.5, -0.1, 0.0, 0.05, 0.3]))).astimezone(ZoneInfo(zone))
        if draw(st.booleans()):
            # The hour around which clocks change.
            wall = wall.replace(hour=draw(st.integers(1, 3)), minute=draw(st.sampled_from([0, 30, 45])))
        schedule["start"] = draw(written(wall))
        start = utc_of_wall_clock(datetime.fromisoformat(schedule["start"]), zone)
    if draw(st.booleans()):
        wall = (max(start, at) + timedelta(hours=3) + span * draw(st.sampled_from([0.05, 0.2, 0.7, 1.0]))).astimezone(ZoneInfo(zone))
        schedule["expires"] = draw(written(wall))
    if repeat:
        schedule["repeat"] = repeat
    ends_by_itself = not repeat or "expires" in schedule
    by_default = {"start": "now", "time_zone": "UTC"}
    schedule = {name: value for name, value in schedule.items() if by_default.get(name) != value or draw(st.booleans())}
    if ends_by_itself and draw(st.booleans()):
        return schedule, None
    # Often the end of what can happen, often in the middle of it.
    until = at + span * draw(st.sampled_from([0.0, 0.01, 0.2, 0.5, 1.0, 1.0, 1.0]))
    return schedule, until + timedelta(seconds=draw(st.sampled_from([0, 0, 0, 0.5, 45, 3600])))


@st.composite
def written(draw: st.DrawFn, wall: datetime) -> str:
    """Write a local time as a campaign file does, with seconds in some cases."""
    return f"{wall:%Y-%m-%d %H:%M}" + draw(st.sampled_from(["", "", "", ":00", ":17"]))
