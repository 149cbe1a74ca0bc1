"""Where a project lies, and its folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from outcamp.core.errors import UsageError


@dataclass(frozen=True)
class Project:
    """Where things lie below the project's root."""

    home: Path

    @property
    def drafts(self) -> Path:
        """The campaign files that people write."""
        return self.home / "dags" / "campaigns"

    @property
    def draft_names(self) -> list[str]:
        """The names of the campaign files, in order."""
        return sorted(path.stem for path in self.drafts.glob("*.y*ml"))

    @property
    def published(self) -> Path:
        """The manifests of published campaigns."""
        return self.home / "dags" / "published"

    @property
    def segments(self) -> Path:
        """The SQL that returns recipients."""
        return self.home / "include" / "sql" / "segments"

    @property
    def templates(self) -> Path:
        """The templates of messages."""
        return self.home / "include" / "templates"

    def shown(self, path: Path) -> str:
        """Return a path as messages name it: from the project's root where it lies below it."""
        return path.relative_to(self.home).as_posix() if path.is_relative_to(self.home) else str(path)


def project_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the root of the project: ``OUTCAMP_HOME``, or the checkout that this file is part of; what is no folder is refused."""
    named = environment.get("OUTCAMP_HOME")
    home = Path(named).expanduser().resolve() if named else Path(__file__).resolve().parents[3]
    if not home.is_dir():  # nothing would be found there, as if no campaign had ever been published
        raise UsageError(f"OUTCAMP_HOME is {named!r}, which is not a folder.", next_step="Set it to the root of the project, or unset it.")
    return home
