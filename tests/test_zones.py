"""Zones as clocks, held against pytz's own public conversion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytz
from hypothesis import given, settings
from hypothesis import strategies as st

from outcamp.core import zones
from outcamp.core.errors import DataError

MICROSECOND = timedelta(microseconds=1)
START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)


def offset_by_pytz(zone: str, instant: datetime) -> timedelta:
    offset = instant.astimezone(pytz.timezone(zone)).utcoffset()
    assert offset is not None
    return offset


@pytest.mark.parametrize("zone", pytz.all_timezones)
def test_segments_are_the_clock_that_pytz_keeps(zone: str) -> None:
    """Between 2000 and 2037 the segments have no gap, and each has pytz's offset at both its edges and not beyond them."""
    segments = zones.offset_segments(zone, START, END)
    assert [zones.to_micros(START), *(segment.end for segment in segments)] == [
        *(segment.start for segment in segments),
        zones.to_micros(END),
    ]
    for segment in segments:
        first, last = zones.from_micros(segment.start), zones.from_micros(segment.end) - MICROSECOND
        expected = timedelta(microseconds=segment.offset)
        assert expected == offset_by_pytz(zone, first) == offset_by_pytz(zone, last)
        if last + MICROSECOND < END:
            assert expected != offset_by_pytz(zone, last + MICROSECOND)


@settings(max_examples=500)
@given(zone=st.sampled_from(pytz.all_timezones), since_1850=st.timedeltas(timedelta(), timedelta(days=91_000)))
def test_the_offset_at_any_instant_is_the_one_of_pytz(zone: str, since_1850: timedelta) -> None:
    """The clock agrees with pytz's conversion at any instant of 250 years."""
    instant = datetime(1850, 1, 1, tzinfo=UTC) + since_1850
    offset, until = zones.clock_at(zone, zones.to_micros(instant))
    assert offset_by_pytz(zone, instant) == timedelta(microseconds=offset)
    assert zones.to_micros(instant) < until


@given(st.datetimes())
def test_instants_survive_the_way_through_microseconds(instant: datetime) -> None:
    """An instant is the same after it was a number."""
    aware = instant.replace(tzinfo=UTC)
    assert aware == zones.from_micros(zones.to_micros(aware))


def test_names_are_those_of_the_database() -> None:
    """A zone is known by its exact name, old names included; anything else is none."""
    assert all(zones.is_zone(name) for name in ("America/New_York", "US/Eastern", "UTC", "Asia/Kathmandu"))
    assert not any(zones.is_zone(name) for name in ("america/new_york", "New York", "Napakiak", "", " UTC", None))


def test_an_unknown_zone_is_an_error_with_the_closest_name() -> None:
    """Asking for the clock of an unknown zone names it and the one that was probably meant."""
    with pytest.raises(DataError) as caught:
        zones.offset_segments("Europe/Berlim", START, END)
    assert "Unknown time zone 'Europe/Berlim'.\n  Next: Did you mean 'Europe/Berlin'?" == str(caught.value)


def test_an_unknown_zone_that_looks_like_none_is_an_error_with_an_example() -> None:
    """Where no known name is near, the message shows what a name looks like."""
    with pytest.raises(DataError) as caught:
        zones.offset_segments("0815", START, END)
    expected = "Unknown time zone '0815'.\n  Next: Use a name of the IANA time zone database, such as Europe/Berlin."
    assert expected == str(caught.value)


def test_zone_sets_are_sorted_and_hold_each_name_once() -> None:
    """A zone set is one text, whatever the order of its names."""
    assert "Asia/Tokyo|Europe/Rome" == zones.join_zones(["Europe/Rome", "Asia/Tokyo", "Europe/Rome"])
    assert ("Asia/Tokyo", "Europe/Rome") == zones.split_zones("Asia/Tokyo|Europe/Rome")


def test_zones_keep_the_same_clock_if_all_their_offsets_agree() -> None:
    """Same clock means the same offset at every instant, not the same rules or the same offset today."""
    assert zones.same_clock(["Europe/Berlin", "Europe/Paris", "Europe/Vienna"])
    assert zones.same_clock(["Asia/Tokyo"])
    assert zones.same_clock([])
    assert not zones.same_clock(["America/Phoenix", "America/Denver"])
    assert not zones.same_clock(["America/New_York", "America/Toronto", "America/Havana"])


@pytest.mark.parametrize(
    ("listed", "only_calling_code", "said"),
    [
        (("America/New_York",), False, ("America/New_York",)),
        (("America/Chicago", "America/New_York"), False, ("America/Chicago", "America/New_York")),
        (("America/Chicago", "America/New_York"), True, ()),
        (("Asia/Tokyo",), True, ("Asia/Tokyo",)),
        (("Europe/Berlin", "Europe/Busingen"), True, ("Europe/Berlin", "Europe/Busingen")),
        (("Etc/Unknown",), True, ()),
        (("Etc/Unknown",), False, ()),
        ((), True, ()),
    ],
)
def test_a_number_says_its_zones_unless_it_may_be_anywhere_in_its_calling_code(
    listed: tuple[str, ...], only_calling_code: bool, said: tuple[str, ...]
) -> None:
    """A number known by its whole calling code speaks only where the calling code keeps one clock."""
    assert said == zones.zones_of_number_say(listed, only_calling_code)
