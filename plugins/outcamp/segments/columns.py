"""The door of a segment: its columns under the names that mean something, ids checked, numbers that are names turned into text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.errors import DataError, closest

RECIPIENT_ID = "recipient_id"
# Columns that the rules read as text, whatever the source's type is.
TEXT_COLUMNS = frozenset({RECIPIENT_ID, "phone", "email", "country", "region", "city", "postal_code", "time_zone"})
OWN = "_outcamp_"
_NEARLY = 0.85


def rename(names: Iterable[str], columns: Mapping[str, str], source: str) -> list[str]:
    """Return a segment's column names after ``columns`` (meaning: source column), checked for what every segment must have."""
    names = list(names)
    refuse_two_meanings(columns, source)
    meaning = {}
    for means, column in columns.items():
        if column in names:
            meaning[column] = means
        elif means not in names:
            raise DataError(
                f"{source}: segment.columns maps {means} to {column!r}, and there is no such column",
                next_step=_has(names, closest(column, names)),
            )
    taken = set(meaning.values())
    renamed = [meaning.get(name, f"{name}_source" if name in taken else name) for name in names]
    if RECIPIENT_ID not in renamed:
        raise DataError(
            f"{source}: the segment has no column recipient_id",
            next_step=f"select the id AS recipient_id, or map it with segment.columns: {{recipient_id: ...}}; {_has(names, None)}",
        )
    refuse_twice(renamed, source)
    own = [name for name in renamed if name.startswith(OWN)]
    if own:
        raise DataError(f"{source}: the column name {own[0]!r} is outcamp's own", next_step="rename the column")
    return renamed


def refuse_misspelt(names: Sequence[str], columns: Mapping[str, str], source: str) -> None:
    """Refuse a source column that is not there, where one of nearly that name is: the column that bears the meaning already would be taken.

    For whoever writes a campaign; one that is published goes on when a similar column comes to its segment.
    """
    free = [name for name in names if name not in {*columns, *columns.values()}]
    for means, column in columns.items():
        near = None if column in names else closest(column, free)
        if near and SequenceMatcher(None, column.lower(), near.lower()).ratio() >= _NEARLY:
            problem = f"{source}: segment.columns maps {means} to {column!r}, and there is no such column"
            raise DataError(problem, next_step=_has(list(names), near))


def refuse_two_meanings(columns: Mapping[str, str], source: str) -> None:
    """Refuse a source column that ``columns`` gives two meanings: it can bear one name only."""
    meaning: dict[str, str] = {}
    for means, column in columns.items():
        if column in meaning:
            problem = f"{source}: segment.columns maps both {meaning[column]} and {means} to {column!r}"
            raise DataError(problem, next_step="select the column twice in the segment, under two names, or remove one of the two")
        meaning[column] = means


def refuse_twice(names: Sequence[str], source: str) -> None:
    """Refuse columns of which two have one name: nobody could say which of them is meant."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{source}: the column {twice[0]!r} stands twice", next_step="give each column a name of its own")


def prepare(batch: pa.RecordBatch | pa.Table, names: list[str], text: frozenset[str], source: str) -> pa.Table:
    """Return a batch under its renamed columns, ids as text; ids that are missing are refused."""
    columns = []
    for name, column in zip(names, batch.columns, strict=True):
        columns.append(as_id(column, name, source) if name == RECIPIENT_ID else as_text(column, name, source) if name in text else column)
    table = pa.table(columns, names=names)
    ids = table[RECIPIENT_ID]
    missing = ids.null_count + (pc.sum(pc.equal(ids, "")).as_py() or 0)
    if missing:
        raise DataError(
            f"{source}: {missing} of {len(ids)} rows have no recipient_id", next_step="leave those rows out, or give them an id"
        )
    if has_nul(ids):
        raise DataError(f"{source}: a recipient_id contains a NUL character", next_step="clean the ids in the source")
    return table


def has_nul(text: pa.Array | pa.ChunkedArray) -> bool:
    """Say whether a text column contains the one character that Postgres cannot keep."""
    found: bool = pc.any(pc.match_substring(text, "\0")).as_py() or False
    return found


def as_id(column: pa.Array | pa.ChunkedArray, name: str, source: str) -> pa.Array | pa.ChunkedArray:
    """Return a column of recipients' ids as text, without spaces around them: a CHAR(8) has some, and an outcome comes back without."""
    return pc.utf8_trim_whitespace(as_text(column, name, source))


def as_text(column: pa.Array | pa.ChunkedArray, name: str, source: str) -> pa.Array | pa.ChunkedArray:
    """Return a column as text; types of which one value can be written in several ways are refused."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_text(column.cast(kind.value_type), name, source)
    if pa.types.is_string(kind):
        return column
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    raise DataError(
        f"{source}: the column {name} holds {kind}, and is read as text",
        next_step="cast it to text in the source, so that nothing is rounded or re-formatted",
    )


def _has(names: list[str], near: str | None) -> str:
    hint = f"did you mean {near!r}? " if near else ""
    return f"{hint}the columns are {', '.join(names)}"
