"""Faults that are planted where messages wait: for their turn on the connection, or for a person's approval."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

from faults.planting import both, edited, swapped
from outcamp.steps import second_look, turns
from outcamp.store import reviews


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


def sent_without_approval() -> AbstractContextManager[Any]:
    """The send does not ask whether anybody has approved the occurrence."""
    return swapped(second_look, "reviews", SimpleNamespace(**vars(reviews) | {"pending": lambda *_: []}))


def claimed_without_approval() -> AbstractContextManager[Any]:
    """What nobody has approved is due, and a wave claims it; the send holds it back."""
    return both(edited("next-due", "AND review = 'pending'", "AND false"), edited("claim-due", "AND review = 'pending'", "AND false"))


def newest_answer_stands() -> AbstractContextManager[Any]:
    """An approval counts although somebody has rejected the occurrence before."""
    return edited("approve-occurrence", "AND review = 'pending'", "")


def rejection_leaves_entries() -> AbstractContextManager[Any]:
    """A rejection lets those who were to be sent to stay in the campaign."""
    return edited("exit-rejected", "AND exited_at IS NULL", "AND exited_at IS NULL AND false")


def question_forgotten() -> AbstractContextManager[Any]:
    """The pulse does not ask again where the wave that asked has died, or somebody has marked the question as answered."""
    return edited("undecided-occurrences", "OR review = 'pending'", "")
