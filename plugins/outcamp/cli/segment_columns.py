"""The columns of SQL segments, asked of their databases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from outcamp.core.segment import SqlSegment
from outcamp.steps.validate import ColumnsOf


def columns_by_connection(home: Path) -> ColumnsOf:
    """Return the function that asks a segment's own database for the columns of its query; no row is read."""

    def columns_of(segment: SqlSegment, sql: str) -> list[str]:
        from outcamp.cli.connections import open_connection
        from outcamp.segments.database import column_names

        with closing(open_connection(segment.connection, home)) as connection:
            return column_names(connection, sql, segment.sql)

    return columns_of
