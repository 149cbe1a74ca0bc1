"""Faults that are planted where messages wait: for their turn on the connection. The others are in ``planted.py``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from faults.planting import edited, swapped
from outcamp.steps import turns


def turns_forgotten() -> AbstractContextManager[Any]:
    """A turn is not remembered: the next worker gets the same one."""
    return edited("take-turn", "WHERE turn.taken\n", "WHERE turn.taken AND false\n")


def turns_of_its_own() -> AbstractContextManager[Any]:
    """A campaign waits for its own turns only, not for those of the others on its connection."""
    return edited("take-turn", "max(free_at) FILTER (WHERE campaign = '')", "max(free_at) FILTER (WHERE false)")


def turn_before_its_time() -> AbstractContextManager[Any]:
    """Whoever has taken a turn goes at once."""
    original = turns.take_turn

    def take_turn(tx: Any, key: Any, units: int, now: Any, soon: Any) -> Any:
        at, taken = original(tx, key, units, now, soon)
        return now if taken else at, taken

    return swapped(turns, "take_turn", take_turn)


def late_ones_delay_nobody() -> AbstractContextManager[Any]:
    """A message that goes later than its turn was does not delay those after it."""
    return swapped(turns, "delay_turns", lambda *_: None)
