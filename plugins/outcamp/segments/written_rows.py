"""Rows that other systems and people write into files: JSON lines, CSV or Parquet, streamed as columns of text and read from there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from outcamp.core.errors import DataError
from outcamp.core.places import Place, source_of
from outcamp.segments import files
from outcamp.segments.arrow_words import arrow_words
from outcamp.segments.columns import refuse_twice

INSTANT: Final = pa.timestamp("us", tz="UTC")
# Neither Python nor most readers of Parquet know an instant outside of these, and what they are told of one ends in a crash.
FIRST: Final = pa.scalar(datetime.min.replace(tzinfo=UTC), INSTANT)
LAST: Final = pa.scalar(datetime.max.replace(tzinfo=UTC), INSTANT)
_JSON: Final = (".jsonl", ".ndjson", ".json")
ENDINGS: Final = (*_JSON, ".csv", ".parquet", ".pq")
_BLOCK: Final = 16_000_000  # bytes of JSON that are read at once: some 100,000 rows, so that neighbours in the books are met together
_NULL: Final = re.compile(rb"(?:\A|[\r\n])[ \t]*null")
_ENDS: Final = (b"\n", b"\r")
NUMBERS: Final = frozenset({"occurrence", "attempt"})  # JSON writes these without quotes
# As many digits as surely fit.
_DIGITS: Final = {pa.int16(): r"^\d{1,4}$", pa.int32(): r"^\d{1,9}$"}
# YYYY-MM-DDTHH:MM[:SS[.f]] with Z or an offset; a time without one could mean anything.
_TIME: Final = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?Z|[+-]\d{2}:?\d{2})$"


def column_names(path: Place) -> list[str] | None:
    """Return the names of a file's columns, no two alike; None of JSON lines, where each line has its own."""
    if is_json(path):
        return None
    names = files.column_names(path)
    refuse_twice(names, str(path))
    return names


def stream(path: Place, names: Sequence[str]) -> Iterator[pa.Table]:
    """Yield these columns of a file as text, null where nothing stands; a file that is damaged raises DataError.

    A damaged file may yield rows before it raises; read it whole once before taking any of it in.
    """
    for batch in _json_batches(path, names) if is_json(path) else files.stream(path):
        yield pa.table({name: _text(batch, name, path) for name in names})


def whole_numbers(written: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return the numbers that texts name; null for what is none, or too large."""
    fits = pc.fill_null(pc.match_substring_regex(written, _DIGITS[kind]), fill_value=False)
    return pc.if_else(fits, written, pa.scalar(None, pa.string())).cast(kind)


def instants(written: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the instants that texts name; null for a time that has no offset, does not exist, or is not in the years 1 to 9999 UTC."""
    has_zone = pc.fill_null(pc.match_substring_regex(written, _TIME), fill_value=False)
    texts = pc.if_else(has_zone, written, pa.scalar(None, pa.string()))
    read = pd.to_datetime(texts.to_pandas(), format="ISO8601", utc=True, errors="coerce")
    moments = read.dt.as_unit("us").dt.tz_localize(None).to_numpy()
    return known_instants(pa.chunked_array([pa.array(moments, pa.timestamp("us"), from_pandas=True).cast(INSTANT)]))


def known_instants(moments: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the instants that lie in the years 1 to 9999 of UTC; null for the others, which an offset or a Parquet file can name."""
    is_known = pc.and_(pc.greater_equal(moments, FIRST), pc.less_equal(moments, LAST))
    return pc.if_else(is_known, moments, pa.scalar(None, INSTANT))


def is_json(path: Place) -> bool:
    """Tell whether a file is one of JSON lines, by its name."""
    return path.suffix.lower() in _JSON


def _json_batches(path: Place, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([(name, pa.int64() if name in NUMBERS else pa.string()) for name in names])
    options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        if path.stat().st_size == 0:
            return
        with path.open("rb") as file:
            refuse_null(file, str(path))
        with source_of(path) as source, pajson.open_json(source, pajson.ReadOptions(block_size=_BLOCK), options) as reader:
            yield from reader
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file", next_step="check the path") from None
    except (pa.ArrowException, OSError) as error:
        next_step = "write one object a line: ids and times as text, attempt and occurrence as numbers"
        said = arrow_words(error) if isinstance(error, pa.ArrowException) else str(error).splitlines()[0]
        raise DataError(f"{path}: these are no JSON lines: {said}", next_step=next_step) from None


def refuse_null(file: BinaryIO, source: str) -> None:
    """Refuse JSON lines with null in an object's place: Arrow's reader would take the whole process down where a block begins with it."""
    read, before = 0, b""
    while window := file.read(_BLOCK):
        text = before + window
        found = _NULL.search(text)
        if found is not None:
            at = read - len(before) + found.start() + 1
            raise DataError(f"{source}: these are no JSON lines: null at byte {at}", next_step="write one object a line")
        read += len(window)
        # What may be the beginning of a null goes before the next window; anything else is no beginning of a line.
        line = text[max(text.rfind(b"\n"), text.rfind(b"\r")) :]
        before = line if line[:1] in _ENDS and b"null".startswith(line.strip()) else b"-"


def _text(batch: pa.RecordBatch, name: str, path: Place) -> pa.ChunkedArray:
    """Return a column as text without spaces around it and without NUL, which Postgres does not take; empty is missing."""
    if name not in batch.schema.names:
        return pa.chunked_array([pa.nulls(batch.num_rows, pa.string())])
    column = batch[name]
    try:
        column.validate(full=True)  # bytes that are no letters
        if pa.types.is_timestamp(column.type):
            # Parquet: an instant with a zone is an instant; one without is taken for what it does not say, so it is not taken.
            zone = "" if column.type.tz is None else "Z"
            moment = column.cast(pa.timestamp("us", tz="UTC" if zone else None), safe=False)  # less than a microsecond is lost
            written = pc.binary_join_element_wise(pc.strftime(moment, format="%Y-%m-%dT%H:%M:%S"), zone, "")
        else:
            written = column.cast(pa.string())
        trimmed = pc.utf8_trim_whitespace(pc.replace_substring(written, "\0", "\N{REPLACEMENT CHARACTER}"))
    except pa.ArrowException as error:
        next_step = "write ids, codes and times as text, or times as timestamps with a zone"
        raise DataError(f"{path}: the column {name} holds no text: {arrow_words(error)}", next_step=next_step) from None
    return pa.chunked_array([pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)])
