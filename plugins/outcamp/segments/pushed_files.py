"""Recipients in files that are pushed to an external campaign: JSON lines, CSV or Parquet, read whole or refused whole."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from outcamp.core.errors import DataError
from outcamp.core.places import Place
from outcamp.core.segment import EXPIRES_AT
from outcamp.segments import files, written_rows
from outcamp.segments.arrow_words import arrow_words
from outcamp.segments.columns import OWN, RECIPIENT_ID, TEXT_COLUMNS, as_id, as_text, refuse_twice
from outcamp.segments.written_rows import INSTANT, is_json, known_instants

_BLOCK: Final = 16_000_000  # bytes of JSON that are read at once


@dataclass(frozen=True)
class PushedRows:
    """The rows of a push, under their own names; ``expires_at`` is among them as instants.

    ``misread``: which rows say an expiry that cannot be read. ``content``: the SHA-256 of all that was said.
    """

    table: pa.Table
    misread: pa.ChunkedArray
    content: str


def read(path: Place, endpoint_columns: tuple[str, ...] = (), expires_at: datetime | None = None) -> PushedRows:
    """Return the rows of a file; one that is damaged, empty or of another form is refused.

    Args:
        path: JSON lines, CSV or Parquet.
        endpoint_columns: The campaign's own columns of phone numbers or addresses, which are read as text.
        expires_at: The expiry of rows that say none themselves.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file", next_step="check the path")
    with files.unchanged(path):
        data = path.read_bytes()
        if is_json(path):
            return read_lines(data, str(path), endpoint_columns, expires_at)
        return _rows(files.read(path), data, str(path), TEXT_COLUMNS | set(endpoint_columns), expires_at)


def read_lines(data: bytes, source: str, endpoint_columns: tuple[str, ...] = (), expires_at: datetime | None = None) -> PushedRows:
    """Return the rows of JSON lines, wherever they come from; ``source`` names them in errors."""
    text = TEXT_COLUMNS | set(endpoint_columns)
    return _rows(_json(data, source, text | {EXPIRES_AT}), data, source, text, expires_at)


def _rows(table: pa.Table, data: bytes, source: str, text: frozenset[str], expires_at: datetime | None) -> PushedRows:
    names = table.column_names
    refuse_twice(names, source)
    own = [name for name in names if name.startswith(OWN)]
    if own:
        raise DataError(f"{source}: the column name {own[0]!r} is outcamp's own", next_step="rename the column")
    if RECIPIENT_ID not in names:
        raise DataError(
            f"{source}: there is no column recipient_id", next_step=f"name the id recipient_id; the columns are {', '.join(names)}"
        )
    if not table.num_rows:
        raise DataError(f"{source}: there is nobody in it", next_step="push the rows as soon as there are any")
    columns = {name: as_text(table[name], name, source) if name in text else table[name] for name in names}
    columns[RECIPIENT_ID] = as_id(columns[RECIPIENT_ID], RECIPIENT_ID, source)
    said = columns.get(EXPIRES_AT, pa.chunked_array([pa.nulls(table.num_rows, pa.string())]))
    read_as = _instants(said, source)
    misread = pc.and_(pc.is_valid(said), pc.is_null(read_as))
    columns[EXPIRES_AT] = read_as if expires_at is None else pc.if_else(pc.is_valid(said), read_as, pa.scalar(expires_at, INSTANT))
    content = hashlib.sha256(data + (f"\0{expires_at.timestamp()}".encode() if expires_at else b""))
    return PushedRows(pa.table(columns), misread, content.hexdigest())


def _instants(said: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    if pa.types.is_timestamp(said.type):
        return known_instants(said.cast(INSTANT, safe=False)) if said.type.tz else pa.chunked_array([pa.nulls(len(said), INSTANT)])
    return written_rows.instants(as_text(said, EXPIRES_AT, source))


def _json(data: bytes, source: str, text: frozenset[str]) -> pa.Table:
    """Return the objects of JSON lines as a table; the columns that are read as text must be text there."""
    explicit = dict.fromkeys(sorted(text), pa.string())
    table = _objects(data, source, explicit)
    # A text that looks like a date stays a text: a message shows it as it was written.
    dates = [field.name for field in table.schema if pa.types.is_temporal(field.type)]
    if dates:
        table = _objects(data, source, explicit | dict.fromkeys(dates, pa.string()))
    return table.drop_columns([name for name in explicit if name != RECIPIENT_ID and table[name].null_count == table.num_rows])


def _objects(data: bytes, source: str, explicit: dict[str, pa.DataType]) -> pa.Table:
    if not data.strip():
        return pa.schema(explicit).empty_table()
    written_rows.refuse_null(io.BytesIO(data), source)
    options = pajson.ParseOptions(explicit_schema=pa.schema(explicit), unexpected_field_behavior="infer")
    try:
        table = pajson.read_json(pa.BufferReader(data), pajson.ReadOptions(block_size=_BLOCK), options)
        table.validate(full=True)
    except pa.ArrowException as error:
        next_step = "write one object a line, with ids, numbers of phones and times as text"
        raise DataError(f"{source}: these are no JSON lines: {arrow_words(error)}", next_step=next_step) from None
    return table
