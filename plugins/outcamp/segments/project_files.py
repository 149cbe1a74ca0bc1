"""Text files of the project that a campaign names: SQL and templates."""

from __future__ import annotations

from pathlib import Path

from outcamp.core.errors import DataError, closest


class UnusableFile(DataError):
    """A file that a campaign names is not there, lies outside of its folder, or is no text."""

    def __init__(self, message: str, *, next_step: str, closest: str | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.closest = closest


def is_file(path: Path) -> bool:
    """Tell whether a file is there; none is under a name that is too long for the disk."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_project_file(folder: Path, name: str) -> str:
    """Return the text of a file that a campaign names, which must lie inside of this folder.

    Args:
        folder: Such as ``include/sql/segments``; messages call it by its path from ``include`` on.
        name: The name in the campaign file, a relative path.
    """
    _, include, below = folder.as_posix().rpartition("/include/")
    shown = f"include/{below}" if include else folder.name
    path = folder / name
    # Resolved first, so that neither .. nor a link leads out.
    if "\0" in name or not path.resolve().is_relative_to(folder.resolve()):
        raise UnusableFile(f"{name!r} lies outside of {shown}/.", next_step=f"Put the file into {shown}/ and write its name.")
    if not is_file(path):
        files = sorted(found.relative_to(folder).as_posix() for found in folder.rglob("*") if found.is_file())
        next_step = f"Put the file into {shown}/, or name one that is there."
        raise UnusableFile(f"There is no file {name!r} in {shown}/.", next_step=next_step, closest=closest(name, files))
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableFile(f"{shown}/{name} is not UTF-8 text (byte {error.start}).", next_step="Save it as UTF-8.") from None
    except OSError as error:
        raise UnusableFile(f"{shown}/{name} cannot be read: {error.strerror}.", next_step="Check its permissions.") from None
