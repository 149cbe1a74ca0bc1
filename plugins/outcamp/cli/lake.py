"""The lake and the deployment's own limits, as the command line knows them: from the environment, as the deployment does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.core.errors import UsageError

if TYPE_CHECKING:
    from outcamp.core.limits import Limit
    from outcamp.store.lake import Lake


def open_lake(home: Path) -> Lake:
    """Return the lake: ``OUTCAMP_STORE``, or ``.outcamp/lake`` in the project."""
    from outcamp.store.lake import Lake

    return Lake(Path(os.environ.get("OUTCAMP_STORE") or home / ".outcamp" / "lake").expanduser().resolve())


def total_limits() -> tuple[Limit, ...]:
    """Return the limits of the whole deployment: ``OUTCAMP_TOTAL_LIMITS``, or none."""
    from pydantic import TypeAdapter, ValidationError

    from outcamp.core.limits import Limit

    text = os.environ.get("OUTCAMP_TOTAL_LIMITS")
    try:
        return TypeAdapter(tuple[Limit, ...]).validate_python(json.loads(text)) if text else ()
    except (ValueError, ValidationError):
        next_step = 'Write a list as JSON: [{"count": 6, "within": "2 days"}].'
        raise UsageError(f"OUTCAMP_TOTAL_LIMITS is {text!r}, which is no list of limits.", next_step=next_step) from None
