"""Segments from SQL: any DB-API connection, streamed in batches; Postgres hands over its columns by COPY."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pyarrow as pa

from outcamp.core.errors import DataError, SourceUnavailable

BATCH_ROWS = 50_000


def column_names(connection: Any, sql: str, source: str) -> list[str]:
    """Return the names of a query's columns, without reading its rows."""
    with _running(connection, f"SELECT * FROM (\n{_single(sql)}\n) AS segment LIMIT 0", source) as cursor:
        return [column[0] for column in cursor.description]


def stream(connection: Any, sql: str, source: str) -> Iterator[pa.RecordBatch]:
    """Yield a query's rows in batches; the first batch that has a value in a column decides that column's type."""
    names: list[str] = []
    schema: pa.Schema | None = None
    with _running(connection, _single(sql), source, stream=True) as cursor:
        while rows := _fetch(cursor, source):
            names = names or [column[0] for column in cursor.description]
            arrays = [_array(list(values), name, source) for name, values in zip(names, zip(*rows, strict=True), strict=True)]
            if schema is None:
                # A column that is empty so far may turn out to be anything: text holds all of it.
                schema = pa.schema([(n, pa.string() if pa.types.is_null(a.type) else a.type) for n, a in zip(names, arrays, strict=True)])
            yield pa.record_batch([_fit(array, field, source) for array, field in zip(arrays, schema, strict=True)], schema=schema)


def _single(sql: str) -> str:
    return sql.strip().rstrip(";").rstrip()


@contextmanager
def _running(connection: Any, sql: str, source: str, *, stream: bool = False) -> Iterator[Any]:
    """Run a query, and close its cursor in the end: a second one of this name may follow on the same connection."""
    try:
        if stream and isinstance(connection, psycopg.Connection):
            cursor: Any = connection.cursor(name="outcamp_segment")  # the server keeps the rows; memory stays a batch's size
            cursor.itersize = BATCH_ROWS
        else:
            cursor = connection.cursor()
    except Exception as error:
        raise _mapped(error, source) from error
    with closing(cursor):
        try:
            cursor.execute(sql)
        except Exception as error:
            raise _mapped(error, source) from error
        yield cursor


def _fetch(cursor: Any, source: str) -> list[Any]:
    try:
        rows: list[Any] = cursor.fetchmany(BATCH_ROWS)
    except Exception as error:
        raise _mapped(error, source) from error
    return rows


def _mapped(error: Exception, source: str) -> DataError | SourceUnavailable:
    """DB-API names its error classes alike in every driver: OperationalError is the database's trouble, the rest is the query's."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    names = {kind.__name__ for kind in type(error).__mro__}
    if {"OperationalError", "InterfaceError"} & names and not {"UndefinedTable", "UndefinedColumn", "SyntaxError"} & names:
        if "no such table" in first or "syntax error" in first or "no such column" in first:  # sqlite calls these operational
            return DataError(f"{source}: the query failed: {first}", next_step="run it by hand against the same connection")
        return SourceUnavailable(f"{source}: the database did not answer: {first}", next_step="nothing was read; the step is tried again")
    return DataError(f"{source}: the query failed: {first}", next_step="run it by hand against the same connection")


def _array(values: list[Any], name: str, source: str) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        # Mixed or foreign types (UUID, network addresses ...) travel along as text.
        try:
            return pa.array([None if value is None else str(value) for value in values], type=pa.string())
        except (pa.ArrowException, ValueError) as error:
            raise DataError(f"{source}: the column {name} cannot be read: {error}", next_step="cast it to text in the query") from error


def _fit(array: pa.Array, field: pa.Field, source: str) -> pa.Array:
    if array.type == field.type:
        return array
    try:
        return array.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{source}: the column {field.name} changes its type from {field.type} to {array.type} on the way",
            next_step="cast it in the query",
        ) from error
