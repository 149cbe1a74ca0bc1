"""What addresses say: the rule, the tables that it reads, and whole columns."""

from __future__ import annotations

import csv
from collections import defaultdict
from importlib.resources import files
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.addresses import Country, PostalRange, PostalRanges, plain_name
from outcamp.core.communication_time import CommunicationTime, Window
from outcamp.core.errors import DataError
from outcamp.core.zones import ADDRESSES_SINCE, is_zone, same_clock, split_zones
from outcamp.frames.place_tables import country, five_digit_zones
from outcamp.frames.zones import zone_sets

DATA = files("outcamp.frames") / "zone_data"


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in (DATA / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")))


def known(code: str) -> Country:
    found = country(code)
    assert found is not None
    return found


# The rule.


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("St. Louis", "saint louis"),
        ("  SAINT   louis ", "saint louis"),
        ("Montréal", "montreal"),
        ("Saint-Jean-sur-Richelieu", "saint jean sur richelieu"),
        ("Ft. Worth", "fort worth"),
        ("Москва", "москва"),
        ("Coeur d'Alene", "coeur d alene"),
        ("!?", ""),
        ("", ""),
    ],
)
def test_names_are_compared_without_what_people_write_differently(written: str, plain: str) -> None:
    """Case, accents, punctuation and usual abbreviations do not tell places apart."""
    assert plain == plain_name(written)


@given(st.text(max_size=30))
def test_a_plain_name_is_its_own_plain_name(name: str) -> None:
    """Making a name plain twice changes nothing more, whatever the text."""
    assert plain_name(name) == plain_name(plain_name(name))


@given(
    ranges=st.lists(
        st.integers(1, 3).flatmap(lambda width: st.tuples(*[st.text("012", min_size=width, max_size=width)] * 2)).map(sorted), max_size=6
    ),
    code=st.text("012", max_size=4),
)
def test_the_longest_range_that_holds_a_postal_code_decides(ranges: list[list[str]], code: str) -> None:
    """Ranges of one length do not overlap; of those that hold the code's beginning, the longest is the one."""
    apart = [
        PostalRange(first, last, f"{first}-{last}")
        for index, (first, last) in enumerate(ranges)
        if not any(len(other[0]) == len(first) and other[0] <= last and first <= other[1] for other in ranges[:index])
    ]
    holding = [one for one in apart if len(code) >= len(one.first) and one.first <= code[: len(one.first)] <= one.last]
    expected = max(holding, key=lambda one: len(one.first)).zones if holding else None
    assert expected == PostalRanges(apart).zones(code)


@pytest.mark.parametrize(
    ("code", "postal_code", "zones"),
    [
        ("US", "02139", "America/New_York"),
        ("US", "2139", "America/New_York"),
        ("US", "501", "America/New_York"),
        ("US", "82401234", "America/New_York"),
        ("US", "6051234", "America/Puerto_Rico"),
        ("US", "006051234", "America/Puerto_Rico"),
        ("US", "850011234", "America/Phoenix"),
        ("US", "690000", None),
        ("US", "8500112345", None),
        ("US", "85001-1234", "America/Phoenix"),
        ("US", "79942", "America/Chicago"),
        ("US", "96701", "Pacific/Honolulu"),
        ("US", "00901", "America/Puerto_Rico"),
        ("US", "09012", None),
        ("US", "12", None),
        ("US", "99999", None),
        ("US", "ABCDE", None),
        ("US", "", None),
        ("CA", "k1a 0b1", "America/Toronto"),
        ("CA", "A0P1C0", "America/Goose_Bay"),
        ("CA", "A1C", "America/St_Johns"),
        ("AU", "2880", "Australia/Broken_Hill"),
        ("AU", "2000", "Australia/Sydney"),
        ("AU", "0872", "Australia/Adelaide|Australia/Darwin|Australia/Perth"),
        ("BR", "01310-100", "America/Sao_Paulo"),
        ("BR", "69900-000", "America/Rio_Branco"),
        ("MX", "77500", "America/Cancun"),
        ("ES", "35001", "Atlantic/Canary"),
        ("ES", "28001", "Europe/Madrid"),
        ("PT", "9500-321", "Atlantic/Azores"),
        ("RU", "690000", "Asia/Vladivostok"),
        ("ID", "99111", "Asia/Jayapura"),
        ("NZ", "8942", "Pacific/Chatham"),
    ],
)
def test_postal_codes_say_their_zone(code: str, postal_code: str, zones: str | None) -> None:
    """A postal code is read however it is spaced, with or without lost zeros in front; an unknown or military one says nothing."""
    assert zones == known(code).zones_of_postal_code(postal_code)


@pytest.mark.parametrize(
    ("code", "region", "city", "zones"),
    [
        ("US", "TX", "El Paso", "America/Denver"),
        ("US", "us-tx", "EL PASO", "America/Denver"),
        ("US", "Texas", "Austin", "America/Chicago"),
        ("US", "TX", "Nowhere At All", "America/Chicago|America/Denver"),
        ("US", "TX", None, "America/Chicago|America/Denver"),
        ("US", "Palma", None, None),
        ("US", "CA-TX", None, None),
        ("US", "CA", None, "America/Los_Angeles"),
        ("US", None, "St. Louis Park", "America/Chicago"),
        ("US", None, "Portland", "America/Chicago|America/Los_Angeles|America/New_York"),
        ("US", "No Such State", "Honolulu", "Pacific/Honolulu"),
        ("US", None, None, None),
        ("CA", "Québec", "Montréal", "America/Toronto"),
        ("CA", "BC", "Vancouver", "America/Vancouver"),
        ("RU", None, "Москва", "Europe/Moscow"),
        ("CN", None, "上海", "Asia/Shanghai"),
        ("MX", "CDMX", None, "America/Mexico_City"),
        ("ES", "Canarias", None, "Atlantic/Canary"),
        ("DE", None, None, "Europe/Berlin|Europe/Busingen"),
        ("JP", "Tokyo", "Anywhere", "Asia/Tokyo"),
    ],
)
def test_places_say_their_zones(code: str, region: str | None, city: str | None, zones: str | None) -> None:
    """A city in its region; else the region; the city alone only where no region is known; a country that keeps one clock."""
    found = known(code)
    assert zones == found.zones_of_place(found.region(region) if region else None, city)


def test_what_is_no_country_is_not_known() -> None:
    """Only codes of ISO 3166-1 alpha-2 are countries."""
    assert country("XX") is None
    assert country("USA") is None
    assert country("") is None


# The tables.


def test_every_zone_in_the_tables_is_one_of_its_country() -> None:
    """No zone is misspelt, and none belongs elsewhere, but for territories that are written with their mother country."""
    territories = {("AU", "Indian/Christmas"), ("AU", "Indian/Cocos"), ("RU", "Europe/Simferopol")}
    territories |= {("US", f"Pacific/{name}") for name in ("Guam", "Saipan", "Pago_Pago", "Palau", "Chuuk", "Majuro", "Pohnpei", "Kosrae")}
    territories |= {("US", f"America/{name}") for name in ("Puerto_Rico", "St_Thomas")}
    cities = pq.read_table(DATA / "cities.parquet", columns=["country", "zones"]).group_by(["country", "zones"]).aggregate([])
    for row in (*rows("postal_ranges.csv"), *rows("us_zip_ranges.csv"), *rows("regions.csv"), *cities.to_pylist()):
        for zone in split_zones(row["zones"]):
            assert is_zone(zone), row
            assert zone in pytz.country_timezones[row["country"]] or (row["country"], zone) in territories, row


def test_zone_sets_in_the_tables_are_sorted_and_hold_a_clock_once() -> None:
    """A set names each clock by one zone."""
    for row in (*rows("postal_ranges.csv"), *rows("us_zip_ranges.csv"), *rows("regions.csv")):
        zones = split_zones(row["zones"])
        assert sorted(set(zones)) == list(zones), row
    for row in rows("regions.csv"):
        zones = split_zones(row["zones"])
        assert not any(same_clock((one, other), ADDRESSES_SINCE) for one in zones for other in zones if one < other), row


def test_postal_ranges_of_one_length_do_not_overlap() -> None:
    """Which range holds a code never depends on their order."""
    by_width = defaultdict(list)
    for row in (*rows("postal_ranges.csv"), *rows("us_zip_ranges.csv")):
        assert len(row["first"]) == len(row["last"]) <= 5, row
        assert row["first"] <= row["last"], row
        by_width[row["country"], len(row["first"])].append((row["first"], row["last"]))
    for ranges in by_width.values():
        ranges.sort()
        assert all(last < first for (_, last), (first, _) in pairwise(ranges)), ranges


def test_a_regions_name_is_no_other_regions() -> None:
    """Within a country, a name or a code means one region."""
    names = defaultdict(list)
    for row in rows("regions.csv"):
        for name in {plain_name(name) for name in row["names"].split("|")}:
            names[row["country"], name].append(row["names"])
    assert {} == {name: found for name, found in names.items() if len(found) > 1}


def test_cities_are_held_under_their_plain_names_once() -> None:
    """A city is found by its plain name, in the region whose key it carries; the file says where it comes from."""
    table = pq.read_table(DATA / "cities.parquet")
    cities = list(zip(*(table[name].to_pylist() for name in ("country", "region", "city")), strict=True))
    assert sorted(set(cities)) == cities
    assert [] == [city for _, _, city in cities if plain_name(city) != city]
    keys = {(row["country"], plain_name(row["names"].split("|")[0])) for row in rows("regions.csv")}
    assert set() == {(code, region) for code, region, _ in cities if region} - keys
    assert b"GeoNames, CC BY 4.0" in table.schema.metadata[b"made"]


def test_only_countries_with_several_clocks_have_tables() -> None:
    """Where one clock is kept, no table is asked; each country with several has one, but for uninhabited ones."""
    several = {code for code, zones in pytz.country_timezones.items() if not same_clock(zones, ADDRESSES_SINCE)}
    tabled = {row["country"] for row in rows("regions.csv")}
    assert several - {"AQ", "UM"} == tabled


# Columns.

words = st.none() | st.sampled_from(["TX", "texas", "ON", "Ontario", "NSW", "Atlantis", ""])
towns = st.none() | st.sampled_from(["El Paso", "Toronto", "Broken Hill", "Springfield", "Atlantis", ""])
NUMBERS = ["82401234", " 6051234", "006051234 ", "850011234", "8500112345"]
codes = st.none() | st.sampled_from(
    ["79901", "10001-1234", " 35001", "690000", "0999", " K1A 0B1", "2880", "2139", *NUMBERS, "junk", "٢٨٠٠١", ""]
)
countries = st.none() | st.sampled_from(["US", " us", "CA", "au", "es", "RU", "DE", "XX", ""])
ADDRESS = CommunicationTime(
    time_zone="recipient", detect=("address",), active=(Window(days=(0, 1, 2, 3, 4), start_minute=540, end_minute=1020),)
)


def zones_of_one_address(code: str | None, region: str | None, city: str | None, postal_code: str | None) -> str | None:
    found = country((code or "").strip().upper())
    if found is None:
        return None
    by_postal_code = found.zones_of_postal_code(postal_code.strip()) if postal_code else None
    return by_postal_code or found.zones_of_place(found.region(region) if region else None, city)


@given(
    addresses=st.lists(st.tuples(countries, words, towns, codes), max_size=40),
    missing=st.sets(st.sampled_from(["region", "city", "postal_code"]), max_size=2),
)
def test_each_row_has_the_zones_of_its_own_address(addresses: list[tuple[str | None, ...]], missing: set[str]) -> None:
    """The column is what each address says by itself; columns that are not there are as if empty."""
    names = ("country", "region", "city", "postal_code")
    columns = {name: [None if name in missing else row[place] for row in addresses] for place, name in enumerate(names)}
    table = pa.table({name: pa.array(values, type=pa.string()) for name, values in columns.items() if name not in missing})
    expected = [zones_of_one_address(*row) for row in zip(*columns.values(), strict=True)]
    assert expected == zone_sets(table, ADDRESS).to_pylist()


@pytest.mark.parametrize("code", sorted({row["country"] for row in rows("postal_ranges.csv")} | {"US"}))
def test_five_digits_say_in_the_table_what_the_ranges_say(code: str) -> None:
    """Each of the hundred thousand numbers has the zones that the longest range around it has."""
    ranges = known(code).postal
    assert [ranges.zones(f"{number:05}") for number in range(100_000)] == five_digit_zones(code).to_arrow().to_pylist()


def test_without_a_country_an_address_says_nothing() -> None:
    """A ZIP code alone could be a postal code of half the world."""
    assert [None] == zone_sets(pa.table({"postal_code": ["10001"]}), ADDRESS).to_pylist()


def test_a_postal_code_that_is_a_number_is_an_error_that_says_what_to_do() -> None:
    """Numbers have lost the zeros in front; the reader is told to cast."""
    with pytest.raises(DataError) as caught:
        zone_sets(pa.table({"country": ["US"], "postal_code": [2139]}), ADDRESS)
    expected = "The postal_code column holds int64; it must hold text.\n  Next: Cast it to text in the segment's SQL or file."
    assert expected == str(caught.value)
