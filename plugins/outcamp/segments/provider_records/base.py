"""What the readers of providers' records have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# A row of a file of outcomes (see segments/outcome_files.py).
Outcome = dict[str, str]


def row(disposition: str, disposed_at: datetime | str, *, reference: object = None, **more: object) -> Outcome:
    """Return an outcome with what is known of it; what is empty, or no text, is left out."""
    at = disposed_at if isinstance(disposed_at, str) else disposed_at.astimezone(UTC).isoformat()
    said = {"reference": reference, "disposition": disposition, "disposed_at": at} | more
    return {name: value for name, value in said.items() if isinstance(value, str) and value}


def part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object within a record; an empty one when there is none."""
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}
