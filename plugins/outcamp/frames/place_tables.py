"""The tables of `zone_data/`: what is known of each country's places, read when a country first occurs."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytz

from outcamp.core.addresses import POSTAL_WIDTH, Country, PostalRange, PostalRanges, plain_name
from outcamp.core.zones import ADDRESSES_SINCE, join_zones, same_clock, split_zones
from outcamp.frames.coded_text import NOTHING, CodedText

_DATA: Final = files("outcamp.frames") / "zone_data"
_ZIP_DIGITS: Final = {"US": 5}


@cache
def country(code: str) -> Country | None:
    """Return what is known of a country's places, by its ISO 3166-1 alpha-2 code in capitals; None where that is no country."""
    zones = pytz.country_timezones.get(code)
    if zones is None:
        return None
    if same_clock(zones, since=ADDRESSES_SINCE):
        return Country(zones=join_zones(zones))
    regions = [row for row in _rows("regions.csv") if row["country"] == code]
    cities = {(region, city): zones for region, city, zones in _cities(code)}
    anywhere: dict[str, set[str]] = {}
    for (_, city), zones_there in cities.items():
        anywhere.setdefault(city, set()).update(split_zones(zones_there))
    return Country(
        postal=PostalRanges(postal_ranges(code)),
        # A name, or a code of ISO 3166-2 with the country in front or without it.
        regions={plain_name(form): _key(row) for row in regions for name in row["names"].split("|") for form in (name, f"{code}-{name}")},
        zones_of_regions={_key(row): row["zones"] for row in regions if row["zones"]},
        cities=cities,
        cities_anywhere={city: join_zones(zones_there) for city, zones_there in anywhere.items()},
        digits=_ZIP_DIGITS.get(code, 0),
    )


@cache
def five_digit_zones(code: str) -> CodedText:
    """Return the zones of all postal codes of a country that begin with five digits: row ``n`` is what the digits of ``n`` say."""
    ranges = [postal_range for postal_range in postal_ranges(code) if postal_range.first.isdecimal()]
    places = np.full(10**POSTAL_WIDTH, NOTHING, dtype=np.int32)
    # The longest range decides: it comes last.
    for place, postal_range in sorted(enumerate(ranges), key=lambda item: len(item[1].first)):
        scale = 10 ** (POSTAL_WIDTH - len(postal_range.first))
        places[int(postal_range.first) * scale : (int(postal_range.last) + 1) * scale] = place
    zones = pa.array([postal_range.zones for postal_range in ranges], pa.string())
    return CodedText.of(pa.DictionaryArray.from_arrays(pa.array(places, mask=places == NOTHING), zones), "zones")


@cache
def postal_ranges(code: str) -> list[PostalRange]:
    """Return the ranges of a country's postal codes; none where it keeps one clock."""
    rows = [row for name in ("postal_ranges.csv", "us_zip_ranges.csv") for row in _rows(name) if row["country"] == code]
    return [PostalRange(row["first"], row["last"], row["zones"]) for row in rows]


def _key(row: dict[str, str]) -> str:
    return plain_name(row["names"].split("|")[0])


@cache
def _rows(name: str) -> list[dict[str, str]]:
    lines = (_DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _cities(code: str) -> list[tuple[str, str, str]]:
    # The file's own reader: `read_table` would load Arrow's dataset machinery, and pandas with it, for a filter.
    with (_DATA / "cities.parquet").open("rb") as file:
        table = pq.ParquetFile(file).read()
    table = table.filter(pc.equal(table["country"], code))
    return list(zip(*(table[name].to_pylist() for name in ("region", "city", "zones")), strict=True))
