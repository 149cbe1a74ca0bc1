"""Rows of Postgres by COPY: text that Arrow reads as columns, where the driver would make a Python object of each value.

Only for columns whose text Arrow reads as what the driver would have made of it; a query that has others goes by a cursor.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Wait

_TYPES = {
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "uuid", "numeric"), pa.string()),
    **dict.fromkeys(("int2", "int4", "int8"), pa.int64()),
    **dict.fromkeys(("float4", "float8"), pa.float64()),
    "bool": pa.bool_(),
}
_TYPE_OF = {psycopg.adapters.types[name].oid: kind for name, kind in _TYPES.items()}


def copied_types(columns: Sequence[psycopg.Column]) -> list[pa.DataType] | None:
    """Return the types under which a query's columns can be copied, or None where one of them cannot."""
    types = [_TYPE_OF.get(column.type_code) for column in columns]
    return [kind for kind in types if kind is not None] if columns and None not in types else None


def copied_rows(connection: psycopg.Connection[Any], sql: str, types: list[pa.DataType], batch_rows: int) -> Generator[list[pa.Array]]:
    """Yield the columns of a query's next rows; a column without a value among them is all null and of no type."""
    # The query is the project's own text, frozen with the campaign; nothing is formatted into it.
    statement = f"COPY (\n{sql}\n) TO STDOUT (FORMAT csv, ENCODING 'UTF8')".encode()
    # Whoever stops early cancels the COPY, which would spoil the transaction without a savepoint.
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(statement):
        more = True
        while more:
            rows = connection.wait(_next_rows(connection.pgconn, batch_rows))
            more = len(rows) == batch_rows
            if rows:
                yield _columns(b"".join(rows), types)


def _next_rows(server: PGconn, most: int) -> Generator[Wait, Any, list[bytes]]:
    """Return the next rows of a COPY, fewer than asked at its end; the driver's own loop waits anew for each, three times as long."""
    rows: list[bytes] = []
    while len(rows) < most:
        size, row = server.get_copy_data(1)
        if size > 0:
            rows.append(bytes(row))
        elif size == 0:
            while not (yield Wait.R):  # not yet: the driver looks from time to time whether somebody interrupts
                continue
            server.consume_input()
        else:
            ends = iter(server.get_result, None)
            for failed in [end for end in ends if end.status == ExecStatus.FATAL_ERROR]:
                raise error_from_result(failed)
            break
    return rows


def _columns(text: bytes, types: list[pa.DataType]) -> list[pa.Array]:
    names = [str(place) for place in range(len(types))]
    table = pacsv.read_csv(
        pa.py_buffer(text),
        # One block, since a value may be longer than any smaller one.
        read_options=pacsv.ReadOptions(column_names=names, block_size=len(text) + 1, use_threads=False),
        # A line without anything is a row whose only column is null.
        parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pacsv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            # Postgres writes null as nothing, and an empty text as "".
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    columns = (column.combine_chunks() for column in table.columns)
    return [column if column.null_count < len(column) else pa.nulls(len(column)) for column in columns]
