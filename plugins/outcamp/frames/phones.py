"""Phone columns: which numbers are valid, how they are dialled from anywhere, and the time zones that they say something about.

`phonenumbers` is the authority. Columns are read by an automaton that is compiled from its metadata and gives the same answers; what
the automaton cannot decide the library is asked about, once for each distinct number and country.

How the automaton is made, from the bottom up: phone_patterns (a pattern, digit by digit), phone_machine (machines over digits), phone_plans
(the metadata), phone_owners (what is valid), phone_prefix and phone_dialling (what is typed), phone_automaton (all of it as a table).
How it is used: phone_cache (kept on disk), phone_digits (text to digits and back), phone_library (the library itself).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.frames.phone_automaton import PhoneAutomaton
from outcamp.frames.phone_cache import phone_automaton, ready_automaton
from outcamp.frames.phone_digits import digit_rows, international_text, without_extensions
from outcamp.frames.phone_library import ask_library, known_country
from outcamp.frames.text_columns import TextColumn, as_text, text_blocks

VERDICTS = pa.schema([pa.field("e164", pa.string()), pa.field("zones", pa.dictionary(pa.int32(), pa.string()))])

# Compiling takes some ten seconds, once on a machine: as long as the library takes for 300,000 numbers. A column of this length is the
# sign that such numbers will come. Once it is compiled, the automaton reads short columns too.
WORTH_COMPILING = 50_000


def phone_verdicts(phone: TextColumn, country: TextColumn | None = None) -> pa.Table:
    """Return, for each row, the number in E.164 (null: missing or invalid) and its zones joined by "|" (null: says nothing).

    A number without "+" is read as it is dialled in its country, an ISO 3166-1 alpha-2 code in any case; a country that is null
    or unknown reads as not given.
    """
    numbers = as_text(phone, "The phone column")
    countries = known_countries(country, len(numbers))
    automaton = phone_automaton() if len(numbers) >= WORTH_COMPILING else ready_automaton()
    return verdicts_by_automaton(numbers, countries, automaton) if automaton else verdicts_by_library(numbers, countries)


def known_countries(country: TextColumn | None, rows: int) -> pa.DictionaryArray:
    """Return the country of each row in upper case, as a dictionary of those that `phonenumbers` knows; all others are null."""
    if country is None:
        return pa.nulls(rows, pa.string()).dictionary_encode()
    given = as_text(country, "The country column").dictionary_encode()
    known = pa.array([known_country(name) for name in given.dictionary.to_pylist()], type=pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(known.indices.take(given.indices), known.dictionary)


def verdicts_by_library(phone: pa.Array, country: pa.DictionaryArray) -> pa.Table:
    """Return the verdicts that `phonenumbers` gives, asked once for each distinct number and known country."""
    numbers = phone.dictionary_encode()
    width = len(country.dictionary) + 1
    pairs = pc.add(pc.multiply(numbers.indices.cast(pa.int64()), width), pc.add(pc.fill_null(country.indices, -1), 1)).dictionary_encode()
    number_of, country_of = np.divmod(pairs.dictionary.to_numpy(zero_copy_only=False), width)
    names = [None, *country.dictionary.to_pylist()]
    texts = numbers.dictionary.take(pa.array(number_of)).to_pylist()
    verdicts = [ask_library(text, names[index]) for text, index in zip(texts, country_of.tolist(), strict=True)]
    e164 = pa.array([verdict.e164 for verdict in verdicts], type=pa.string())
    zones = pa.array([verdict.zones for verdict in verdicts], type=pa.string()).dictionary_encode()
    return pa.table([e164.take(pairs.indices), zones.take(pairs.indices)], schema=VERDICTS)


def verdicts_by_automaton(phone: pa.Array, country: pa.DictionaryArray, automaton: PhoneAutomaton) -> pa.Table:
    """Return the same verdicts, but ask `phonenumbers` only about what the automaton cannot decide."""
    verdicts, undecided = _read(phone, country, automaton)
    if not pc.any(undecided).as_py():
        return verdicts
    phone, country = phone.filter(undecided), country.filter(undecided)
    plainer, still_undecided = _read(without_extensions(phone), country, automaton)
    asked = verdicts_by_library(phone.filter(still_undecided), country.filter(still_undecided))
    return _completed(verdicts, undecided, _completed(plainer, still_undecided, asked))


def _read(phone: pa.Array, country: pa.DictionaryArray, automaton: PhoneAutomaton) -> tuple[pa.Table, pa.Array]:
    """Return what the automaton says, and for which rows it cannot say anything."""
    starts, after_plus, codes = _starts(automaton, country), np.int32(automaton.start("+")), automaton.codes.tolist()
    e164: list[pa.Array] = [pa.array([], type=pa.string())]
    zones: list[NDArray[np.int16]] = [np.empty(0, dtype=np.int16)]
    undecided: list[NDArray[np.bool_]] = [np.empty(0, dtype=bool)]
    first = 0
    for block in text_blocks(phone):
        rows = digit_rows(block)
        start = np.where(rows.plus, after_plus, starts[first : first + len(block)])
        readings = automaton.read(rows, start)
        valid = readings.valid & block.valid & ~rows.odd
        e164.append(international_text(rows, codes, readings.codes, np.where(valid, readings.kept, np.int16(0))))
        zones.append(np.where(valid, readings.zones, np.int16(-1)))
        undecided.append((readings.ask | rows.odd) & block.valid)
        first += len(block)
    verdicts = pa.table([pa.concat_arrays(e164), _zone_column(np.concatenate(zones), automaton)], schema=VERDICTS)
    return verdicts, pa.array(np.concatenate(undecided))


def _starts(automaton: PhoneAutomaton, country: pa.DictionaryArray) -> NDArray[np.int32]:
    """Return where the automaton starts for each row that has no "+"."""
    of_country = np.array([automaton.start(name) for name in [*country.dictionary.to_pylist(), ""]], dtype=np.int32)
    places: NDArray[np.int32] = of_country[pc.fill_null(country.indices, len(country.dictionary)).to_numpy(zero_copy_only=False)]
    return places


def _zone_column(zones: NDArray[np.int16], automaton: PhoneAutomaton) -> pa.DictionaryArray:
    """Return the zones as a dictionary of those that occur, in order of name; -1 is null."""
    occurs = np.bincount(zones + 1, minlength=len(automaton.zones) + 1)[1:] > 0
    renumbered = np.append(np.cumsum(occurs) - 1, 0).astype(np.int32)  # the 0 is for -1, which is masked
    return pa.DictionaryArray.from_arrays(pa.array(renumbered[zones], mask=zones < 0), pa.array(automaton.zones[occurs], type=pa.string()))


def _completed(verdicts: pa.Table, undecided: pa.Array, others: pa.Table) -> pa.Table:
    """Put the verdicts of the others in the undecided rows, in order."""
    zones, other_zones = verdicts["zones"].combine_chunks(), others["zones"].combine_chunks()
    names = pa.concat_arrays([zones.dictionary, other_zones.dictionary]).unique()
    renumbered = pc.index_in(other_zones.dictionary, names).take(other_zones.indices)
    indices = pc.replace_with_mask(zones.indices, undecided, renumbered)
    e164 = pc.replace_with_mask(verdicts["e164"].combine_chunks(), undecided, others["e164"].combine_chunks())
    return pa.table([e164, pa.DictionaryArray.from_arrays(indices, names)], schema=VERDICTS)
