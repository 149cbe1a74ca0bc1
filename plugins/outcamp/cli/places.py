"""Files that a person or a setting names, opened: paths of this machine, and addresses in object stores."""

from __future__ import annotations

from pathlib import Path

from outcamp.core.places import Place
from outcamp.steps.places import Opens, named_place, opener


def places() -> Opens:
    """Return what opens places, over the connections of the environment."""
    from outcamp.cli.connections import target_of

    return opener(target_of)


def open_file(text: str, home: Path | None = None, what: str = "FILE") -> Place:
    """Open the file that a text names; a path begins at ``home``, or where the command was called."""
    return places()(named_place(text, what, home))
