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
        durable: The file survives a power cut. Object stores know no other ones.
    """
    beside = place.with_name(f".{place.name.lstrip('.')}.{os.getpid()}-{secrets.token_hex(4)}.writing")
    if isinstance(beside, Path):
        beside.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    else:
        beside.write_bytes(data)
    beside.replace(place)
