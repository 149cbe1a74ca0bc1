"""How many message parts a text takes: the rules of the standard, beside an oracle that packs the octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.sms import EXTENSION, SEPTETS, is_gsm, parts_of
from outcamp.core.sms_parts import GSM, GSM_ALPHABET, GSM_EXTENSION, UCS2, SmsLength, sms_length

GSM_MARKS = st.sampled_from(sorted(GSM_ALPHABET | GSM_EXTENSION))
# Long enough for several parts, with whatever takes two units often enough to meet the end of a part.
GSM_TEXTS = st.lists(GSM_MARKS | st.sampled_from("[]€"), max_size=480).map("".join)
ANY_TEXTS = st.lists(st.sampled_from("aé漢😀\u0301") | st.characters(exclude_categories=["Cs"]), max_size=220).map("".join)


def test_the_alphabet_is_that_of_the_standard() -> None:
    """127 characters and the escape make 128 codes; ten more stand behind the escape."""
    assert set(SEPTETS) == GSM_ALPHABET
    assert sorted({*range(128)} - {0x1B}) == sorted(SEPTETS.values())
    assert set(EXTENSION) == GSM_EXTENSION


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SmsLength(GSM, 0, 1)),
        ("a" * 160, SmsLength(GSM, 160, 1)),
        ("a" * 161, SmsLength(GSM, 161, 2)),
        ("a" * 306, SmsLength(GSM, 306, 2)),
        ("a" * 307, SmsLength(GSM, 307, 3)),
        ("€" * 80, SmsLength(GSM, 160, 1)),
        ("€" * 81, SmsLength(GSM, 162, 2)),
        ("a" * 152 + "€" + "a" * 152, SmsLength(GSM, 306, 3)),
        ("€" * 153, SmsLength(GSM, 306, 3)),
        ("ç", SmsLength(UCS2, 1, 1, ("ç",))),
        ("é’" + "a" * 68, SmsLength(UCS2, 70, 1, ("’",))),
        ("’" + "a" * 70, SmsLength(UCS2, 71, 2, ("’",))),
        ("😀" * 35, SmsLength(UCS2, 70, 1, ("😀",))),
        ("😀" * 67, SmsLength(UCS2, 134, 3, ("😀",))),
    ],
    ids=range(14),
)
def test_the_edges(text: str, expected: SmsLength) -> None:
    """The last text that fits and the first that does not; two units are never torn apart."""
    assert expected == sms_length(text)


@given(GSM_TEXTS | ANY_TEXTS)
def test_a_text_takes_the_parts_that_its_octets_fill(text: str) -> None:
    """As many as packing the text into parts of 140 octets makes."""
    length = sms_length(text)
    assert len(parts_of(text)) == length.parts
    assert is_gsm(text) == (length.encoding == GSM)
    assert all(len(part) <= 140 for part in parts_of(text))


def test_half_a_character_is_still_counted() -> None:
    """A lone surrogate, which no text should have, takes one unit and stops nothing."""
    assert SmsLength(UCS2, 1, 1, ("\ud83d",)) == sms_length("\ud83d")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello", "5 characters in 1 part, GSM 03.38"),
        ("x" * 161, "161 characters in 2 parts, GSM 03.38"),
        ("‘Hello’", "7 characters in 1 part, UCS-2, because of ‘ ’"),
    ],
)
def test_a_length_in_words(text: str, words: str) -> None:
    """People learn which characters make a message dear."""
    assert words == str(sms_length(text))
