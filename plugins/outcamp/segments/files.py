"""Tables from files that people bring: Parquet and CSV, streamed, refused whole when they are cut short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from outcamp.core.errors import DataError, SourceUnavailable
from outcamp.core.places import Place, source_of
from outcamp.segments.arrow_words import arrow_words

_BATCH_ROWS = 65_536
_WINDOW = 1 << 19
_LARGEST_BLOCK = 2**31 - 1


def column_names(path: Place) -> list[str]:
    """Return the names of a file's columns."""
    with _reading(path):
        if _is_parquet(path):
            with source_of(path) as source, pq.ParquetFile(source) as file:
                return list(file.schema_arrow.names)
        return _header(path)


def stream(path: Place) -> Iterator[pa.RecordBatch]:
    """Yield a file's rows in batches. CSV columns are text: an id keeps its leading zeros, an empty field is missing."""
    with _reading(path):
        if _is_parquet(path):
            with source_of(path) as source, pq.ParquetFile(source) as file:
                yield from file.iter_batches(batch_size=_BATCH_ROWS)
            return
        block_size = _block_size(path)
        types = {name: pa.string() for name in _header(path)}
        if _is_header_alone(path):
            return
        # Without threads Arrow counts the rows, and says which one is damaged; they would save no time here.
        read = pacsv.ReadOptions(block_size=block_size, use_threads=False)
        parse = pacsv.ParseOptions(newlines_in_values=True)
        convert = pacsv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
        with source_of(path) as source, pacsv.open_csv(source, read, parse, convert) as reader:
            yield from reader


def read(path: Place) -> pa.Table:
    """Return a whole file as a table."""
    batches = list(stream(path))
    if batches:
        return pa.Table.from_batches(batches)
    with _reading(path):
        if _is_parquet(path):
            with source_of(path) as source:
                return pq.read_schema(source).empty_table()
        return pa.schema([(name, pa.string()) for name in _header(path)]).empty_table()


@contextmanager
def unchanged(path: Place) -> Iterator[Place]:
    """Raise at the end if a file was written anew while it was read, which takes several looks: what was read may be of two files.

    A file on a disk that is renamed into the place of another one, and an object that is written under the key of another one, differ in
    their size or their time.
    """
    before = _facts(path)
    try:
        yield path
    except DataError:  # two halves may look like a damaged file
        _refuse_new(path, before)
        raise
    _refuse_new(path, before)


def _refuse_new(path: Place, before: tuple[int, int] | None) -> None:
    if _facts(path) not in {before, None}:  # one that was moved away is the same
        next_step = "leave a file alone once it bears its name, or write the new one under another name; then try again"
        raise SourceUnavailable(f"{path}: the file was written anew while it was read", next_step=next_step)


def _facts(path: Place) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_size, found.st_mtime_ns
    return None


def _is_parquet(path: Place) -> bool:
    if path.suffix.lower() in {".parquet", ".pq"}:
        return True
    if path.suffix.lower() in {".csv", ".txt"}:
        return False
    raise DataError(f"{path}: neither Parquet nor CSV by its name", next_step="name it .parquet or .csv")


def _header(path: Place) -> list[str]:
    line = _first_line(path)
    if not line.strip():
        raise DataError(f"{path}: the file is empty", next_step="a CSV begins with a line of column names")
    # Arrow knows a header by the end of its line, which need not be there. Its threads must not be left with bytes of Python's: with the
    # clients of object stores loaded, a process that ends right then is aborted.
    table = pacsv.read_csv(pa.py_buffer(line + b"\n"), pacsv.ReadOptions(use_threads=False))
    return list(table.column_names)


def _is_header_alone(path: Place) -> bool:
    """Say whether a file is nothing but a header without a line end, which Arrow takes for no CSV."""
    line = _first_line(path)
    return b"\n" not in line and b"\r" not in line


def _first_line(path: Place) -> bytes:
    with path.open("rb") as file:
        return file.readline()


def _block_size(path: Place) -> int:
    """Return how many bytes must be read at once so that Arrow, which sees two blocks at a time, meets no row that is longer.

    The one look through the file also counts its quotes: an odd number means that it ends inside a quoted field and was cut short.
    """
    quotes, rowless, longest = 0, 0, 0
    with path.open("rb") as file:
        while window := file.read(_WINDOW):
            rowless = 0 if _ends_a_row(window, quotes % 2) else rowless + 1
            longest = max(longest, rowless)
            quotes += window.count(b'"')
    if quotes % 2:
        raise _cut_short(path, "it ends inside a quoted field")
    # A row may begin in the window before those without an end, and end in the one after them.
    return min((longest + 2) * _WINDOW, _LARGEST_BLOCK)


def _ends_a_row(window: bytes, quoted: int) -> bool:
    """Say whether a line ends outside of quotes; ``quoted`` is 1 where the window begins inside of them."""
    start = 0
    while (end := window.find(b"\n", start)) >= 0:
        quoted = (quoted + window.count(b'"', start, end)) % 2
        if not quoted:
            return True
        start = end + 1
    return False


class _reading:  # noqa: N801 - reads as a statement
    """Map what pyarrow says about a broken file to our own error."""

    def __init__(self, path: Place) -> None:
        self._path = path

    def __enter__(self) -> None:
        if not self._path.is_file():
            raise DataError(f"{self._path}: there is no such file", next_step="check the path")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (pa.ArrowInvalid, pa.ArrowException, OSError, UnicodeDecodeError)):
            # Arrow quotes the row of a CSV; of what lies in Parquet, and of a disk or a store, the words hold no value.
            is_row = isinstance(error, pa.ArrowException) and not _is_parquet(self._path)
            raise _cut_short(self._path, arrow_words(error) if is_row else str(error).splitlines()[0]) from None


def _cut_short(path: Place, why: str) -> DataError:
    return DataError(
        f"{path}: the file is cut short or damaged: {why}", next_step="write the file again and retry; nothing was read from it"
    )
