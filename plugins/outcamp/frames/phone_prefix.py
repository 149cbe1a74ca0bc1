"""A national prefix in front of a number, such as the 0 of 030 901820: is it one, and where does the number go on?"""

from __future__ import annotations

from typing import Any, NamedTuple

from outcamp.frames.phone_machine import Machine
from outcamp.frames.phone_patterns import Pattern, Threads
from outcamp.frames.phone_plans import NumberPlan


class Candidate(NamedTuple):
    """Digits that could be the number: how far they are in the region's general pattern, and in the machine that judges them."""

    general: int
    number: int


class Cutting(NamedTuple):
    """Two readings of the same digits, walked side by side: all of them, and what follows the prefix that ended at ``cut``."""

    length: int
    threads: Threads  # of the prefix; while there are any, it may still end later and win over the present cut
    cut: int | None
    captured: bool
    whole: Candidate
    rest: Candidate


class NationalPrefix:
    """Follows `_maybe_strip_national_prefix_carrier_code` for one region.

    ``general`` is where the region's general pattern starts in ``languages``; ``start`` is where a number starts in ``numbers``.
    """

    def __init__(self, plan: NumberPlan, languages: Machine[bool], general: int, numbers: Machine[Any], start: int) -> None:
        self._pattern = Pattern(plan.national_prefix) if plan.national_prefix else None
        self._rewrites = plan.rewrites
        self._languages, self._numbers = languages, numbers
        self._fresh = Candidate(general, start)

    def begin(self) -> Cutting:
        """Return what is known before the first digit."""
        return self._noticed(Cutting(0, self._pattern.start if self._pattern else (), None, False, self._fresh, self._fresh))

    def step(self, state: Cutting, digit: int) -> Cutting:
        """Return what is known after one more digit."""
        length, threads, cut, captured, whole, rest = state
        if cut is not None:
            rest = self._moved(rest, digit)
        if self._pattern and threads:
            threads = self._pattern.step(threads, digit)
        moved = Cutting(length + 1, threads, cut, captured, self._moved(whole, digit), rest)
        return self._noticed(moved) if threads else moved

    def split(self, state: Cutting) -> tuple[int, Candidate] | None:
        """Return how many digits are cut off if no more follow, and what remains; None where the number is rewritten instead."""
        cut, captured, rest = state.cut, state.captured, state.rest
        if self._pattern and (last := self._pattern.matched(state.threads, at_end=True)) is not None:
            cut, captured, rest = state.length, state.threads[last].captured, self._fresh
        if cut is None:
            return 0, state.whole
        if captured and self._rewrites:
            return None
        if self.is_general(state.whole) and not self.is_general(rest):
            return 0, state.whole
        return cut, rest

    def is_general(self, candidate: Candidate) -> bool:
        """Return whether a candidate fits the region's general pattern."""
        return self._languages.outcomes[candidate.general]

    def is_settled(self, state: Cutting) -> bool:
        """Return whether no further digit can change what either candidate is."""
        return not state.threads and self._is_settled(state.whole) and (state.cut is None or self._is_settled(state.rest))

    def _is_settled(self, candidate: Candidate) -> bool:
        return self._numbers.is_settled(candidate.number) and self._languages.is_settled(candidate.general)

    def _moved(self, candidate: Candidate, digit: int) -> Candidate:
        return Candidate(self._languages.following[candidate.general][digit], self._numbers.following[candidate.number][digit])

    def _noticed(self, state: Cutting) -> Cutting:
        """Cut here if the prefix matches here; what Python's `re` would only try after this match is out of the race."""
        match = self._pattern.matched(state.threads, at_end=False) if self._pattern else None
        if match is None:
            return state
        return state._replace(threads=state.threads[:match], cut=state.length, captured=state.threads[match].captured, rest=self._fresh)
