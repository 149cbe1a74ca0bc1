"""The machine of `phone_dialling` as arrays: it reads the digits of many numbers at once, one position at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from outcamp.frames.phone_dialling import ASK, Dialling, Reading
from outcamp.frames.phone_digits import DigitRows

# A row of the table has an entry for each digit; one for "no more digits", which stays; and room up to a power of two.
WIDTH = 16
END = 10


@dataclass(frozen=True)
class Readings:
    """What became of some rows. Only where ``valid``: ``codes`` and ``zones`` index the automaton's lists, -1 says nothing."""

    valid: NDArray[np.bool_]
    ask: NDArray[np.bool_]
    codes: NDArray[np.int16]
    kept: NDArray[np.int16]
    zones: NDArray[np.int16]


@dataclass(frozen=True)
class PhoneAutomaton:
    """All number plans as one table.

    ``contexts`` are where one can start: "+" for digits after a "+", each region for digits as dialled there, "" for no region.
    A state is given as the place where its row of the table begins.
    """

    following: NDArray[np.int32]
    valid: NDArray[np.bool_]
    ask: NDArray[np.bool_]
    code_of: NDArray[np.int16]
    kept: NDArray[np.int16]
    zones_of: NDArray[np.int16]
    codes: NDArray[np.str_]
    zones: NDArray[np.str_]
    contexts: NDArray[np.str_]
    context_starts: NDArray[np.int32]

    def start(self, context: str) -> int:
        """Return the state to start from in this context."""
        return int(self.context_starts[self.contexts == context][0])

    def read(self, rows: DigitRows, start: NDArray[np.int32]) -> Readings:
        """Return what the digits of each row are, read from its start."""
        states = start.copy()
        places = rows.starts.copy()
        for position in range(int(rows.counts.max(initial=0))):
            digit = rows.digits.take(places, mode="clip")
            digit[rows.counts <= position] = END
            states += digit
            self.following.take(states, out=states, mode="clip")
            places += 1
        states //= WIDTH
        return Readings(self.valid[states], self.ask[states], self.code_of[states], self.kept[states], self.zones_of[states])

    def save(self, file: IO[bytes]) -> None:
        """Write everything into an open file, compressed."""
        np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> PhoneAutomaton:
        """Return the automaton that ``save`` wrote."""
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


def compile_automaton() -> PhoneAutomaton:
    """Compile the number plans of the installed `phonenumbers`; this takes some ten seconds."""
    dialling = Dialling()
    outcomes = dialling.typed.outcomes
    following = np.full((len(outcomes), WIDTH), 0, dtype=np.int32)
    following[:, :END] = dialling.typed.following
    following[:, END] = np.arange(len(outcomes))
    starts = {"+": dialling.international, "": dialling.typed.settled(None), **dialling.national}
    readings = [outcome if isinstance(outcome, Reading) else Reading("", 0, "") for outcome in outcomes]
    codes, code_of = np.unique([reading.code for reading in readings], return_inverse=True)
    # The first of them, "", is what most numbers say about their zone: nothing.
    zones, zones_of = np.unique(["", *(reading.zones for reading in readings)], return_inverse=True)
    return PhoneAutomaton(
        following=following.ravel() * WIDTH,
        valid=np.array([isinstance(outcome, Reading) for outcome in outcomes]),
        ask=np.array([outcome == ASK for outcome in outcomes]),
        code_of=code_of.astype(np.int16),
        kept=np.array([reading.kept for reading in readings], dtype=np.int16),
        zones_of=(zones_of[1:] - 1).astype(np.int16),
        codes=codes,
        zones=zones[1:],
        contexts=np.array(list(starts)),
        context_starts=np.array(list(starts.values()), dtype=np.int32) * WIDTH,
    )
