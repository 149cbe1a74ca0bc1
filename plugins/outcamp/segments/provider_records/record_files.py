"""Files of providers' records, as their streams leave them in a folder: one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import pyarrow as pa

from outcamp.core.errors import DataError
from outcamp.core.places import Place
from outcamp.segments.provider_records import outcome_of

ENDING: Final = ".records.jsonl"
_ROWS: Final = 50_000  # of one table


def is_record_file(path: Place) -> bool:
    """Tell whether a file holds records of providers, by its name."""
    return path.name.lower().endswith(ENDING)


def stream(path: Place, names: Sequence[str]) -> Iterator[pa.Table]:
    """Yield these columns of the outcomes that a file's records tell, as text; a file with a line that is no object raises DataError.

    Where a record does not say when it happened, the file's own time is taken.
    """
    schema = pa.schema([(name, pa.string()) for name in names])
    try:
        received_at = datetime.fromtimestamp(path.stat().st_mtime_ns / 1e9, UTC)
        with path.open("rb") as file:
            told = (outcome_of(_record(line, number, path), received_at) for number, line in enumerate(file, 1) if line.strip())
            rows = (row for row in told if row is not None)
            while some := list(islice(rows, _ROWS)):
                yield pa.Table.from_pylist(some, schema=schema)
    except UnicodeEncodeError:
        raise DataError(f"{path}: a text of it is none: half of a character", next_step="write UTF-8") from None
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file", next_step="check the path") from None


def _record(line: bytes, number: int, path: Place) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, Mapping):
        raise DataError(f"{path}: line {number} is no JSON object", next_step="write one record of the provider a line")
    return record
