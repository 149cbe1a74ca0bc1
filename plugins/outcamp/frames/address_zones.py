"""The zones that addresses say, for whole columns: each rule is asked once for each distinct combination.

Lists have so many distinct postal codes that this would be slow, too: those that begin with five digits, as most do, are places in a table.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.core.addresses import POSTAL_WIDTH, plain_country
from outcamp.frames.coded_text import NOTHING, CodedText
from outcamp.frames.place_tables import country, five_digit_zones, postal_ranges
from outcamp.frames.text_columns import as_text, text_blocks

# Digits that are neither a code of five nor one of nine: 82401234 was 08240-1234 once.
_CUT: Final = r"^\s*([0-9]{6,8}|[0-9]{10,})\s*$"
# Between a country and a region that are one value for a while; neither contains it.
_SEPARATOR: Final = "\x1f"


def address_zones(table: pa.Table) -> CodedText:
    """Return the zones that each recipient's address says, from `country` and `postal_code`, `region`, `city` as far as they are there.

    Without a known country an address says nothing.
    """
    countries = _column(table, "country").translated(lambda code: plain_country(code) if country(plain_country(code)) else None)
    by_postal_code = _by_postal_code(countries, table)
    # What the postal code has settled needs no second answer; often that is nearly everybody.
    open_rows = by_postal_code.codes < 0
    regions = countries.kept(open_rows).joined(_column(table, "region").kept(open_rows), _country_and_region)
    by_place = regions.joined(_column(table, "city").kept(open_rows), _by_place)
    return by_postal_code.joined(by_place, _first_answer)


def _column(table: pa.Table, name: str) -> CodedText:
    if name not in table.column_names:
        return CodedText.constant(None, table.num_rows)
    return CodedText.of(table[name], f"The {name} column")


def _by_postal_code(countries: CodedText, table: pa.Table) -> CodedText:
    answers = CodedText.constant(None, table.num_rows)
    if "postal_code" not in table.column_names:
        return answers
    ranged = countries.translated(lambda code: code if postal_ranges(code) else None)
    text = as_text(table["postal_code"], "The postal_code column")
    numbers = _five_digits(text)
    cut = _may_have_lost_zeros(text, ranged)
    numbers[cut] = NOTHING
    for place, code in enumerate(ranged.values):
        zones = five_digit_zones(code)
        mine = (numbers >= 0) & (ranged.codes == place)
        answers = answers.joined(CodedText(zones.codes[numbers], zones.values).kept(mine), _first_answer)
    others = (numbers < 0) & (ranged.codes >= 0)
    if not others.any():
        return answers
    # What the ranges look at of each code: far fewer distinct values than whole codes have.
    trimmed = pc.utf8_trim_whitespace(pc.if_else(pa.array(others), text, None))
    starts = pc.if_else(pa.array(cut), trimmed, pc.utf8_slice_codeunits(trimmed, 0, POSTAL_WIDTH))
    asked = ranged.kept(others).joined(CodedText.of(starts, "The postal_code column"), _zones_of_postal_code)
    return answers.joined(asked, _first_answer)


def _may_have_lost_zeros(text: pa.Array, ranged: CodedText) -> NDArray[np.bool_]:
    """Return which postal codes begin with five digits that may not be their first five."""
    padded = [place for place, code in enumerate(ranged.values) if (known := country(code)) and known.digits]
    rows = np.isin(ranged.codes, padded)
    if rows.any():
        rows[rows] = pc.fill_null(pc.match_substring_regex(text.filter(pa.array(rows)), _CUT), fill_value=False).to_numpy(
            zero_copy_only=False
        )
    return rows


def _five_digits(text: pa.Array) -> NDArray[np.int64]:
    """Return the number that each text begins with in its first five characters, and NOTHING where these are not five digits."""
    numbers = np.full(len(text), NOTHING, dtype=np.int64)
    first = 0
    for block in text_blocks(text):
        five = np.flatnonzero(block.valid & (block.ends - block.starts >= POSTAL_WIDTH))
        digits = block.data[block.starts[five, np.newaxis] + np.arange(POSTAL_WIDTH)] - np.uint8(ord("0"))
        all_digits = (digits < 10).all(axis=1)  # what stood before 0 has wrapped around
        numbers[first + five[all_digits]] = digits[all_digits] @ 10 ** np.arange(POSTAL_WIDTH)[::-1]
        first += len(block)
    return numbers


def _first_answer(first: str | None, second: str | None) -> str | None:
    return first or second


def _zones_of_postal_code(code: str | None, start: str | None) -> str | None:
    known = country(code) if code else None
    return known.zones_of_postal_code(start) if known and start else None


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
