"""Instants that people write on the command line."""

from __future__ import annotations

from datetime import datetime

from outcamp.core.errors import UsageError


def instant(text: str, option: str) -> datetime:
    """Return the instant that the text of an option says; one without an offset could mean anything."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not an instant", next_step="write it like 2026-12-01T07:00:00-05:00") from None
    if found.tzinfo is None:
        raise UsageError(f"{option} {text!r} has no offset from UTC", next_step=f"add one: {found.isoformat()}+00:00") from None
    return found
