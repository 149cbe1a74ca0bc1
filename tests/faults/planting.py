"""How a fault is planted into the product: in the place of a named query, of some of its words, or of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from outcamp.store import ledger
from outcamp.store.sql import queries

Fault = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Planted:
    """A fault, the checks of which one must notice it, and the profile of the seeds that would show it soonest."""

    name: str
    plant: Fault
    caught_by: frozenset[str]
    profile: str | None = None

    def seed(self, number: int) -> str:
        """Return one of the seeds that look for it."""
        return str(number) if self.profile is None else f"{self.profile}/{number}"

    @property
    def row(self) -> str:
        """Return its row of the table in docs/fault-testing.md."""
        what = (self.plant.__doc__ or "").strip().removesuffix(".")
        return f"| `{self.name}` | {what} | {', '.join(f'`{check}`' for check in sorted(self.caught_by))} |"

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
