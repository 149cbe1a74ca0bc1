"""Faults that are planted into the product, one at a time: the harness is worth what it catches of these.

Each is a context manager; while it lasts, one named query or one function of the product is a faulty one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from outcamp.steps import filter as filtering
from outcamp.steps import second_look as looking
from outcamp.steps import snapshot
from outcamp.steps.engine import Engine
from outcamp.store import admission, ledger, waves
from outcamp.store.sql import queries

Fault = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Planted:
    """A fault, and the checks of which one must notice it."""

    name: str
    plant: Fault
    caught_by: frozenset[str]

    def __str__(self) -> str:
        return self.name


@contextmanager
def swapped(owner: Any, name: str, other: Any) -> Iterator[None]:
    """Put something else in the place of an attribute."""
    kept = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, kept)


@contextmanager
def edited(name: str, old: str, new: str) -> Iterator[None]:
    """Change the text of a named query; one that no longer holds the old words must be planted anew."""
    text = queries()[name]
    assert old in text, f"{name} has no {old!r} any more: plant this fault anew"
    with rewritten(name, text.replace(old, new)):
        yield


@contextmanager
def rewritten(name: str, text: str) -> Iterator[None]:
    """Put another text in the place of a named query."""
    kept = queries()[name]
    queries()[name] = text
    _forget()
    try:
        yield
    finally:
        queries()[name] = kept
        _forget()


def _forget() -> None:
    ledger._text.cache_clear()  # noqa: SLF001  # the queries are read once, and their bytes are kept


def both(*faults: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    """Plant several changes that make one fault."""
    stack = ExitStack()
    for fault in faults:
        stack.enter_context(fault)
    return stack


def checkpoint_before_send() -> AbstractContextManager[Any]:
    """The row is called sent before the transport has it."""
    return edited("submit", "SET state = 'submitting'", "SET state = 'sent'")


def count_after_send() -> AbstractContextManager[Any]:
    """A submission counts towards limits only when its answer is written down."""
    return both(
        edited("submit", "counted_at = %(now)s", "counted_at = NULL"),
        edited("record-answers", "ELSE a.counted_at END", "ELSE a.submitted_at END"),
    )


def missing_lock() -> AbstractContextManager[Any]:
    """Nobody waits for anybody before counting."""
    return edited("lock-buckets", "pg_advisory_xact_lock(%(scope)s, bucket)", "%(scope)s::int + bucket")


def claim_without_owner() -> AbstractContextManager[Any]:
    """A wave claims what is due without asking whose it is already."""
    return edited("claim-due", "state = 'waiting'\n", "state IN ('waiting', 'claimed', 'submitting')\n")


def readmission() -> AbstractContextManager[Any]:
    """A snapshot that is repeated under another run opens the occurrence once more."""
    original = waves.open_occurrence

    def open_occurrence(tx: Any, campaign_id: int, scheduled_at: Any, run: str, now: Any) -> Any:
        found = original(tx, campaign_id, scheduled_at, run, now)
        return found or original(tx, campaign_id, scheduled_at + timedelta(microseconds=1), run, now)

    return swapped(waves, "open_occurrence", open_occurrence)


def stale_token() -> AbstractContextManager[Any]:
    """An earlier try goes on beside a newer one. The row's state would still hold it back, so that fence is down as well."""
    return both(
        swapped(waves, "holds_token", lambda *_: True),
        edited("submit", "a.state::text = r.held", "a.state::text IN (r.held, 'submitting')"),
    )


def window_only_planned() -> AbstractContextManager[Any]:
    """The send trusts the filter's look at the window."""
    return swapped(looking, "next_open_column", _open_at_once)


def _open_at_once(_times: Any, zones: pa.Array, now: Any, _expires_at: Any) -> pa.Array:
    return pa.array([now] * len(zones), pa.timestamp("us", tz="UTC"))


def limits_only_planned() -> AbstractContextManager[Any]:
    """The send trusts the filter's look at the limits."""
    trusting = SimpleNamespace(**vars(admission) | {"over_limits": lambda *_, **__: ([], [])})
    return swapped(looking, "admission", trusting)


def expiry_only_planned() -> AbstractContextManager[Any]:
    """The send does not ask whether the campaign has expired meanwhile; the look at the window, which knows the expiry, is gone as well."""
    return both(
        swapped(looking, "next_open_column", _open_at_once),
        edited("halt-of-campaign", "WHEN expires_at <= %(now)s THEN 'expired'", "WHEN expires_at <= %(now)s THEN NULL"),
    )


def dead_waves_keep() -> AbstractContextManager[Any]:
    """What a dead wave holds is not given back."""
    return edited("give-back-claims", "AND state = 'claimed'", "AND state = 'claimed' AND false")


def everybody_is_dead() -> AbstractContextManager[Any]:
    """A wave takes what the others hold without asking whether they live."""
    original = snapshot.release_dead_waves

    def release_dead_waves(engine: Engine, *args: Any, **kwargs: Any) -> Any:
        runs = SimpleNamespace(live=lambda _runs: set(), make=engine.runs.make)
        return original(replace(engine, runs=runs), *args, **kwargs)

    return swapped(snapshot, "release_dead_waves", release_dead_waves)


def crash_sends_again() -> AbstractContextManager[Any]:
    """A submission without an answer is taken for one that was not made."""
    doubt = "doubt-submissions-of-batch"
    given_back = (
        queries()[doubt]
        .rstrip(";")
        .replace(
            "SET state = 'closed', disposition = 'unknown', disposed_at = %(now)s",
            "SET state = CASE WHEN %(now)s IS NULL THEN state ELSE 'claimed' END",
        )
    )
    return rewritten(doubt, f"WITH again AS ({given_back}) SELECT a.* FROM again a WHERE false")


def decided_again() -> AbstractContextManager[Any]:
    """A repeated filter does not find what the first one decided."""
    return swapped(filtering, "_decided", lambda *_: None)


def early_outcome_lost() -> AbstractContextManager[Any]:
    """An outcome that comes before the answer is written down meets no attempt, and is forgotten."""
    return edited("record-outcomes", "IN ('submitting', 'sent', 'closed')", "IN ('sent', 'closed')")


def followed_twice() -> AbstractContextManager[Any]:
    """A truth that replaces a doubt makes another reattempt."""
    return edited("follow", "WHERE NOT EXISTS (SELECT FROM outcamp.attempts n", "WHERE true OR NOT EXISTS (SELECT FROM outcamp.attempts n")


def _planted(fault: Fault, *caught_by: str) -> Planted:
    return Planted(fault.__name__, fault, frozenset(caught_by))


CATALOGUE = (
    _planted(checkpoint_before_send, "doubts"),
    _planted(count_after_send, "counted", "limits"),
    _planted(missing_lock, "limits"),
    _planted(claim_without_owner, "twice", "doubts", "diary"),
    _planted(readmission, "twice"),
    _planted(stale_token, "twice"),
    _planted(window_only_planned, "windows"),
    _planted(limits_only_planned, "limits"),
    _planted(expiry_only_planned, "windows"),
    _planted(dead_waves_keep, "rest"),
    _planted(everybody_is_dead, "doubts"),
    _planted(crash_sends_again, "twice"),
    _planted(decided_again, "errors"),
    _planted(early_outcome_lost, "told"),
    _planted(followed_twice, "errors"),
)
