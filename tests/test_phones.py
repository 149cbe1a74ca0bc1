"""Phone columns: the same verdicts as `phonenumbers` gives one by one, whichever way they are reached."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import phonenumbers
import phonenumbers.timezone
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.errors import DataError
from outcamp.core.zones import zones_of_number_say
from outcamp.frames.phone_automaton import PhoneAutomaton
from outcamp.frames.phone_cache import cache_folder, phone_automaton, read_automaton, write_automaton
from outcamp.frames.phone_digits import digit_rows
from outcamp.frames.phones import known_countries, phone_verdicts, verdicts_by_automaton, verdicts_by_library
from outcamp.frames.text_columns import text_blocks
from phone_corpus import known_examples, made_up_numbers

Pair = tuple[str | None, str | None]


@pytest.fixture(scope="session")
def automaton(pytestconfig: pytest.Config) -> PhoneAutomaton:
    """The automaton, compiled once for all test runs: what it is compiled from is part of its file's name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTCAMP_CACHE", str(pytestconfig.cache.mkdir("phones")))
        return phone_automaton()


def asked_one_by_one(phone: str | None, country: str | None) -> dict[str, str | None]:
    """Return what `phonenumbers` itself says about one number, with nothing of ours but the rule about calling codes."""
    invalid = {"e164": None, "zones": None}
    if phone is None:
        return invalid
    region = country.upper() if country and country.upper() in phonenumbers.SUPPORTED_REGIONS else None
    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        return invalid
    if not phonenumbers.is_valid_number(number):
        return invalid
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    listed = phonenumbers.timezone.time_zones_for_number(number)
    code = f"+{number.country_code}"
    longer = [e164[1:length] for length in range(len(code) + 1, len(e164) + 1) if e164[1:length] in phonenumbers.timezone.TIMEZONE_DATA]
    of_code_only = not longer or not phonenumbers.is_number_geographical(number)
    return {"e164": e164, "zones": "|".join(sorted(zones_of_number_say(listed, of_code_only))) or None}


def both_ways(pairs: list[Pair], automaton: PhoneAutomaton) -> tuple[list[dict[str, str | None]], list[dict[str, str | None]]]:
    """Return the verdicts by the automaton and those by the library."""
    phone = pa.array([phone for phone, _ in pairs], type=pa.string())
    country = known_countries(pa.array([country for _, country in pairs], type=pa.string()), len(pairs))
    return verdicts_by_automaton(phone, country, automaton).to_pylist(), verdicts_by_library(phone, country).to_pylist()


def test_the_automaton_agrees_with_the_library_on_made_up_numbers(automaton: PhoneAutomaton) -> None:
    """Examples of all regions and types, changed, typed in all ways and in all countries: not one verdict differs."""
    pairs = made_up_numbers(30_000, seed=20260115)
    fast, exact = both_ways(pairs, automaton)
    assert [] == [(pair, got, expected) for pair, got, expected in zip(pairs, fast, exact, strict=True) if got != expected]
    assert 10_000 < sum(verdict["e164"] is not None for verdict in exact) < 20_000


def test_the_automaton_agrees_with_the_library_on_every_example(automaton: PhoneAutomaton) -> None:
    """Each example of each region and type, as E.164 and as digits at home, has the library's verdict, and the library is not asked."""
    typed: list[Pair] = []
    for region, number in known_examples():
        national = phonenumbers.national_significant_number(number)
        typed += [(f"+{number.country_code}{national}", None), (national, region), (f"{number.country_code}{national}", region)]
    fast, exact = both_ways(typed, automaton)
    assert exact == fast
    assert [asked_one_by_one(*pair) for pair in typed] == exact


DIGITS = st.text("0123456789", max_size=16)
FRONTS = st.sampled_from(["", "+", "00", "+1", "+49", "+39", "+54 9", "0", "(0"])
TYPED = st.builds("{}{}{}".format, FRONTS, DIGITS, st.sampled_from(["", " ", "-1", "x5", "٣"]))
COUNTRIES = st.none() | st.sampled_from(["US", "us", "DE", "IT", "AR", "BR", "GB", "GG", "KZ", "SM", "AU", "xx", ""])


@given(st.lists(st.tuples(st.none() | TYPED | st.text(max_size=12), COUNTRIES), max_size=15))
def test_any_text_gets_the_verdict_of_the_library(automaton: PhoneAutomaton, pairs: list[Pair]) -> None:
    """Whatever stands in the columns, both ways give what `phonenumbers` says; missing stays missing."""
    fast, exact = both_ways(pairs, automaton)
    assert [asked_one_by_one(*pair) for pair in pairs] == exact == fast


def test_few_numbers_need_the_library(automaton: PhoneAutomaton) -> None:
    """Of plainly typed numbers, however wrong, less than one in a hundred is left to the library."""
    plain = [phone for phone, _ in made_up_numbers(5_000, seed=7) if phone.removeprefix("+").isdigit() and phone.isascii()]
    (block,) = text_blocks(pa.array(plain))
    rows = digit_rows(block)
    start = pa.array([automaton.start("+" if phone[0] == "+" else "DE") for phone in plain], type=pa.int32()).to_numpy()
    undecided = automaton.read(rows, start).ask | rows.odd
    assert undecided.sum() < len(plain) / 100


@pytest.mark.parametrize(
    ("phone", "country", "e164", "zones"),
    [
        ("(212) 555-0100", "us", "+12125550100", "America/New_York"),
        ("1 212 555 0100", "US", "+12125550100", "America/New_York"),
        ("011 49 30 901820", "US", "+4930901820", "Europe/Berlin"),
        ("030 901820", "DE", "+4930901820", "Europe/Berlin"),
        ("+49 (0)30 901820", None, "+4930901820", "Europe/Berlin"),
        ("030 901820", None, None, None),
        ("030 901820", "Germany", None, None),
        ("06 1234 5678", "IT", "+390612345678", "Europe/Rome"),
        ("604 555 0100 ext. 12", "CA", "+16045550100", "America/Vancouver"),
        ("1-800-FLOWERS", "US", "+18003569377", None),
        ("+1 800 356 9377", None, "+18003569377", None),
        ("+44 7400 123456", None, "+447400123456", "Europe/Guernsey|Europe/Isle_of_Man|Europe/Jersey|Europe/London"),
        ("+61 491 570 006", None, "+61491570006", None),
        ("+54 9 343 555 1212", None, "+5493435551212", "America/Buenos_Aires"),
        ("0343 15 555 1212", "AR", "+5493435551212", "America/Buenos_Aires"),
        ("unknown", "US", None, None),
        ("", "US", None, None),
        (None, "US", None, None),
    ],
)
def test_what_people_type(automaton: PhoneAutomaton, phone: str | None, country: str | None, e164: str | None, zones: str | None) -> None:
    """Numbers as people type them become E.164, with the zones that they say something about."""
    fast, exact = both_ways([(phone, country)], automaton)
    assert [{"e164": e164, "zones": zones}] == exact == fast


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_text_column_is_read(automaton: PhoneAutomaton, kind: pa.DataType) -> None:
    """Any Arrow type of text, sliced or in chunks, gives one table of one schema."""
    phone = pa.array(["skipped", "+12125550100", None, "030901820", "030901820", "nobody"], type=pa.string()).cast(kind).slice(1)
    country = pa.array(["FR", None, "US", "de", "fr", "DE"], type=pa.string()).cast(kind).slice(1)
    expected = ["+12125550100", None, "+4930901820", None, None]
    for numbers, countries in [(phone, country), (pa.chunked_array([phone[:2], phone[2:]]), pa.chunked_array([country[:3], country[3:]]))]:
        verdicts = phone_verdicts(numbers, countries)
        assert expected == verdicts["e164"].to_pylist()
        assert pa.schema({"e164": pa.string(), "zones": pa.dictionary(pa.int32(), pa.string())}) == verdicts.schema
    assert 0 == phone_verdicts(pa.chunked_array([], type=kind)).num_rows
    nothing = pa.nulls(3)
    assert [None, None, None] == phone_verdicts(nothing)["e164"].to_pylist()
    assert verdicts_by_automaton(pa.nulls(3, pa.string()), known_countries(None, 3), automaton).equals(phone_verdicts(nothing, nothing))


def test_long_columns_are_read_block_by_block(automaton: PhoneAutomaton) -> None:
    """Rows keep their places across blocks, between numbers that the automaton and that the library decides."""
    pairs: list[Pair] = [("+12125550100", None), ("030 901820 ext. 5", "DE"), (None, "DE"), ("12", "US")] * 5_000
    fast, exact = both_ways(pairs, automaton)
    assert exact == fast
    assert ["+12125550100", "+4930901820", None, None] == [verdict["e164"] for verdict in fast[-4:]]


def test_columns_that_are_not_text_are_refused() -> None:
    """Numbers as integers are an error that says what to do: they have lost their zeros."""
    with pytest.raises(DataError) as caught:
        phone_verdicts(pa.array([12125550100]))
    assert "The phone column holds int64; it must hold text.\n  Next: Cast it to text in the segment's SQL or file." == str(caught.value)
    with pytest.raises(DataError, match=r"The country column holds int64; it must hold text\."):
        phone_verdicts(pa.array(["+12125550100"]), pa.array([1]))


def test_what_is_stored_is_read_as_it_was(automaton: PhoneAutomaton, tmp_path: Path) -> None:
    """An automaton comes back from its file entry by entry, and nothing else is left in the folder."""
    path = tmp_path / "new" / "phones.npz"
    write_automaton(path, automaton)
    stored = read_automaton(path)
    assert stored is not None
    assert list(vars(automaton)) == list(vars(stored))
    assert all(np.array_equal(vars(automaton)[name], values) for name, values in vars(stored).items())
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"nonsense"])
def test_a_damaged_file_counts_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes) -> None:
    """What another program left in the place of the automaton is reported and not used."""
    path = tmp_path / "phones.npz"
    assert read_automaton(path) is None
    assert [] == caplog.messages
    path.write_bytes(damage)
    assert read_automaton(path) is None
    (message,) = caplog.messages
    assert message.startswith(f"The compiled number plans in {path} cannot be read and are compiled anew: ")


def test_a_truncated_file_counts_as_none(automaton: PhoneAutomaton, tmp_path: Path) -> None:
    """A file that was cut off, or is of another release, is not used."""
    path = tmp_path / "phones.npz"
    write_automaton(path, automaton)
    path.write_bytes(path.read_bytes()[:-100])
    assert read_automaton(path) is None
    np.savez(path, following=automaton.following)
    assert read_automaton(path) is None


def test_a_folder_that_cannot_be_written_costs_only_time(
    automaton: PhoneAutomaton, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the cache cannot be kept, that is said, and nothing fails."""
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "phones.npz"
    write_automaton(path, automaton)
    (message,) = caplog.messages
    assert message.startswith(f"The compiled number plans cannot be kept in {path.parent}; the next process compiles them again: ")


def test_the_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """OUTCAMP_CACHE names the folder; without it, it is below the home folder."""
    monkeypatch.setenv("OUTCAMP_CACHE", "/some/where")
    assert Path("/some/where") == cache_folder()
    monkeypatch.delenv("OUTCAMP_CACHE")
    monkeypatch.setenv("HOME", "/home/ada")
    assert Path("/home/ada/.cache/outcamp") == cache_folder()
