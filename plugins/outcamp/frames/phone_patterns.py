"""The patterns of `phonenumbers`, walked digit by digit.

Its patterns know digits, classes, groups, alternatives, `?`, `{m}`, `{m,n}` and a final `$`: nothing that looks back or ahead. So a
pattern is a small program, and all that there is to know after some digits is at which instructions it could be now: its threads,
in the order in which Python's `re` would try them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from outcamp.core.errors import DataError

ALL_DIGITS = frozenset(range(10))
ANY_DIGIT, GROUP, CAPTURING, AT_END = r"\d", "(?:", "(", "$"

# A builder is told which instruction comes next and returns the one to begin with: patterns are put together from the back.
Builder: TypeAlias = Callable[[int], int]


@dataclass(frozen=True)
class Take:
    """Take one of these digits, and go on with the next instruction."""

    digits: frozenset[int]
    then: int


@dataclass(frozen=True)
class Try:
    """Try each of these instructions, the first ones with preference."""

    choices: tuple[int, ...]


@dataclass(frozen=True)
class Captured:
    """A group in parentheses ends here."""

    then: int


@dataclass(frozen=True)
class Match:
    """The pattern has matched; with ``only_at_end``, only if no digit follows (`$`)."""

    only_at_end: bool


class Thread(NamedTuple):
    """One way through a pattern: the instruction where it waits, and whether it went through a group in parentheses."""

    at: int
    captured: bool


Threads: TypeAlias = tuple[Thread, ...]


class Pattern:
    """A pattern as a program; ``start`` and ``step`` give the threads before the first digit and after each."""

    def __init__(self, text: str) -> None:
        self._program: list[Take | Try | Captured | Match] = [Match(only_at_end=False), Match(only_at_end=True)]
        self.start: Threads = self._waiting([Thread(_Parser(text, self._program).pattern()(0), captured=False)])

    def step(self, threads: Threads, digit: int) -> Threads:
        """Return the threads that survive this digit."""
        survivors = []
        for at, captured in threads:
            instruction = self._program[at]
            if isinstance(instruction, Take) and digit in instruction.digits:
                survivors.append(Thread(instruction.then, captured))
        return self._waiting(survivors)

    def matched(self, threads: Threads, *, at_end: bool) -> int | None:
        """Return the index of the first thread that has matched, or None."""
        return next((index for index, thread in enumerate(threads) if thread.at == 0 or (at_end and thread.at == 1)), None)

    def _waiting(self, threads: list[Thread]) -> Threads:
        """Run each thread on to where it needs a digit or has matched; of two at one place, the preferred one stays."""
        waiting: dict[int, Thread] = {}
        agenda = threads[::-1]
        while agenda:
            at, captured = agenda.pop()
            match self._program[at]:
                case Try(choices):
                    agenda.extend(Thread(choice, captured) for choice in reversed(choices))
                case Captured(then):
                    agenda.append(Thread(then, captured=True))
                case _:
                    waiting.setdefault(at, Thread(at, captured))
        return tuple(waiting.values())


class _Parser:
    """Reads one pattern into instructions."""

    def __init__(self, text: str, program: list[Take | Try | Captured | Match]) -> None:
        self._text = text
        self._tokens = re.findall(r"\\d|\[[^\]]*\]|\(\?:|\{\d+(?:,\d+)?\}|.", text, re.DOTALL)[::-1]
        self._program = program

    def pattern(self) -> Builder:
        whole = self._alternatives()
        if self._tokens:
            raise self._unknown(self._tokens[-1])
        return whole

    def _alternatives(self) -> Builder:
        options = [self._sequence()]
        while self._next_is("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else lambda then: self._emit(Try(tuple(option(then) for option in options)))

    def _sequence(self) -> Builder:
        items: list[Builder] = []
        while self._tokens and self._tokens[-1] not in ("|", ")"):
            items.append(self._repeated(self._item()))
        return _in_a_row(items)

    def _item(self) -> Builder:
        token = self._tokens.pop()
        if token in (GROUP, CAPTURING):
            inside = self._alternatives()
            if not self._next_is(")"):
                raise self._unknown(token)
            return inside if token == GROUP else lambda then: inside(self._emit(Captured(then)))
        if token == AT_END:
            return lambda _: 1
        digits = self._digits(token)
        return lambda then: self._emit(Take(digits, then))

    def _digits(self, token: str) -> frozenset[int]:
        if token == ANY_DIGIT:
            return ALL_DIGITS
        if re.fullmatch(r"\d|\[(?:\d-\d|\d)+\]", token):
            ranges = re.findall(r"(\d)(?:-(\d))?", token)
            return frozenset(digit for low, high in ranges for digit in range(int(low), int(high or low) + 1))
        raise self._unknown(token)

    def _repeated(self, item: Builder) -> Builder:
        if self._next_is("?"):
            fewest, most = 0, 1
        elif self._tokens and (times := re.fullmatch(r"\{(\d+)(?:,(\d+))?\}", self._tokens[-1])):
            self._tokens.pop()
            fewest, most = int(times[1]), int(times[2] or times[1])
        else:
            return item
        # x{2,4} is x x (x (x)?)?
        optional: Builder = _in_a_row([])
        for _ in range(most - fewest):
            optional = self._optional(_in_a_row([item, optional]))
        return _in_a_row([item] * fewest + [optional])

    def _optional(self, item: Builder) -> Builder:
        return lambda then: self._emit(Try((item(then), then)))

    def _emit(self, instruction: Take | Try | Captured | Match) -> int:
        self._program.append(instruction)
        return len(self._program) - 1

    def _next_is(self, token: str) -> bool:
        if self._tokens and self._tokens[-1] == token:
            self._tokens.pop()
            return True
        return False

    def _unknown(self, token: str) -> DataError:
        return DataError(
            f"The phone pattern {self._text!r} uses {token!r}, which outcamp cannot read.",
            next_step="Pin phonenumbers to the version in requirements.txt.",
        )


def _in_a_row(items: list[Builder]) -> Builder:
    def build(then: int) -> int:
        for item in reversed(items):
            then = item(then)
        return then

    return build
