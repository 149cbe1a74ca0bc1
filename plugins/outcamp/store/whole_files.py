"""Writing a file so that it is whole whenever it bears its name, on a disk and in an object store."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from outcamp.core.places import Place


def write_whole(place: Place, data: Any, *, durable: bool = True) -> None:
    """Write a file under a hidden name of this try's own, and give it its name when all of it is there.

    Args:
        place: Its name; what bears it already is replaced.
        data: Bytes, or a buffer of Arrow's.
        durable: The file and its name survive a power cut from here on. Object stores know no other ones.
    """
    beside = place.with_name(f".{place.name.lstrip('.')}.{os.getpid()}-{secrets.token_hex(4)}.writing")
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(beside, Path):
        with beside.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    else:
        beside.write_bytes(data)
    beside.replace(place)
    if durable and isinstance(beside, Path):
        _sync_folder(beside.parent)


def write_new(path: Path, text: str, *, private: bool = False) -> None:
    """Write a text file of this machine whole or not at all, and never over another one: FileExistsError when its name is taken.

    ``private``: nobody but its owner may read it, not even while it is written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, fails when the name is taken: of two writers at once, one wins.
        path.hardlink_to(beside)
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the names of a folder survive a power cut: that of a new file is only safe once its folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
