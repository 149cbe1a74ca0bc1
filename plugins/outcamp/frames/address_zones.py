"""The zones that addresses say, for whole columns: each rule is asked once for each distinct combination."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.addresses import POSTAL_WIDTH, plain_country
from outcamp.frames.coded_text import CodedText
from outcamp.frames.place_tables import country
from outcamp.frames.text_columns import as_text

# Between a country and a region that are one value for a while; neither contains it.
_SEPARATOR: Final = "\x1f"


def address_zones(table: pa.Table) -> CodedText:
    """Return the zones that each recipient's address says, from `country` and `postal_code`, `region`, `city` as far as they are there.

    Without a known country an address says nothing.
    """
    countries = _column(table, "country").translated(lambda code: plain_country(code) if country(plain_country(code)) else None)
    by_postal_code = countries.joined(_postal_codes(table), _by_postal_code)
    # What the postal code has settled needs no second answer; often that is nearly everybody.
    open_rows = by_postal_code.codes < 0
    regions = countries.kept(open_rows).joined(_column(table, "region").kept(open_rows), _country_and_region)
    by_place = regions.joined(_column(table, "city").kept(open_rows), _by_place)
    return by_postal_code.joined(by_place, lambda first, second: first or second)


def _column(table: pa.Table, name: str) -> CodedText:
    if name not in table.column_names:
        return CodedText.constant(None, table.num_rows)
    return CodedText.of(table[name], f"The {name} column")


def _postal_codes(table: pa.Table) -> CodedText:
    """Return what the ranges look at of each postal code: far fewer distinct values than whole codes have."""
    if "postal_code" not in table.column_names:
        return CodedText.constant(None, table.num_rows)
    text = as_text(table["postal_code"], "The postal_code column")
    return CodedText.of(pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(text), 0, POSTAL_WIDTH), "The postal_code column")


def _by_postal_code(code: str | None, postal_code: str | None) -> str | None:
    known = country(code) if code else None
    return known.zones_of_postal_code(postal_code) if known and postal_code else None


def _country_and_region(code: str | None, region: str | None) -> str | None:
    known = country(code) if code else None
    if code is None or known is None:
        return None
    return f"{code}{_SEPARATOR}{(known.region(region) if region else None) or ''}"


def _by_place(country_and_region: str | None, city: str | None) -> str | None:
    if country_and_region is None:
        return None
    code, _, region = country_and_region.partition(_SEPARATOR)
    known = country(code)
    return known.zones_of_place(region or None, city) if known else None
