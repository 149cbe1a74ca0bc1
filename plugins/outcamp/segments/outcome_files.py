"""Outcomes in files that relays and providers write: JSON lines, CSV or Parquet, streamed as columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from outcamp.core.errors import DataError
from outcamp.segments import files

INSTANT = pa.timestamp("us", tz="UTC")
# An outcome names its attempt by our reference, or by its parts; occurrence and channel may be left out.
EVENTS = pa.schema(
    [
        ("campaign", pa.string()),
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("disposition", pa.string()),
        ("disposed_at", INSTANT),
    ]
)
# What a row said where that cannot be read; null where all of it can.
UNREADABLE = pa.field("unreadable", pa.string())
_JSON = (".jsonl", ".ndjson", ".json")
ENDINGS = (*_JSON, ".csv", ".parquet", ".pq")
_WRITTEN = {**{name: pa.string() for name in EVENTS.names}, "reference": pa.string(), "occurrence": pa.int64(), "attempt": pa.int64()}
# YYYY-MM-DDTHH:MM[:SS[.f]] with Z or an offset; a time without one could mean anything.
_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?Z|[+-]\d{2}:?\d{2})$"


def stream(path: Path) -> Iterator[pa.Table]:
    """Yield the outcomes of a file (``EVENTS``) with what cannot be read of them; a file that is damaged raises DataError.

    A damaged file may yield rows before it raises; read it whole once before taking any of it in.
    """
    is_json = path.suffix.lower() in _JSON
    if not is_json:
        _check_columns(files.column_names(path), path)
    for batch in _json_batches(path) if is_json else files.stream(path):
        yield _events(pa.table(batch))


def _json_batches(path: Path) -> Iterator[pa.RecordBatch]:
    options = pajson.ParseOptions(explicit_schema=pa.schema(_WRITTEN), unexpected_field_behavior="ignore")
    try:
        if path.stat().st_size == 0:
            return
        with pajson.open_json(path, parse_options=options) as reader:
            yield from reader
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file", next_step="check the path") from None
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise DataError(f"{path}: these are no JSON lines: {why}", next_step="write one object a line, ids and times as text") from error


def _check_columns(names: list[str], path: Path) -> None:
    if "reference" not in names and not {"campaign", "recipient_id", "attempt"} <= set(names):
        problem = f"{path}: an outcome names its attempt, and the columns are {', '.join(names)}"
        raise DataError(problem, next_step="give it the column reference, or campaign, recipient_id and attempt")
    for name in ("disposition", "disposed_at"):
        if name not in names:
            raise DataError(f"{path}: the column {name} is missing", next_step=f"add {name} to every row")


def _events(table: pa.Table) -> pa.Table:
    text = {name: _text(table, name) for name in (*EVENTS.names, "reference")}
    named = _of_reference(text["reference"])
    text |= {name: pc.coalesce(named[name], text[name]) for name in named}
    columns, problems = {}, []
    for field in EVENTS:
        said = text[field.name]
        columns[field.name], fits = _read(said, field.type)
        problems.append(pc.if_else(pc.and_(pc.is_valid(said), pc.invert(fits)), pc.binary_join_element_wise(field.name, said, "="), None))
        if field.name not in {"occurrence", "channel"}:
            problems.append(pc.if_else(pc.is_null(said), f"{field.name} is missing", None))
    unreadable = pc.coalesce(*problems)
    return pa.table([*(columns[name] for name in EVENTS.names), unreadable], schema=EVENTS.append(UNREADABLE))


def _text(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a column as text without spaces around it and without NUL, which Postgres does not take; empty is missing."""
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    column = table[name]
    if pa.types.is_timestamp(column.type):
        # Parquet: an instant with a zone is an instant; one without is taken for what it does not say, so it is not taken.
        zone = "" if column.type.tz is None else "Z"
        moment = pc.strftime(column.cast(pa.timestamp("us", tz="UTC" if zone else None)), format="%Y-%m-%dT%H:%M:%S")
        return pc.binary_join_element_wise(moment, zone, "")
    text = pc.utf8_trim_whitespace(pc.replace_substring(column.cast(pa.string()), "\0", "\N{REPLACEMENT CHARACTER}"))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _of_reference(reference: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """Return what references say (see core/references.py); null where there is none or it has another form."""
    form = r"^(?P<campaign>[^/]+)/(?P<occurrence>\d+)/(?P<attempt>\d+)/(?P<recipient_id>(?s:.+))$"
    found = pc.extract_regex(reference, form)
    return {name: pc.struct_field(found, name) for name in ("campaign", "occurrence", "attempt", "recipient_id")}


def _read(said: pa.ChunkedArray, kind: pa.DataType) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return a column's values and which of them could be read."""
    if pa.types.is_string(kind):
        return said, pc.is_valid(said)
    if pa.types.is_timestamp(kind):
        has_zone = pc.fill_null(pc.match_substring_regex(said, _TIME), fill_value=False)
        instants = _instants(pc.if_else(has_zone, said, pa.scalar(None, pa.string())))
        return instants, pc.is_valid(instants)
    fits = pc.fill_null(pc.match_substring_regex(said, r"^\d{1,4}$"), fill_value=False)
    return pc.if_else(fits, said, pa.scalar(None, pa.string())).cast(kind), fits


def _instants(written: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the instants that texts name; null for a day or an hour that does not exist."""
    read = pd.to_datetime(written.to_pandas(), format="ISO8601", utc=True, errors="coerce")
    return pa.chunked_array(
        [pa.array(read.dt.as_unit("us").dt.tz_localize(None).to_numpy(), pa.timestamp("us"), from_pandas=True).cast(INSTANT)]
    )
