"""Which replies ask for no more messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.opt_outs import WORDS, is_opt_out


@pytest.mark.parametrize(
    "reply",
    [
        "stop",
        "Quit",
        "END",
        "revoke",
        "opt out",
        "cancel",
        "unsubscribe",
        "Opt-Out.",
        " STOP!\n",
        "\N{FULLWIDTH LATIN SMALL LETTER S}top",
        "stop all",
    ],
)
def test_each_word_is_an_opt_out(reply: str) -> None:
    """However it is written."""
    assert is_opt_out(reply)


@pytest.mark.parametrize("reply", ["", "?!", "yes", "start", "stop by at noon", "please do not stop", "ended", "the end is near"])
def test_anything_else_is_none(reply: str) -> None:
    """A word within a sentence may mean anything."""
    assert not is_opt_out(reply)


@given(
    word=st.sampled_from(sorted(WORDS)),
    gaps=st.lists(st.text(" \t\n.,!?-_'\"()", max_size=3), min_size=13, max_size=13),
    upper=st.booleans(),
)
def test_case_spaces_and_punctuation_do_not_matter(word: str, gaps: list[str], *, upper: bool) -> None:
    """Wherever they stand."""
    written = "".join(gap + letter for gap, letter in zip(gaps, word.upper() if upper else word, strict=False)) + gaps[-1]
    assert is_opt_out(written)
