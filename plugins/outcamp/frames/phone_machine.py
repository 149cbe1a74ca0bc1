"""Finite machines over digits, made as small as they can be.

A machine is described by how one state follows another and what a state means when the digits end there. Two states that mean the
same, and go on the same, become one: so machines that are put together from other machines stay small.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

DIGITS = range(10)

State = TypeVar("State", bound=Hashable)
Outcome = TypeVar("Outcome", bound=Hashable)


@dataclass(frozen=True)
class Settled(Generic[Outcome]):
    """A state that no further digit can change."""

    outcome: Outcome


@dataclass(frozen=True)
class Known:
    """A state that the machine has already."""

    number: int


class Machine(Generic[Outcome]):
    """Numbered states: ``following[state][digit]`` is the next one, ``outcomes[state]`` what it means when the digits end.

    One machine holds the states of any number of descriptions, each added with a start of its own.
    """

    def __init__(self) -> None:
        self.following: list[tuple[int, ...]] = []
        self.outcomes: list[Outcome] = []
        self._numbers: dict[tuple[Outcome, tuple[int, ...]], int] = {}
        self._settled: dict[Outcome, int] = {}

    def add(self, start: State, step: Callable[[State, int], State | Known | Settled[Outcome]], outcome: Callable[[State], Outcome]) -> int:
        """Add all states that can be reached from this one, and return its number. Every long enough walk must settle."""
        seen: dict[State, int] = {}

        def number(state: State | Known | Settled[Outcome]) -> int:
            if isinstance(state, Settled):
                return self.settled(state.outcome)
            if isinstance(state, Known):
                return state.number
            if state not in seen:
                seen[state] = self._number(outcome(state), tuple([number(step(state, digit)) for digit in DIGITS]))
            return seen[state]

        return number(start)

    def settled(self, outcome: Outcome) -> int:
        """Return the number of the state that has this outcome whatever follows."""
        if outcome not in self._settled:
            self._settled[outcome] = len(self.following)
            self._append(outcome, (len(self.following),) * len(DIGITS))
        return self._settled[outcome]

    def step(self, states: tuple[int, ...], digit: int) -> tuple[int, ...]:
        """Return where several states go with this digit."""
        return tuple([self.following[state][digit] for state in states])

    def is_settled(self, state: int) -> bool:
        """Return whether no further digit can change this state."""
        return self.following[state][0] == state

    def _number(self, outcome: Outcome, following: tuple[int, ...]) -> int:
        if outcome in self._settled and following == (self._settled[outcome],) * len(DIGITS):
            return self._settled[outcome]
        key = (outcome, following)
        if key not in self._numbers:
            self._numbers[key] = len(self.following)
            self._append(outcome, following)
        return self._numbers[key]

    def _append(self, outcome: Outcome, following: tuple[int, ...]) -> None:
        self.following.append(following)
        self.outcomes.append(outcome)
