"""The segment of a published campaign: its rows, and the ids that are left out, from SQL or from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from outcamp.core.campaign import Campaign
from outcamp.core.errors import DataError, NotSupportedYet
from outcamp.core.manifest import Manifest
from outcamp.core.places import Place
from outcamp.core.segment import ExternalSegment, FileSegment, SqlSegment
from outcamp.segments import columns, database, files

# Opens the database that an Airflow connection names; None is the embedded one.
Opens = Callable[[str | None], Any]
# Opens the file that a segment names.
Files = Callable[[str], Place]


@dataclass(frozen=True)
class PublishedSegment:
    """Reads the segment that a manifest froze; its SQL is the manifest's, its data what is there now."""

    manifest: Manifest
    files: Files
    opens: Opens

    def read(self, occurrence: int) -> Iterator[pa.Table]:  # noqa: ARG002 - each occurrence reads what is there now
        """Yield the rows of the segment, under the names that mean something."""
        segment = self.manifest.campaign.segment
        if isinstance(segment, ExternalSegment):
            raise _external(self.manifest.campaign)
        text = columns.TEXT_COLUMNS | set(self.manifest.campaign.endpoint_columns)
        source = _name_of(self.manifest.campaign)
        names: list[str] | None = None
        for batch in self._rows(source):
            if names is None:
                names = columns.rename(batch.schema.names, segment.columns, source)
            yield columns.prepare(batch, names, text, source)
        if names is None:
            # No row at all: the columns are known all the same, and an empty segment is a good one.
            names = columns.rename(self._column_names(source), segment.columns, source)
            yield pa.schema([(name, pa.string()) for name in names]).empty_table()

    def excluded(self) -> pa.Array:
        """Return the ids that the segment's exclusions return."""
        segment = self.manifest.campaign.segment
        if isinstance(segment, ExternalSegment) or not segment.exclude:
            return pa.array([], pa.string())
        connection = segment.connection if isinstance(segment, SqlSegment) else None
        with closing(self.opens(connection)) as database_connection:
            ids = [
                _ids(batch, name)
                for name in segment.exclude
                for batch in database.stream(database_connection, self.manifest.sql[name], name)
            ]
        return pa.concat_arrays(ids) if ids else pa.array([], pa.string())

    def _rows(self, source: str) -> Iterator[pa.RecordBatch]:
        segment = self.manifest.campaign.segment
        if isinstance(segment, FileSegment):
            with files.unchanged(self.files(segment.file)) as place:
                yield from files.stream(place)
        elif isinstance(segment, SqlSegment):
            with closing(self.opens(segment.connection)) as connection:
                yield from database.stream(connection, self.manifest.sql[segment.sql], source)

    def _column_names(self, source: str) -> list[str]:
        segment = self.manifest.campaign.segment
        if isinstance(segment, FileSegment):
            return files.column_names(self.files(segment.file))
        if isinstance(segment, SqlSegment):
            with closing(self.opens(segment.connection)) as connection:
                return database.column_names(connection, self.manifest.sql[segment.sql], source)
        raise _external(self.manifest.campaign)


def _external(campaign: Campaign) -> NotSupportedYet:
    return NotSupportedYet(
        f"{campaign.name}: the segment is external: its recipients are pushed in, and there is nothing to read",
        next_step=f"hand them over: outcamp push {campaign.name} FILE",
    )


def _name_of(campaign: Campaign) -> str:
    segment = campaign.segment
    return segment.file if isinstance(segment, FileSegment) else segment.sql if isinstance(segment, SqlSegment) else "external"


def _ids(batch: pa.RecordBatch, source: str) -> pa.Array:
    """Return the ids of an exclusion: the column recipient_id, or the only one that there is."""
    names = batch.schema.names
    name = columns.RECIPIENT_ID if columns.RECIPIENT_ID in names else names[0]
    if name != columns.RECIPIENT_ID and len(names) > 1:
        problem = f"{source}: an exclusion returns recipient_id, and the columns are {', '.join(names)}"
        raise DataError(problem, next_step="select one column")
    # An id that is written in another way than the segment's would exclude nobody.
    return columns.as_id(batch.column(names.index(name)), name, source).drop_null()
