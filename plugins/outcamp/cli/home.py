"""Where the project lies that the command works on."""

from __future__ import annotations

import os
from pathlib import Path

from outcamp.core.errors import UsageError


def project_home() -> Path:
    """Return the root of the project: ``OUTCAMP_HOME``, or the checkout that this file is part of."""
    named = os.environ.get("OUTCAMP_HOME")
    home = Path(named).expanduser().resolve() if named else Path(__file__).resolve().parents[3]
    if not home.is_dir():
        raise UsageError(f"OUTCAMP_HOME is {named!r}, which is not a folder.", next_step="Set it to the root of the project, or unset it.")
    return home
