"""The lake and the deployment's own limits, as the command line knows them: from the environment, as the deployment does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.cli.places import places
from outcamp.core.limits import Limit, read_limits
from outcamp.steps.places import place_in

if TYPE_CHECKING:
    from outcamp.store.lake import Lake


def open_lake(home: Path) -> Lake:
    """Return the lake: ``OUTCAMP_STORE``, or ``.outcamp/lake`` in the project."""
    from outcamp.store.lake import Lake

    return Lake(places()(place_in(os.environ, "OUTCAMP_STORE", home / ".outcamp" / "lake")))


def total_limits() -> tuple[Limit, ...]:
    """Return the limits of the whole deployment: ``OUTCAMP_TOTAL_LIMITS``, or none."""
    return read_limits(os.environ.get("OUTCAMP_TOTAL_LIMITS"), "OUTCAMP_TOTAL_LIMITS")
