"""The folder where relays and providers leave their files of outcomes: each complete file is taken in once and put away."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from stat import S_ISREG
from typing import Final

from outcamp.core.errors import DataError
from outcamp.segments.outcome_files import ENDINGS
from outcamp.steps.outcome_files import Manifests, TakenIn, take_in_file
from outcamp.store.ledger import Ledger

TAKEN: Final = "taken"
REFUSED: Final = "refused"


def take_in_folder(ledger: Ledger, manifests: Manifests, folder: Path, now: datetime) -> tuple[dict[str, TakenIn], list[str]]:
    """Take in every file of a folder, oldest first, and return what became of each, and the names of those that were refused.

    A file is complete when it bears its name: whoever writes it uses another one (``.part``, or a dot before it) and renames it. It moves
    to ``taken/`` after the ledger has all of it, or to ``refused/`` with the reason beside it. Killed between the two, it is taken in
    again, which changes nothing.
    """
    found: dict[str, TakenIn] = {}
    refused: list[str] = []
    for path in _complete(folder):
        try:
            found[path.name] = take_in_file(ledger, manifests, path, now)
        except DataError as error:
            if not path.exists():  # another pulse was faster
                continue
            reason = folder / REFUSED / f"{path.name}.reason.txt"
            reason.parent.mkdir(exist_ok=True)
            reason.write_text(f"{error}\n", encoding="utf-8")
            _put_away(path, REFUSED)
            refused.append(path.name)
        else:
            _put_away(path, TAKEN)
    return found, refused


def _complete(folder: Path) -> list[Path]:
    found = []
    for path in folder.glob("*"):
        if path.suffix.lower() in ENDINGS and not path.name.startswith("."):
            with suppress(FileNotFoundError):  # another pulse has put it away
                status = path.stat()
                if S_ISREG(status.st_mode):
                    found.append((status.st_mtime_ns, path.name, path))
    return [path for _, _, path in sorted(found)]


def _put_away(path: Path, where: str) -> None:
    """Move a file into a folder beside it; one of the same name that is there already keeps its place."""
    target = path.parent / where / path.name
    target.parent.mkdir(exist_ok=True)
    number = 1
    while target.exists():
        number += 1
        target = path.parent / where / f"{path.stem}-{number}{path.suffix}"
    try:
        path.rename(target)
    except FileNotFoundError:
        return  # another pulse has put it away
