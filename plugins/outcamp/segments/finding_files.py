"""What people found out about attempts in doubt, from a file that they wrote."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.errors import DataError
from outcamp.core.places import Place
from outcamp.segments import written_rows

# Without an attempt or an occurrence, all of the recipient's that are in doubt are meant.
FINDINGS: Final = pa.schema(
    [("recipient_id", pa.string()), ("occurrence", pa.int32()), ("attempt", pa.int16()), ("disposition", pa.string())]
)
_REQUIRED: Final = frozenset({"recipient_id", "disposition"})


def read(path: Place) -> pa.Table:
    """Return what a file says (``FINDINGS``); one with a row that cannot be read is refused whole."""
    names = written_rows.column_names(path)
    missing = [] if names is None else sorted(_REQUIRED - set(names))
    if missing:
        next_step = "write the columns recipient_id, attempt and disposition"
        raise DataError(f"{path}: the column {missing[0]} is missing", next_step=next_step)
    nothing = pa.table({name: pa.array([], pa.string()) for name in FINDINGS.names})
    written = pa.concat_tables([nothing, *written_rows.stream(path, FINDINGS.names)]).combine_chunks()
    return pa.table([_column(written[field.name], field, path) for field in FINDINGS], schema=FINDINGS)


def _column(said: pa.ChunkedArray, field: pa.Field, path: Place) -> pa.ChunkedArray:
    read = said if pa.types.is_string(field.type) else written_rows.whole_numbers(said, field.type)
    wrong = pc.and_(pc.is_null(read), pc.or_(pc.is_valid(said), field.name in _REQUIRED))
    row = pc.index(wrong, value=True).as_py()
    if row >= 0:
        word = said[row].as_py()
        problem = "is missing" if word is None else f"is {word!r}, which is no whole number"
        raise DataError(f"{path}: row {row + 1}: {field.name} {problem}", next_step="correct the row; nothing was taken from the file")
    return read
