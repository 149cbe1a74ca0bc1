"""Open times, held against a walk over wall clocks that knows nothing of how they are computed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
import pytz
from hypothesis import given, settings
from hypothesis import strategies as st

from outcamp.core.communication_time import RECIPIENT, CommunicationTime, ExceptionDays, Window
from outcamp.core.errors import DataError
from outcamp.core.open_times import OpenTimes

MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(days: Iterable[int], start: int, end: int, *channels: str) -> Window:
    return Window(days=tuple(days), start_minute=start, end_minute=end, channels=channels)


def closed(start: date, end: date, *channels: str) -> ExceptionDays:
    return ExceptionDays(name="closed", start=start, end=end, channels=channels)


def communication_time(*active: Window, exceptions: Iterable[ExceptionDays] = (), stop_early: timedelta = timedelta()) -> CommunicationTime:
    return CommunicationTime(time_zone=RECIPIENT, active=active, exceptions=tuple(exceptions), stop_early=stop_early)


def opening(*active: Window, exceptions: Iterable[ExceptionDays] = (), stop_early: timedelta = timedelta()) -> OpenTimes:
    return OpenTimes.of(communication_time(*active, exceptions=exceptions, stop_early=stop_early), "sms")


# The oracle: each instant is put on each zone's wall clock by pytz, and the rule's one sentence is read off it.


def is_open_by_the_clock(times: CommunicationTime, channel: str, instant: datetime, zones: Iterable[str]) -> bool:
    return all(is_open_on_one_clock(times, channel, instant.astimezone(pytz.timezone(zone))) for zone in zones)


def is_open_on_one_clock(times: CommunicationTime, channel: str, wall: datetime) -> bool:
    since_midnight = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
    in_a_window = any(
        wall.weekday() in window.days
        and window.start_minute * MINUTE <= since_midnight < window.end_minute * MINUTE - times.stop_early
        and (channel in window.channels or window.channels == ())
        for window in times.active
    )
    excepted = any(days.start <= wall.date() <= days.end and (channel in days.channels or days.channels == ()) for days in times.exceptions)
    return in_a_window and not excepted


def next_open_by_walking(times: CommunicationTime, channel: str, now: datetime, zones: Iterable[str], before: datetime) -> datetime | None:
    instant = now
    while instant < before:
        if is_open_by_the_clock(times, channel, instant, zones):
            return instant
        instant = instant.replace(second=0, microsecond=0) + MINUTE
    return None


# Instants around which the clocks of a zone change, between 2000 and 2037, as pytz lists them.


def changes(zone: str) -> list[datetime]:
    moments = getattr(pytz.timezone(zone), "_utc_transition_times", [])
    return [moment.replace(tzinfo=UTC) for moment in moments if 2000 <= moment.year <= 2037]


CHANGING = [zone for zone in pytz.all_timezones if changes(zone)]
channel_sets = st.sampled_from([(), (), (), ("sms",), ("email",), ("sms", "email")])


@st.composite
def windows(draw: st.DrawFn, shortest: int) -> Window:
    start = draw(st.integers(0, 1440 - shortest) | st.sampled_from([0, 60, 120, 540, 1380]))
    end = draw(st.integers(start + shortest, 1440) | st.just(1440) | st.just(min(start + 60, 1440)))
    return window(draw(st.sets(st.integers(0, 6), min_size=1)), start, end, *draw(channel_sets))


@st.composite
def cases(draw: st.DrawFn) -> tuple[CommunicationTime, tuple[str, ...], datetime]:
    zones = tuple(draw(st.lists(st.sampled_from(CHANGING) | st.sampled_from(pytz.all_timezones), min_size=1, max_size=3)))
    moments = changes(zones[0]) or [utc("2026-03-08T07:00")]
    near_a_change = st.sampled_from(moments).flatmap(
        lambda moment: st.timedeltas(-timedelta(hours=30), timedelta(hours=6)).map(lambda distance: moment + distance)
    )
    anywhere = st.timedeltas(timedelta(), timedelta(days=13_800)).map(lambda since: utc("2000-01-01") + since)
    whole = st.sampled_from([timedelta(microseconds=1), timedelta(seconds=1), MINUTE])
    now, grain = draw(near_a_change | near_a_change | anywhere), draw(whole)
    now -= (now - utc("2000-01-01")) % grain
    exceptions = []
    for _ in range(draw(st.integers(0, 2))):
        first = now.date() + timedelta(days=draw(st.integers(-2, 2)))
        last = first + timedelta(days=draw(st.integers(0, 2)))
        exceptions.append(closed(first, last, *draw(channel_sets)))
    stop_early = draw(st.sampled_from([timedelta(), timedelta(), MINUTE, 15 * MINUTE, timedelta(seconds=1), MICROSECOND]))
    active = draw(st.lists(windows(shortest=stop_early // MINUTE + 1), min_size=1, max_size=4))
    return communication_time(*active, exceptions=exceptions, stop_early=stop_early), zones, now


@settings(max_examples=250)
@given(case=cases(), searched=st.timedeltas(timedelta(), timedelta(hours=40)))
def test_the_next_opening_is_the_one_that_a_walk_over_the_wall_clocks_finds(case, searched: timedelta) -> None:
    """Minute by minute, for any zones, windows, exceptions and clock changes, the walk and the rule agree."""
    times, zones, now = case
    expected = next_open_by_walking(times, "sms", now, zones, now + searched)
    assert expected == OpenTimes.of(times, "sms").next_open(now, zones, now + searched)


@settings(max_examples=400)
@given(case=cases(), distances=st.lists(st.timedeltas(timedelta(days=-2), timedelta(days=9)), min_size=1, max_size=30))
def test_an_instant_is_open_iff_its_wall_clocks_say_so(case, distances: list[timedelta]) -> None:
    """At any microsecond, open means open on each zone's wall clock."""
    times, zones, now = case
    open_times = OpenTimes.of(times, "sms")
    for instant in (now + distance for distance in distances):
        assert is_open_by_the_clock(times, "sms", instant, zones) == open_times.is_open(instant, zones)


@settings(max_examples=300)
@given(case=cases())
def test_openings_are_open_from_edge_to_edge_and_closed_beyond(case) -> None:
    """Each stretch of openings is open at its first and last microsecond, and closed just outside of them."""
    times, zones, now = case
    end = now + 9 * DAY
    open_times = OpenTimes.of(times, "sms")
    stretches = list(open_times.openings(now, end, zones))
    assert [opens for opens, _ in stretches[:1]] == [found for found in [open_times.next_open(now, zones, end)] if found]
    for opens, closes in stretches:
        assert is_open_by_the_clock(times, "sms", opens, zones)
        assert is_open_by_the_clock(times, "sms", closes - MICROSECOND, zones)
        assert opens == now or not is_open_by_the_clock(times, "sms", opens - MICROSECOND, zones)
        assert closes == end or not is_open_by_the_clock(times, "sms", closes, zones)


@settings(max_examples=60)
@given(case=cases(), zones=st.lists(st.sampled_from(pytz.all_timezones), min_size=30, max_size=45))
def test_many_zones_are_open_where_each_of_them_is(case, zones: list[str]) -> None:
    """For sets as large as the zones of a calling code, the next opening is open in each zone, and just before it one is closed."""
    times, _, now = case
    found = OpenTimes.of(times, "sms").next_open(now, zones, now + 8 * DAY)
    if found is not None:
        assert is_open_by_the_clock(times, "sms", found, zones)
        assert found == now or not is_open_by_the_clock(times, "sms", found - MICROSECOND, zones)
    else:
        assert not any(is_open_by_the_clock(times, "sms", now + step * timedelta(hours=1), zones) for step in range(8 * 24))


EVERY_DAY = range(7)
MONDAY, FRIDAY, SUNDAY = (0,), (4,), (6,)


def test_a_window_that_a_clock_change_skips_does_not_open_that_day() -> None:
    """02:00 to 03:00 does not exist in New York on 8 March 2026; the next Sunday has it."""
    open_times = opening(window(SUNDAY, 120, 180))
    assert utc("2026-03-15T06:00") == open_times.next_open(utc("2026-03-08T00:00"), ("America/New_York",))


def test_a_window_that_a_clock_change_cuts_opens_after_the_gap() -> None:
    """02:30 to 04:00 opens at 03:00 in New York on the day that has no 02:30."""
    open_times = opening(window(SUNDAY, 150, 240))
    assert utc("2026-03-08T07:00") == open_times.next_open(utc("2026-03-08T00:00"), ("America/New_York",))


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    """01:00 to 02:00 lasts two hours in New York on 1 November 2026."""
    stretches = opening(window(SUNDAY, 60, 120)).openings(utc("2026-11-01T00:00"), utc("2026-11-02T00:00"), ("America/New_York",))
    assert [(utc("2026-11-01T05:00"), utc("2026-11-01T07:00"))] == list(stretches)


def test_a_minute_that_comes_twice_opens_twice() -> None:
    """01:30 to 01:45 opens in both passes of the hour."""
    stretches = opening(window(SUNDAY, 90, 105)).openings(utc("2026-11-01T00:00"), utc("2026-11-02T00:00"), ("America/New_York",))
    expected = [
        (utc("2026-11-01T05:30"), utc("2026-11-01T05:45")),
        (utc("2026-11-01T06:30"), utc("2026-11-01T06:45")),
    ]
    assert expected == list(stretches)


def test_a_day_that_a_zone_skipped_never_opens() -> None:
    """Samoa had no Friday 30 December 2011; a Friday window waits for the next week's."""
    open_times = opening(window(FRIDAY, 540, 1020))
    assert utc("2012-01-05T19:00") == open_times.next_open(utc("2011-12-29T12:00"), ("Pacific/Apia",))


@pytest.mark.parametrize(
    ("zone", "opens"),
    [
        ("Asia/Kathmandu", "2026-01-05T03:15"),
        ("Asia/Kolkata", "2026-01-05T03:30"),
        ("Australia/Lord_Howe", "2026-01-04T22:00"),
        ("Pacific/Kiritimati", "2026-01-04T19:00"),
        ("Pacific/Pago_Pago", "2026-01-05T20:00"),
    ],
)
def test_offsets_of_any_size_are_exact(zone: str, opens: str) -> None:
    """Monday 09:00 is where the zone has it, to the quarter hour and on either side of the date line."""
    assert utc(opens) == opening(window(MONDAY, 540, 600)).next_open(utc("2026-01-04T10:00"), (zone,))


def test_several_zones_are_open_only_while_all_are() -> None:
    """Nine to five in New York and in Los Angeles is twelve to five in New York."""
    stretches = opening(window(EVERY_DAY, 540, 1020)).openings(
        utc("2026-01-05T06:00"), utc("2026-01-06T12:00"), ("America/New_York", "America/Los_Angeles")
    )
    assert [(utc("2026-01-05T17:00"), utc("2026-01-05T22:00"))] == list(stretches)


def test_zones_that_are_never_open_together_have_no_next_opening() -> None:
    """Without an end to the search, it ends after 400 days."""
    assert opening(window(EVERY_DAY, 540, 1020)).next_open(utc("2026-01-05T00:00"), ("Europe/London", "Pacific/Auckland")) is None


def test_the_end_of_a_window_is_outside_and_its_start_inside() -> None:
    """09:00 is open to the microsecond, 17:00 is not."""
    open_times = opening(window(MONDAY, 540, 1020))
    assert open_times.is_open(utc("2026-01-05T09:00"), ("UTC",))
    assert not open_times.is_open(utc("2026-01-05T09:00") - MICROSECOND, ("UTC",))
    assert open_times.is_open(utc("2026-01-05T17:00") - MICROSECOND, ("UTC",))
    assert not open_times.is_open(utc("2026-01-05T17:00"), ("UTC",))


def test_windows_that_meet_at_midnight_are_one_opening() -> None:
    """Until 24:00 and from 00:00 is open through midnight, also from Sunday to Monday."""
    stretches = opening(window(EVERY_DAY, 0, 1440)).openings(utc("2026-01-04T12:00"), utc("2026-01-20T12:00"), ("Europe/Paris",))
    assert [(utc("2026-01-04T12:00"), utc("2026-01-20T12:00"))] == list(stretches)


def test_stopping_early_moves_the_end_of_each_window() -> None:
    """Of two windows that meet, the first ends early too."""
    open_times = opening(window(MONDAY, 540, 720), window(MONDAY, 720, 1020), stop_early=MINUTE)
    expected = [(utc("2026-01-05T09:00"), utc("2026-01-05T11:59")), (utc("2026-01-05T12:00"), utc("2026-01-05T16:59"))]
    assert expected == list(open_times.openings(utc("2026-01-05T00:00"), utc("2026-01-06T00:00"), ("UTC",)))


def test_exceptions_close_whole_days_of_the_zone() -> None:
    """A closed day ends at the zone's own midnight; both ends of a range are closed."""
    closed_days = (closed(date(2026, 12, 30), date(2027, 1, 1)),)
    open_times = opening(window(EVERY_DAY, 0, 1440), exceptions=closed_days)
    assert utc("2027-01-02T05:00") == open_times.next_open(utc("2026-12-30T05:00"), ("America/New_York",))
    assert open_times.is_open(utc("2026-12-30T05:00") - MICROSECOND, ("America/New_York",))


def test_an_exception_in_the_middle_of_open_days_cuts_them_in_two() -> None:
    """Where every day is open, what follows a closed day is open again."""
    closed_days = (closed(date(2026, 1, 7), date(2026, 1, 7)),)
    stretches = opening(window(EVERY_DAY, 0, 1440), exceptions=closed_days).openings(
        utc("2026-01-05T12:00"), utc("2026-01-20T12:00"), ("UTC",)
    )
    assert [(utc("2026-01-05T12:00"), utc("2026-01-07T00:00")), (utc("2026-01-08T00:00"), utc("2026-01-20T12:00"))] == list(stretches)


def test_windows_and_exceptions_of_other_channels_do_not_matter() -> None:
    """A channel has the windows and exceptions that name it, and those that name none."""
    closed_days = (closed(date(2026, 1, 5), date(2026, 1, 5), "email"),)
    times = communication_time(window(MONDAY, 540, 600), window(MONDAY, 0, 540, "email"), exceptions=closed_days)
    assert utc("2026-01-05T09:00") == OpenTimes.of(times, "sms").next_open(utc("2026-01-05T00:00"), ("UTC",))
    assert utc("2026-01-12T00:00") == OpenTimes.of(times, "email").next_open(utc("2026-01-05T00:00"), ("UTC",))


def test_a_channel_that_no_window_names_is_never_open() -> None:
    """Where a campaign restricts its times, a channel without a window of its own has no time."""
    times = communication_time(window(MONDAY, 540, 600, "email"))
    assert OpenTimes.of(times, "sms").next_open(utc("2026-01-05T00:00"), ("UTC",)) is None


@pytest.mark.parametrize("times", [None, communication_time()])
def test_without_windows_every_instant_is_open_and_no_zone_is_needed(times: CommunicationTime | None) -> None:
    """A campaign that restricts no time may contact now, as long as now is before the end."""
    open_times, now = OpenTimes.of(times, "sms"), utc("2026-01-05T03:00")
    assert open_times.always
    assert open_times.is_open(now, ())
    assert now == open_times.next_open(now, ())
    assert open_times.next_open(now, (), before=now) is None
    assert [(now, now + DAY)] == list(open_times.openings(now, now + DAY, ()))
    assert [] == list(open_times.openings(now, now, ()))


def test_nothing_is_open_for_someone_without_a_zone() -> None:
    """Where times are restricted and no zone is known, no instant is open."""
    open_times = opening(window(EVERY_DAY, 0, 1440))
    assert not open_times.is_open(utc("2026-01-05T12:00"), ())
    assert open_times.next_open(utc("2026-01-05T12:00"), ()) is None


def test_an_opening_at_the_end_of_the_search_is_too_late() -> None:
    """``before`` itself is outside."""
    open_times = opening(window(MONDAY, 540, 600))
    assert open_times.next_open(utc("2026-01-05T08:00"), ("UTC",), before=utc("2026-01-05T09:00")) is None
    assert utc("2026-01-05T09:00") == open_times.next_open(utc("2026-01-05T08:00"), ("UTC",), before=utc("2026-01-05T09:00") + MICROSECOND)


def test_the_search_reaches_400_days_past_the_last_exception() -> None:
    """A campaign that is closed for three years opens after them; nobody is dropped for the length of a closure."""
    closed_days = (closed(date(2026, 1, 1), date(2028, 12, 31)),)
    assert utc("2029-01-01T09:00") == opening(window(MONDAY, 540, 600), exceptions=closed_days).next_open(utc("2026-01-05T00:00"), ("UTC",))


def test_exceptions_to_the_end_of_the_calendar_are_no_error() -> None:
    """A closure until 9999-12-31 means never."""
    closed_days = (closed(date(2026, 1, 1), date.max),)
    assert opening(window(MONDAY, 540, 600), exceptions=closed_days).next_open(utc("2026-01-05T00:00"), ("UTC",)) is None


def test_an_instant_in_any_zone_is_understood() -> None:
    """``now`` may carry any offset; the answer is in UTC."""
    tokyo = pytz.timezone("Asia/Tokyo").localize(datetime(2026, 1, 5, 9, 30))  # noqa: DTZ001
    found = opening(window(MONDAY, 540, 600)).next_open(tokyo, ("Asia/Tokyo",))
    assert tokyo == found
    assert found is not None
    assert timedelta() == found.utcoffset()


def test_an_unknown_zone_is_an_error() -> None:
    """An unknown zone is never taken for an open one."""
    with pytest.raises(DataError, match="Unknown time zone 'America/New_Yorck'"):
        opening(window(MONDAY, 540, 600)).is_open(utc("2026-01-05T09:30"), ("America/New_Yorck",))
