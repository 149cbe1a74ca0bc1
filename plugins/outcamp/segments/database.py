"""Segments from SQL: a query of Postgres or SQLite, read in batches; Postgres keeps the rows that are not read yet on its side.

Columns keep their type where Arrow has one that every value fits. The others are text as Postgres writes it: the precision of numeric,
the shape of jsonb and the fields of a row differ from one value to the next, and a later batch must not break what the first one began.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, TypeVar

import psycopg
import pyarrow as pa
from psycopg.types.string import TextLoader

from outcamp.core.errors import DataError, SourceUnavailable
from outcamp.segments.database_words import is_passing, words_of
from outcamp.segments.postgres_copy import copied_rows, copied_types

_Rows = TypeVar("_Rows")
BATCH_ROWS = 50_000
# Types of Postgres that are handed over as text, also as the elements of an array.
_AS_TEXT = ("numeric", "json", "jsonb", "record", "uuid")
# The end of a query behind its last word: semicolons and remarks. A remark with a quote or a bracket in it is left alone, since all of
# it might stand inside of a text, a name or a longer remark.
_END = re.compile(r"""\s*;(?:\s|;|--[^\n'"`$\]*]*(?:\n|\Z)|/\*[^'"`$\]*]*\*/)*\Z""")


def column_names(connection: Any, sql: str, source: str) -> list[str]:
    """Return the names of a query's columns, without reading its rows."""
    with _running(connection, f"SELECT * FROM (\n{_single(sql)}\n) AS segment LIMIT 0", source) as cursor:
        return [column[0] for column in cursor.description]


def stream(connection: Any, sql: str, source: str) -> Iterator[pa.RecordBatch]:
    """Yield a query's rows in batches; the first batch that has a value in a column decides that column's type."""
    schema: pa.Schema | None = None
    for names, arrays in _batches(connection, _single(sql), source):
        if schema is None:
            schema = pa.schema([(name, _settled(array.type)) for name, array in zip(names, arrays, strict=True)])
        yield pa.record_batch([_fit(array, field, source) for array, field in zip(arrays, schema, strict=True)], schema=schema)


def _batches(connection: Any, sql: str, source: str) -> Iterator[tuple[list[str], list[pa.Array]]]:
    """Yield the names and the columns of a query's next rows."""
    with _running(connection, sql, source, stream=True) as cursor:
        if isinstance(connection, psycopg.Connection) and (types := copied_types(cursor.description)):
            with closing(copied_rows(connection, sql, types, BATCH_ROWS)) as copied:
                while arrays := _next(partial(next, copied, None), source):
                    yield [column.name for column in cursor.description], arrays
            return
        while rows := _next(partial(cursor.fetchmany, BATCH_ROWS), source):
            names = [column[0] for column in cursor.description]
            yield names, [_array(list(values), name, source) for name, values in zip(names, zip(*rows, strict=True), strict=True)]


def _single(sql: str) -> str:
    """Return a query without the semicolon at its end, so that it can stand in brackets."""
    return _END.sub("", sql).strip()


def _settled(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column by its first values; where these are all missing it may turn out to be anything, and text holds that."""
    if pa.types.is_list(kind):
        return pa.list_(_settled(kind.value_type))
    return pa.string() if pa.types.is_null(kind) else kind


@contextmanager
def _running(connection: Any, sql: str, source: str, *, stream: bool = False) -> Iterator[Any]:
    """Run a query, and close its cursor in the end: a second one of this name may follow on the same connection."""
    try:
        if stream and isinstance(connection, psycopg.Connection):
            cursor: Any = connection.cursor(name="outcamp_segment")  # the server keeps the rows; memory stays a batch's size
            cursor.itersize = BATCH_ROWS
            for kind in _AS_TEXT:
                cursor.adapters.register_loader(kind, TextLoader)
        else:
            cursor = connection.cursor()
    except Exception as error:  # noqa: BLE001 - the drivers' errors share no class
        raise _mapped(error, source) from None
    with closing(cursor):
        try:
            cursor.execute(sql)
        except Exception as error:  # noqa: BLE001 - as above
            raise _mapped(error, source, connection, sql) from None
        yield cursor


def _next(fetch: Callable[[], _Rows], source: str) -> _Rows:
    try:
        return fetch()
    except Exception as error:  # noqa: BLE001 - as above
        raise _mapped(error, source) from None


def _mapped(error: Exception, source: str, connection: Any = None, sql: str = "") -> DataError | SourceUnavailable:
    """Return a database's error in our words; ``sql``: what was run on the connection, if it was not the rows behind it."""
    said = words_of(error, connection, sql)
    if is_passing(error):
        return SourceUnavailable(f"{source}: the database did not answer: {said}", next_step="nothing was read; the step is tried again")
    return DataError(f"{source}: the query failed: {said}", next_step="run it by hand against the same connection")


def _array(values: list[Any], name: str, source: str) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        # Mixed or foreign types (network addresses, ranges ...) travel along as text.
        try:
            return pa.array([None if value is None else str(value) for value in values], type=pa.string())
        except (pa.ArrowException, ValueError) as error:
            problem = f"{source}: the column {name} holds a value that cannot be read ({type(error).__name__})"
            raise DataError(problem, next_step="cast it to text in the query") from None


def _fit(array: pa.Array, field: pa.Field, source: str) -> pa.Array:
    if array.type == field.type:
        return array
    try:
        return array.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{source}: the column {field.name} changes its type from {field.type} to {array.type} on the way",
            next_step="cast it in the query",
        ) from None
