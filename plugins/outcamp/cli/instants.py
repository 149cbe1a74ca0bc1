"""Instants that people write on the command line."""

from __future__ import annotations

from datetime import datetime

from outcamp.core.errors import UsageError

_FIRST_YEAR, _LAST_YEAR = 1900, 2999  # so far from the ends of the calendar that the longest duration before or after is one of it


def instant(text: str, option: str) -> datetime:
    """Return the instant that the text of an option says; one without an offset could mean anything."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not an instant", next_step="write it like 2026-12-01T07:00:00-05:00") from None
    if found.tzinfo is None:
        raise UsageError(f"{option} {text!r} has no offset from UTC", next_step=f"add one: {found.isoformat()}+00:00") from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        problem = f"{option} {text!r}: the year {found.year} is not between {_FIRST_YEAR} and {_LAST_YEAR}"
        raise UsageError(problem, next_step="write it like 2026-12-01T07:00:00-05:00")
    return found
