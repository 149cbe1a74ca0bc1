"""How long what is open now stays open, held against a walk over wall clocks; for one recipient, and for columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pyarrow as pa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from outcamp.core.communication_time import CommunicationTime
from outcamp.core.open_times import OpenTimes
from outcamp.frames.open_times import closes_at_column
from test_open_times import MINUTE, SUNDAY, cases, communication_time, is_open_by_the_clock, opening, utc, window


def closing_by_walking(times: CommunicationTime, now: datetime, zones: Iterable[str], before: datetime) -> datetime | None:
    """The first instant at which anything can end that is not open; windows end on a minute, or by stop_early before one."""
    minute = now.replace(second=0, microsecond=0)
    while minute - times.stop_early < before:
        for instant in sorted({minute - times.stop_early, minute}):
            if now < instant < before and not is_open_by_the_clock(times, "sms", instant, zones):
                return instant
        minute += MINUTE
    return None


@settings(max_examples=200)
@given(case=cases(), searched=st.timedeltas(timedelta(), timedelta(hours=40)))
def test_the_closing_is_the_one_that_a_walk_over_the_wall_clocks_finds(case, searched: timedelta) -> None:
    """From any opening on, for any zones, windows, exceptions and clock changes, the walk and the rule agree."""
    times, zones, now = case
    opens = OpenTimes.of(times, "sms").next_open(now, zones, now + timedelta(days=8))
    assume(opens is not None)
    expected = closing_by_walking(times, opens, zones, opens + searched)
    assert expected == OpenTimes.of(times, "sms").closes_at(opens, zones, opens + searched)


def test_what_closes_at_the_end_of_the_search_does_not_close_before_it() -> None:
    """An expiry at the very end of a window is the same instant either way."""
    sunday = opening(window(SUNDAY, 540, 1020))
    now, closes = utc("2026-03-08T12:00"), utc("2026-03-08T17:00")
    assert closes == sunday.closes_at(now, ["UTC"])
    assert closes == sunday.closes_at(now, ["UTC"], closes + MINUTE)
    assert [None, None] == [sunday.closes_at(now, ["UTC"], before) for before in (closes, closes - MINUTE)]


def test_what_never_closes_has_no_end() -> None:
    """Without windows, and with windows around the clock."""
    now = utc("2026-03-08T12:00")
    assert [None, None] == [times.closes_at(now, ["UTC"]) for times in (OpenTimes.of(None, "sms"), opening(window(range(7), 0, 1440)))]


def test_each_row_closes_by_its_own_zones() -> None:
    """The column says what the rule says of each row; without windows it says nothing."""
    zones = pa.array(["UTC", "Europe/Berlin|UTC", "Europe/Berlin", "UTC"]).dictionary_encode()
    now, late, early = (utc(f"2026-03-08T{hour}:00") for hour in (12, 17, 16))
    open_times = OpenTimes.of(communication_time(window(SUNDAY, 540, 1020)), "sms")
    assert [late, early, early, late] == closes_at_column(open_times, zones, now).to_pylist()
    assert [None, early, early] == closes_at_column(open_times, zones.slice(0, 3), now, late).to_pylist()
    assert [None] * 4 == closes_at_column(OpenTimes.of(None, "sms"), zones, now).to_pylist()
