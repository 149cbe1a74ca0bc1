"""Outcomes in files that relays and providers write, as columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import OPTED_OUT, SUPPRESSES
from outcamp.core.errors import DataError
from outcamp.core.opt_outs import is_opt_out
from outcamp.core.places import Place
from outcamp.core.references import REFERENCE
from outcamp.segments import written_rows
from outcamp.segments.provider_records import record_files
from outcamp.segments.written_rows import INSTANT

# An outcome names its attempt by its parts, by our reference, or by the Message-ID of our e-mail; occurrence and channel may be left out.
# What suppresses by itself may name the endpoint alone.
EVENTS: Final = pa.schema(
    [
        ("campaign", pa.string()),
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("disposition", pa.string()),
        ("disposed_at", INSTANT),
        ("endpoint", pa.string()),
    ]
)
# Of a row that cannot be read: why, and all that it says, as JSON. Null of all others.
UNREADABLE: Final = pa.schema([("unreadable", pa.string()), ("written", pa.string())])
_ALL: Final = pa.schema([*EVENTS, *UNREADABLE])
NAMES: Final = (*EVENTS.names, "reference", "message_id", "reply")
_PARTS: Final = ("campaign", "occurrence", "attempt", "recipient_id")
_SUPPRESSING: Final = pa.array(sorted(SUPPRESSES))
_LEFT_OUT: Final = frozenset({"occurrence", "channel", "endpoint"})


def stream(path: Place) -> Iterator[pa.Table]:
    """Yield the outcomes of a file (``EVENTS`` and ``UNREADABLE``); a file that is damaged raises DataError.

    A damaged file may yield rows before it raises: check it before taking any of it in.
    """
    return map(_events, _written(path))


def check(path: Place) -> None:
    """Read a file to its end, and raise DataError if it is damaged: one that was cut short shows it there."""
    for _ in _written(path):
        pass


def _written(path: Place) -> Iterator[pa.Table]:
    if record_files.is_record_file(path):
        return record_files.stream(path, NAMES)
    names = written_rows.column_names(path)
    if names is not None:
        _check_columns(names, path)
    return written_rows.stream(path, NAMES)


def _check_columns(names: list[str], path: Place) -> None:
    if not {"reference", "message_id", "endpoint"} & set(names) and not {"campaign", "recipient_id", "attempt"} <= set(names):
        problem = f"{path}: an outcome names its attempt, and the columns are {', '.join(names)}"
        raise DataError(problem, next_step="give it the column reference, or campaign, recipient_id and attempt")
    for name, others in (("disposition", {"reply"}), ("disposed_at", set())):
        if not {name, *others} & set(names):
            raise DataError(f"{path}: the column {name} is missing", next_step=f"add {name} to every row")


def _events(written: pa.Table) -> pa.Table:
    text = {name: written[name] for name in NAMES}
    named, mailed = _of_reference(text["reference"]), _of_reference(_of_message_id(text["message_id"]))
    text |= {name: pc.coalesce(named[name], text[name], mailed[name]) for name in _PARTS}
    text["disposition"] = pc.if_else(_opts_out(text["reply"]), OPTED_OUT, text["disposition"])
    by_endpoint = pc.and_(pc.is_valid(text["endpoint"]), pc.is_in(text["disposition"], value_set=_SUPPRESSING))
    columns = {}
    problems = [_unlike("reference", text["reference"], named["campaign"])]
    for field in EVENTS:
        said = text[field.name]
        columns[field.name] = _read(said, field.type)
        problems.append(_unlike(field.name, said, columns[field.name]))
    nameless = pc.and_(pc.is_null(text["recipient_id"]), pc.is_valid(text["message_id"]))
    problems.append(pc.if_else(nameless, pc.binary_join_element_wise("message_id", text["message_id"], "="), None))
    for name in (name for name in EVENTS.names if name not in _LEFT_OUT):
        is_missing = pc.is_null(text[name])
        problems.append(pc.if_else(pc.and_not(is_missing, by_endpoint) if name in _PARTS else is_missing, f"{name} is missing", None))
    unreadable = pc.coalesce(*problems)
    return pa.table([*(columns[name] for name in EVENTS.names), unreadable, _as_json(written, unreadable)], schema=_ALL)


def _unlike(name: str, said: pa.ChunkedArray, read: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return what a column says where nothing could be made of it."""
    return pc.if_else(pc.and_(pc.is_valid(said), pc.is_null(read)), pc.binary_join_element_wise(name, said, "="), None)


def _of_reference(reference: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """Return what references say (see core/references.py); null where there is none or it has another form."""
    found = pc.extract_regex(reference, REFERENCE)
    return {name: pc.struct_field(found, name) for name in _PARTS}


def _of_message_id(message_id: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the references in Message-IDs of our e-mails, whose local part is one; others are no references."""
    local = pc.struct_field(pc.extract_regex(message_id, r"^<?(?P<local>[^@]+)@[^@]+$"), "local").combine_chunks()
    is_quoted = pc.fill_null(pc.match_substring(local, "%"), fill_value=False)
    plain = [unquote(text).replace("\0", "\N{REPLACEMENT CHARACTER}") for text in local.filter(is_quoted).to_pylist()]
    return pa.chunked_array([pc.replace_with_mask(local, is_quoted, pa.array(plain, pa.string()))])


def _opts_out(reply: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell which replies ask for no more messages."""
    words = [text for text in reply.unique().drop_null().to_pylist() if is_opt_out(text)]
    return pc.is_in(reply, value_set=pa.array(words, pa.string()))


def _read(said: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_string(kind):
        return said
    return written_rows.instants(said) if pa.types.is_timestamp(kind) else written_rows.whole_numbers(said, kind)


def _as_json(written: pa.Table, unreadable: pa.ChunkedArray) -> pa.Array:
    """Return what the rows that cannot be read say, so that nothing of them is lost; null of all others."""
    is_bad = pc.is_valid(unreadable)
    rows = written.filter(is_bad).to_pylist()
    texts = [json.dumps({name: said for name, said in row.items() if said is not None}, ensure_ascii=False) for row in rows]
    return pc.replace_with_mask(pa.nulls(written.num_rows, pa.string()), is_bad.combine_chunks(), pa.array(texts, pa.string()))
