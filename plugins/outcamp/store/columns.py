"""Arrow columns to and from Postgres: array parameters in, fetched rows out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def array_text(column: pa.Array | pa.ChunkedArray) -> str:
    """Return a column as the text form of a Postgres array, to be bound as one parameter and unnested: ``{"a",NULL,"b"}``."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    is_instant = pa.types.is_timestamp(column.type)
    # Arrow writes a time with a zone thirty times slower than one without; without its zone an instant is the one in UTC.
    text = (column.cast(pa.timestamp(column.type.unit)) if is_instant else column).cast(pa.string())
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type)
    if is_text:
        text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    if is_text or is_instant:
        text = pc.binary_join_element_wise('"', text, 'Z"' if is_instant and column.type.tz else '"', "")
    flat = pc.fill_null(text, "NULL")
    values = flat.combine_chunks() if isinstance(flat, pa.ChunkedArray) else flat
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)
    joined: str = pc.binary_join(whole, ",")[0].as_py()
    return "{" + joined + "}"


def table_of(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Return rows that the driver fetched as columns of this schema."""
    if not rows:
        return schema.empty_table()
    return pa.table([pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)], schema=schema)
