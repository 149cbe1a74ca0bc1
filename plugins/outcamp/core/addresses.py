"""What an address says about the time zone, given what is known of its country.

Asked in this order, the first that answers decides: the postal code; the city within its region; the region; the city alone, where no
region is known; the country, if it keeps one clock. An answer may be several zones, where places of that name keep several clocks.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

# How much of a postal code any country's ranges look at.
POSTAL_WIDTH: Final = 5

_ZEROS: Final = 2  # as many as a code may begin with
_MORE_DIGITS: Final = 4  # of a longer code, as the United States have it: 02139-4307
_NO_LETTER: Final = re.compile(r"[\W_]+")
# Words that some write out and some do not.
_WRITTEN_OUT: Final = {"st": "saint", "ste": "sainte", "ft": "fort", "mt": "mount"}


def plain_name(name: str) -> str:
    """Return a place's name as it is compared: small letters without accents and punctuation, usual abbreviations written out."""
    if not name.isascii():
        name = "".join(mark for mark in unicodedata.normalize("NFKD", name) if not unicodedata.combining(mark))
    return " ".join(_WRITTEN_OUT.get(word, word) for word in _NO_LETTER.sub(" ", name.casefold()).split())


def plain_country(code: str) -> str:
    """Return an ISO 3166-1 alpha-2 code in capitals."""
    return code.strip().upper()


class PostalRange(NamedTuple):
    """Zones of the postal codes that begin with anything from ``first`` to ``last``, both of one length and included."""

    first: str
    last: str
    zones: str


class PostalRanges:
    """The zones of a country's postal codes; of several ranges that a code is in, the longest decides."""

    def __init__(self, ranges: list[PostalRange]) -> None:
        widths = sorted({len(postal_range.first) for postal_range in ranges}, reverse=True)
        by_width = [sorted(postal_range for postal_range in ranges if len(postal_range.first) == width) for width in widths]
        self._by_width = [(len(ordered[0].first), [postal_range.first for postal_range in ordered], ordered) for ordered in by_width]

    def zones(self, code: str) -> str | None:
        """Return the zones of a postal code, or None where it is in no range."""
        for width, firsts, ranges in self._by_width:
            start = code[:width]
            index = bisect_right(firsts, start) - 1
            if index >= 0 and len(start) == width and start <= ranges[index].last:
                return ranges[index].zones
        return None


@dataclass(frozen=True)
class Country:
    """What is known of the zones of a country's places; names are plain, zones are joined by ``|``.

    Attributes:
        zones: those of the whole country, where they keep one clock.
        postal: by postal code.
        regions: the key of each region by each of its names.
        zones_of_regions: by the region's key.
        cities: by the region's key and the city.
        cities_anywhere: by the city, of all regions.
        digits: how long its postal codes are, where they may have lost zeros in front.
    """

    zones: str | None = None
    postal: PostalRanges = field(default_factory=lambda: PostalRanges([]))
    regions: Mapping[str, str] = field(default_factory=dict)
    zones_of_regions: Mapping[str, str] = field(default_factory=dict)
    cities: Mapping[tuple[str, str], str] = field(default_factory=dict)
    cities_anywhere: Mapping[str, str] = field(default_factory=dict)
    digits: int = 0

    def zones_of_postal_code(self, code: str) -> str | None:
        """Return the zones of a postal code, however it is spaced; None where it says nothing."""
        bare = code.upper().replace(" ", "")
        if self.digits and bare.isdecimal():
            bare = self._with_zeros(bare)
        return self.postal.zones(bare)

    def _with_zeros(self, bare: str) -> str:
        """Return a code of digits alone with the zeros in front that it has lost, or nothing where nobody can tell which they were.

        Spreadsheets take 02139 for a number, and 08240-1234 without its hyphen too. Fewer than three digits are no remainder of a code.
        """
        for digits in (self.digits, self.digits + _MORE_DIGITS):
            if digits - _ZEROS <= len(bare) <= digits:
                return bare.zfill(digits)
        return ""

    def region(self, name: str) -> str | None:
        """Return the key of a region by one of its names; None where it has none like it."""
        return self.regions.get(plain_name(name))

    def zones_of_place(self, region: str | None, city: str | None) -> str | None:
        """Return the zones of a city in a region, given by its key; None where they say nothing."""
        city = plain_name(city) if city else None
        if region is None:
            return (self.cities_anywhere.get(city) if city else None) or self.zones
        return (self.cities.get((region, city)) if city else None) or self.zones_of_regions.get(region)
