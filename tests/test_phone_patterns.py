"""Patterns and machines: the same as Python's `re`, and as small as can be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.errors import DataError
from outcamp.frames.phone_machine import Known, Machine, Settled
from outcamp.frames.phone_patterns import Pattern

ATOMS = st.sampled_from(["0", "1", "2", r"\d", "[01]", "[0-2]", "[13-5]"])
REPEATS = st.sampled_from(["", "", "", "?", "{2}", "{1,3}", "{0,2}"])


def put_together(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sequence = st.lists(st.builds("{}{}".format, inner, REPEATS), min_size=1, max_size=3).map("".join)
    alternatives = st.lists(sequence, min_size=1, max_size=3).map("|".join)
    return st.builds("{}{})".format, st.sampled_from(["(?:", "("]), alternatives)


BODIES = st.recursive(ATOMS, put_together, max_leaves=6)
PATTERNS = st.lists(st.builds("{}{}{}".format, BODIES, REPEATS, st.sampled_from(["", "", "$"])), min_size=1, max_size=3).map("|".join)


def walk(pattern: Pattern, digits: str) -> bool:
    threads = pattern.start
    for digit in digits:
        threads = pattern.step(threads, int(digit))
    return pattern.matched(threads, at_end=True) is not None


def first_match(pattern: Pattern, digits: str) -> tuple[int, bool] | None:
    """Return where the preferred match ends and whether it captured, found as its docstring says: better threads go on."""
    threads, found = pattern.start, None
    for length in range(len(digits) + 1):
        if length:
            threads = pattern.step(threads, int(digits[length - 1]))
        match = pattern.matched(threads, at_end=length == len(digits))
        if match is not None:
            found, threads = (length, threads[match].captured), threads[:match]
    return found


@given(PATTERNS, st.text("0123", max_size=8))
def test_patterns_match_what_python_matches(text: str, digits: str) -> None:
    """A pattern matches all of the digits when `re` says so."""
    assert (re.fullmatch(text, digits) is not None) == walk(Pattern(text), digits)


@given(PATTERNS, st.text("0123", max_size=8))
def test_patterns_end_where_python_ends(text: str, digits: str) -> None:
    """Of several matches at the front, the one is preferred that `re` prefers, through the same groups."""
    match = re.match(text, digits)
    expected = (match.end(), any(group is not None for group in match.groups())) if match else None
    assert expected == first_match(Pattern(text), digits)


OTHERS = [("1(?!2)", "?"), ("1*", "*"), ("1+", "+"), ("[^1]", "[^1]"), ("(1", "("), ("1)", ")"), ("a", "a"), ("^1", "^")]


@pytest.mark.parametrize(("text", "token"), OTHERS)
def test_other_patterns_are_refused(text: str, token: str) -> None:
    """A pattern that uses more than the metadata does today is an error that names the pattern and the token."""
    with pytest.raises(DataError) as caught:
        Pattern(text)
    assert f"The phone pattern {text!r} uses {token!r}, which outcamp cannot read." == caught.value.message
    assert "Pin phonenumbers to the version in requirements.txt." == caught.value.next_step


def test_states_that_go_on_alike_are_one() -> None:
    """Two descriptions of the numbers of three digits need the same five states: four lengths, and too long."""
    machine: Machine[bool] = Machine()

    def by_length(length: int, digit: int) -> int | Settled[bool]:
        return length + 1 if length < 3 else Settled(False)

    def by_text(text: str, digit: int) -> str | Known | Settled[bool]:
        return text + str(digit) if len(text) < 2 else Known(three) if len(text) == 2 else Settled(False)

    start = machine.add(0, by_length, lambda length: length == 3)
    three = machine.following[machine.following[machine.following[start][1]][2]][3]
    assert 5 == len(machine.outcomes)
    assert start == machine.add("", by_text, lambda _: False)
    assert 5 == len(machine.outcomes)
    assert machine.outcomes[three]
    assert machine.is_settled(machine.step((three,), 0)[0])
