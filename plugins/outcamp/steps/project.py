"""The folders of a project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Project:
    """Where things lie below the project's root."""

    home: Path

    @property
    def drafts(self) -> Path:
        """The campaign files that people write."""
        return self.home / "dags" / "campaigns"

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
