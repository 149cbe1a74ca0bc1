"""The tables of `zone_data/`: what is known of each country's places, read when a country first occurs."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytz

from outcamp.core.addresses import Country, PostalRange, PostalRanges, plain_name
from outcamp.core.zones import ADDRESSES_SINCE, join_zones, same_clock, split_zones

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
        postal=PostalRanges(
            [
                PostalRange(row["first"], row["last"], row["zones"])
                for name in ("postal_ranges.csv", "us_zip_ranges.csv")
                for row in _rows(name)
                if row["country"] == code
            ]
        ),
        # A name, or a code of ISO 3166-2 with the country in front or without it.
        regions={plain_name(form): _key(row) for row in regions for name in row["names"].split("|") for form in (name, f"{code}-{name}")},
        zones_of_regions={_key(row): row["zones"] for row in regions if row["zones"]},
        cities=cities,
        cities_anywhere={city: join_zones(zones_there) for city, zones_there in anywhere.items()},
        digits=_ZIP_DIGITS.get(code, 0),
    )


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
