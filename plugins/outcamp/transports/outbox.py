"""The built-in outbox: files for somebody else's dialler, a file a chunk, complete before it has its name.

A submission has a name of its own, and a name is written once: a crash between the file and the ledger leaves its rows unknown
there, and the file is as good as any other. Once a file has its name somebody may take it: whatever fails afterwards, its rows went.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from outcamp.core.calls import Term
from outcamp.core.errors import Permanent
from outcamp.transports.base import (
    BACKOFF,
    COLUMN,
    CONTENT,
    REFERENCE,
    SUBMISSION,
    VALID_UNTIL,
    Capabilities,
    OutcomesFromOutside,
    same_answer,
)
from outcamp.transports.row_by_row import InDoubt

COLUMNS: Final = (REFERENCE, "recipient_id", "endpoint", "channel", "attempt", VALID_UNTIL)
# A spreadsheet runs a cell that begins like this. A number with its sign is one, and a telephone needs the plus.
_FORMULA: Final = r"^[=+\-@\t\r\n＝＋－＠]"
_NUMBER: Final = r"^[+-][0-9]+([.,][0-9]+)?$"
log = logging.getLogger(__name__)


class OutboxTransport(OutcomesFromOutside):
    """Writes each chunk to a file of one campaign's folder; whoever takes the files reports outcomes by their references."""

    capabilities = Capabilities(chunk_size=1000, texts=True, validity=True)

    def __init__(self, folder: Path, campaign: str, form: str = "parquet", call: Mapping[str, Term] | None = None) -> None:
        """Take the folder of all campaigns, the campaign, the format of its files, and what it says about its calls."""
        self._folder = folder / f"campaign={campaign}"
        self._form = form
        self._call = call or {}

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Write the chunk's file, unless it is there already; every row is accepted, or none is, or nobody can tell."""
        name = f"{rows[SUBMISSION][0].as_py()}.{self._form}"
        content = _FORMS[self._form](self._of_dialler(rows))
        try:
            self._write(name, content)
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            problem = f"The outbox {self._folder} cannot be written: {error.strerror}."
            raise Permanent(problem, next_step="Let the workers write there, or name another folder in OUTCAMP_OUTBOX.") from None
        except InDoubt as why:
            log.warning("The outbox %s left a file unknown: %s", self._folder, why)
            return same_answer(rows.num_rows, status="unknown")
        except OSError as error:
            until = now + BACKOFF
            log.warning("The outbox %s takes no more until %s: %s", self._folder, until, error.strerror)
            return same_answer(rows.num_rows, status="throttled", until=until)
        return same_answer(rows.num_rows, status="accepted", message_id=name)

    def _write(self, name: str, content: bytes) -> None:
        """Write a file under its name; an OSError says that nobody can have taken it, InDoubt that somebody may."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path, pending = self._folder / name, self._folder / f".{name}.pending"
        if path.exists():
            if path.read_bytes() != content:
                problem = f"The outbox has {path} already, with other rows in it."
                raise Permanent(problem, next_step="Give each deployment an outbox of its own, and keep the ledger that goes with it.")
            return
        self._sweep(name)
        with pending.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            pending.replace(path)
        except OSError as error:
            if not _is_there(pending):  # over a network, a rename that failed may have been made
                raise InDoubt(error.strerror) from None
            raise
        try:
            self._keep_names()
        except OSError as error:  # a folder that cannot be read, or on a mount that knows no such thing; the file is there all the same
            log.warning("The name of %s may not outlive a power cut: %s", path, error.strerror)

    def _sweep(self, name: str) -> None:
        """Take away what tries of this batch left that were killed: it holds numbers and texts.

        Of another wave, whose name may begin like this one's, nothing: it may be about to be given its name.
        """
        batch = name.rpartition("-")[0].rpartition("-")[0]
        mine = re.compile(rf"\.{re.escape(batch)}-[0-9]+-[0-9]+\.{self._form}\.pending")
        for left in self._folder.glob(".*.pending"):
            if mine.fullmatch(left.name):
                left.unlink(missing_ok=True)

    def _keep_names(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _of_dialler(self, rows: pa.Table) -> pa.Table:
        """Return the columns that the other side is given."""
        given = rows.select([*COLUMNS, *(name for name in rows.column_names if name.startswith((CONTENT, COLUMN)))])
        for name, term in self._call.items():
            given = given.append_column(f"call.{name}", pa.repeat(pa.scalar(term), rows.num_rows))
        return given


def _is_there(path: Path) -> bool:
    """Tell whether a file is certainly there."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def _parquet(table: pa.Table) -> bytes:
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


def _csv(table: pa.Table) -> bytes:
    until = pc.strftime(pc.floor_temporal(table[VALID_UNTIL], unit="second").cast(pa.timestamp("s", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
    columns = {name: until if name == VALID_UNTIL else table[name] for name in table.column_names}
    written = io.BytesIO()
    options = pa.csv.WriteOptions(quoting_style="all_valid")
    pa.csv.write_csv(pa.table({name: _harmless(column) for name, column in columns.items()}), written, options)
    return written.getvalue()


def _harmless(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as text in which no cell is a formula."""
    try:
        text = column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # nested or binary
        text = pa.chunked_array([[None if value is None else str(value) for value in column.to_pylist()]], pa.string())
    is_formula = pc.and_(pc.match_substring_regex(text, _FORMULA), pc.invert(pc.match_substring_regex(text, _NUMBER)))
    return pc.if_else(is_formula, pc.binary_join_element_wise("'", text, ""), text)


_FORMS: Final[Mapping[str, Callable[[pa.Table], bytes]]] = {"parquet": _parquet, "csv": _csv}
