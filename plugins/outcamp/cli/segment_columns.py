"""The columns of segments that lie elsewhere, asked of their databases and object stores."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from outcamp.cli.places import open_file
from outcamp.core.segment import FileSegment, SqlSegment
from outcamp.steps.validate import ColumnsOf


def columns_by_connection(home: Path) -> ColumnsOf:
    """Return the function that asks where a segment lies for its columns; no row is read."""

    def columns_of(segment: SqlSegment | FileSegment, sql: str) -> list[str]:
        from outcamp.cli.connections import open_connection
        from outcamp.segments import files
        from outcamp.segments.database import column_names

        if isinstance(segment, FileSegment):
            return files.column_names(open_file(segment.file, home, "segment.file"))
        with closing(open_connection(segment.connection, home)) as connection:
            return column_names(connection, sql, segment.sql)

    return columns_of
