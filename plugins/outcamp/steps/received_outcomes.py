"""Outcomes that come in one by one: each is on the disk before its sender is told so, as a small file; a pulse joins them to large ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from outcamp.core.errors import DataError
from outcamp.core.places import Place
from outcamp.segments.outcome_files import NAMES
from outcamp.segments.provider_records import outcome_of
from outcamp.segments.written_rows import NUMBERS
from outcamp.store.whole_files import write_whole

RECEIVED: Final = "received"
_JOINED: Final = 16_000_000  # bytes of a joined file, or one small file more
_LARGEST: Final = 2**31 - 1
_OWN: Final = frozenset({"disposition", "reply"})  # what rows of ours have, and records of providers do not


def outcomes_in(body: bytes, received_at: datetime) -> list[dict[str, Any]]:
    """Return the outcomes that a body tells: JSON lines, a JSON list or one object, of rows of ours or of records of providers.

    One that cannot be read as a whole is refused, so that its sender learns it.
    """
    rows = (_row(record) if _OWN & record.keys() else outcome_of(record, received_at) for record in _records(body))
    return [row for row in rows if row]


def keep(folder: Place, rows: list[dict[str, Any]]) -> Place:
    """Write outcomes, one at least, down for the next pulse, and return the file.

    They are on the disk when this returns; the same ones again are the same file.
    """
    try:
        lines = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows).encode()
    except UnicodeEncodeError:
        raise DataError("a text of this is none: half of a character", next_step="write UTF-8") from None
    return _write(folder / RECEIVED, lines)


def join(folder: Place) -> None:
    """Join what was received to files that are worth a transaction. After a kill an outcome is in two of them, which changes nothing."""
    while paths := list(_first(folder / RECEIVED)):
        _write(folder, b"".join(data for _, data in paths))
        for path, _ in paths:
            path.unlink(missing_ok=True)


def _first(received: Place) -> Iterator[tuple[Place, bytes]]:
    size = 0
    for path in received.glob("*.jsonl"):
        with suppress(FileNotFoundError):  # another pulse has joined it
            data = path.read_bytes()
            yield path, data
            size += len(data)
        if size >= _JOINED:
            return


def _write(folder: Place, data: bytes) -> Place:
    """Write a complete file under a name that its content gives it, and return it when the disk, or the object store, has it."""
    file = folder / f"{RECEIVED}-{hashlib.sha256(data).hexdigest()[:32]}.jsonl"
    write_whole(file, data)
    return file


def _records(body: bytes) -> list[Mapping[str, Any]]:
    try:
        text = body.decode()
        whole = text.strip().startswith("[")
        found = json.loads(text) if whole else [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        try:
            found = [json.loads(body)]  # one object over several lines
        except (ValueError, RecursionError):
            raise DataError("this is no JSON", next_step="write one object a line, a list of objects, or one object") from None
    for number, record in enumerate(found, 1):
        if not isinstance(record, Mapping):
            raise DataError(f"record {number} is no object", next_step="write one object for each outcome")
    return found


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row of ours says, in the types in which files of outcomes are read."""
    row: dict[str, Any] = {}
    for name in NAMES:
        value = record.get(name)
        if value is None:
            continue
        if name in NUMBERS:
            value = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
            fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST
        else:
            fits = isinstance(value, str)
        if not fits:
            kind = "a whole number" if name in NUMBERS else "text"
            raise DataError(f"{name} of an outcome is no {kind.removeprefix('a ')}", next_step=f"write {kind}")
        row[name] = value
    return row
