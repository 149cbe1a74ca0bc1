"""Zones and next openings of whole columns, held against one row at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.communication_time import CommunicationTime, Window
from outcamp.core.errors import DataError
from outcamp.core.open_times import OpenTimes
from outcamp.frames.open_times import next_open_column
from outcamp.frames.zones import zone_sets

NINE_TO_FIVE = Window(days=(0, 1, 2, 3, 4), start_minute=540, end_minute=1020)


def recipients_clock(*detect: str, scope: str = "all", time_zone: str = "recipient") -> CommunicationTime:
    return CommunicationTime(time_zone=time_zone, detect=detect or ("column",), scope=scope, active=(NINE_TO_FIVE,))


def dictionary(values: list[str | None]) -> pa.DictionaryArray:
    return pa.array(values, type=pa.string()).dictionary_encode()


def zones_of_one_row(column: str | None, phone: str | None, detect: tuple[str, ...], scope: str) -> str | None:
    said = {"column": [column] if column in pytz.all_timezones else [], "area_code": phone.split("|") if phone else []}
    sources = [said[source] for source in detect if said[source]]
    if scope == "first":
        sources = sources[:1]
    return "|".join(sorted({zone for zones in sources for zone in zones})) or None


names = st.none() | st.sampled_from(["America/New_York", "Asia/Kathmandu", "UTC", "Mars/Olympus", "", "america/new_york"])
phones = st.none() | st.lists(st.sampled_from(["America/New_York", "Europe/Rome", "UTC"]), min_size=1, unique=True).map(
    lambda zones: "|".join(sorted(zones))
)


@given(
    rows=st.lists(st.tuples(names, phones), max_size=30),
    detect=st.permutations(["column", "area_code"]).flatmap(lambda order: st.sampled_from([tuple(order), tuple(order[:1])])),
    scope=st.sampled_from(["first", "all"]),
    kind=st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]),
    chunk=st.integers(1, 10),
)
def test_each_row_has_the_zones_that_its_sources_say(rows, detect, scope, kind, chunk) -> None:
    """Whatever the type and the chunks of the columns, each row's zones are what its own values say."""
    chunks = [pa.array([column for column, _ in rows[start : start + chunk]], type=pa.string()) for start in range(0, len(rows), chunk)]
    table = pa.table({"time_zone": pa.chunked_array([part.cast(kind) for part in chunks], type=kind)})
    found = zone_sets(table, recipients_clock(*detect, scope=scope), dictionary([phone for _, phone in rows]))
    assert [zones_of_one_row(column, phone, detect, scope) for column, phone in rows] == found.to_pylist()
    assert len(set(found.dictionary.to_pylist())) == len(found.dictionary)


def test_one_zone_for_all_is_everybodys() -> None:
    """With a standard zone, the recipients' own does not matter."""
    table = pa.table({"time_zone": ["Asia/Tokyo", None]})
    assert ["Europe/Rome", "Europe/Rome"] == zone_sets(table, recipients_clock(time_zone="Europe/Rome")).to_pylist()


@pytest.mark.parametrize("communication_time", [None, CommunicationTime(time_zone="recipient")])
def test_no_zone_is_needed_where_no_time_is_restricted(communication_time: CommunicationTime | None) -> None:
    """Without active times, nobody has a zone."""
    assert [None, None] == zone_sets(pa.table({"time_zone": ["Asia/Tokyo", None]}), communication_time).to_pylist()


def test_sources_that_are_not_there_say_nothing() -> None:
    """A table without the column, and a wave without phones, leave every zone unknown."""
    table = pa.table({"recipient_id": ["a", "b"]})
    assert [None, None] == zone_sets(table, recipients_clock("column", "area_code")).to_pylist()


def test_a_zone_column_that_is_not_text_is_an_error() -> None:
    """Offsets are no zones."""
    with pytest.raises(DataError) as caught:
        zone_sets(pa.table({"time_zone": [-5, 1]}), recipients_clock())
    expected = "The time_zone column holds int64; it must hold text.\n  Next: Cast it to text in the segment's SQL or file."
    assert expected == str(caught.value)


@given(
    rows=st.lists(st.none() | st.sampled_from(["UTC", "Asia/Kolkata", "America/Los_Angeles|Asia/Tokyo", "Europe/London|UTC"]), max_size=20),
    now=st.timedeltas(timedelta(), timedelta(days=14)).map(lambda since: datetime(2026, 3, 20, tzinfo=UTC) + since),
    searched=st.none() | st.timedeltas(timedelta(), timedelta(days=4)),
    first=st.integers(0, 5),
)
def test_each_row_opens_when_its_zones_do(rows, now, searched, first) -> None:
    """The column holds what the rule says for each row's zones; a row without zones never opens."""
    open_times = OpenTimes.of(recipients_clock(), "sms")
    before = None if searched is None else now + searched
    expected = [open_times.next_open(now, zones.split("|"), before) if zones else None for zones in rows]
    column = next_open_column(open_times, dictionary(rows).slice(first), now, before)
    assert pa.timestamp("us", "UTC") == column.type
    assert expected[first:] == column.to_pylist()


def test_where_everything_is_open_every_row_opens_now() -> None:
    """Without active times the zones do not matter; at the expiry it is too late for all."""
    open_times, now = OpenTimes.of(None, "sms"), datetime(2026, 3, 20, tzinfo=UTC)
    assert [now, now] == next_open_column(open_times, dictionary(["UTC", None]), now).to_pylist()
    assert [None, None] == next_open_column(open_times, dictionary(["UTC", None]), now, now).to_pylist()


def test_zones_that_no_row_has_are_not_asked_for() -> None:
    """What a filter left behind in the dictionary costs nothing, and cannot fail."""
    left_behind = dictionary(["Nowhere/Atall", "UTC"]).slice(1)
    open_times, now = OpenTimes.of(recipients_clock(), "sms"), datetime(2026, 3, 20, 10, tzinfo=UTC)
    assert [now] == next_open_column(open_times, left_behind, now).to_pylist()
