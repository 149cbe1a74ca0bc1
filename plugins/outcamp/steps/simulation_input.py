"""What a simulation is given: recipients, history, outcomes and suppressions, checked whole before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.campaign import Campaign
from outcamp.core.dispositions import DISPOSITIONS, Channel
from outcamp.core.errors import DataError, closest
from outcamp.core.segment import EXPIRES_AT, ExternalSegment
from outcamp.frames.emails import email_verdicts
from outcamp.frames.hashing import buckets
from outcamp.frames.phones import phone_verdicts
from outcamp.segments.columns import RECIPIENT_ID, TEXT_COLUMNS, as_id, as_text, has_nul, prepare, refuse_twice, rename
from outcamp.segments.written_rows import known_instants
from outcamp.store import rehearsal
from outcamp.store.datasets import INSTANT
from outcamp.store.ledger import Ledger
from outcamp.store.spill import BUCKETS

_SCRIPT = pa.schema(
    [
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("disposition", pa.string()),
        ("after", pa.float64()),
    ]
)
_HISTORY = pa.schema([("recipient_id", pa.string()), ("campaign", pa.string()), ("contacted_at", INSTANT), ("active", pa.bool_())])
_SUPPRESSIONS = pa.schema([("recipient_id", pa.string()), ("endpoint", pa.string()), ("channel", pa.string())])
_CHANNELS = [str(channel) for channel in Channel]
_YES, _NO = ["true", "t", "yes", "1"], ["false", "f", "no", "0"]
_NAIVE = r"^\s*\d{4}-\d{2}-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?)?\s*$"  # a day, or a time without Z or an offset
_TEN_YEARS = 10 * 365 * 86_400.0


class TableSegment:
    """A segment that is a table in memory, the same at each occurrence or, with a column ``occurrence``, split by it."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @property
    def columns(self) -> list[str]:
        """Return the names of the recipients' columns."""
        return [name for name in self.table.column_names if name != "occurrence"]

    def read(self, occurrence: int) -> Iterator[pa.Table]:
        """Yield the rows of this occurrence."""
        table = self.table
        if "occurrence" in table.column_names:
            table = table.filter(pc.equal(table["occurrence"], occurrence)).drop_columns(["occurrence"])
        yield table

    def excluded(self) -> pa.Array:
        """Nobody is left out: the given recipients are the segment after its exclusions."""
        return pa.array([], pa.string())


def segment_of(recipients: pa.Table, campaign: Campaign) -> TableSegment:
    """Return the given recipients as the campaign's segment."""
    source = "--recipients"
    columns = {} if isinstance(campaign.segment, ExternalSegment) else dict(campaign.segment.columns)
    given = recipients.column_names
    # The rows may bear the names that mean something already.
    names = rename(given, {means: name for means, name in columns.items() if name in given}, source)
    table = prepare(recipients, names, TEXT_COLUMNS | set(campaign.endpoint_columns), source)
    if campaign.is_external and EXPIRES_AT in names:
        table = table.set_column(names.index(EXPIRES_AT), EXPIRES_AT, _cast(table[EXPIRES_AT], INSTANT, EXPIRES_AT, source))
    if "occurrence" in names:
        occurrence = _cast(table["occurrence"], pa.int64(), "occurrence", source)
        _refuse_missing(occurrence, "occurrence", source)
        _refuse_below(occurrence, 0, "occurrence", source)
        table = table.set_column(names.index("occurrence"), "occurrence", occurrence)
    return TableSegment(table)


def script_of(outcomes: pa.Table | None) -> pa.Table:
    """Return the outcomes as the scripted transport takes them; each attempt may be listed once."""
    if outcomes is None:
        return _SCRIPT.empty_table()
    table = _typed(outcomes, _SCRIPT, "--outcomes", optional={"after": 0.0})
    for name in pc.unique(table["channel"]).to_pylist():
        if name not in _CHANNELS:
            raise _unknown("--outcomes", "channel", name, _CHANNELS)
        codes = DISPOSITIONS[Channel(name)]
        for code in pc.unique(table.filter(pc.equal(table["channel"], name))["disposition"]).to_pylist():
            if code not in codes:
                raise _unknown("--outcomes", f"disposition of {name}", code, codes)
    _refuse_below(table["attempt"], 1, "attempt", "--outcomes")
    _refuse_never(table["after"])
    keys = table.group_by(["recipient_id", "attempt", "channel"]).aggregate([([], "count_all")])
    twice = keys.filter(pc.field("count_all") > 1)
    if twice.num_rows:
        row = twice.slice(0, 1).to_pylist()[0]
        raise DataError(
            f"--outcomes: attempt {row['attempt']} of {row['recipient_id']!r} by {row['channel']} is listed {row['count_all']} times",
            next_step="keep one row for each recipient, attempt and channel",
        )
    return table


def history_of(history: pa.Table | None, own: str = "") -> pa.Table:
    """Return earlier communications, typed and checked; those of the campaign itself (``own``) count, whatever they say of it."""
    if history is None:
        return _HISTORY.empty_table()
    table = _typed(history, _HISTORY, "--history", optional={"active": True})
    return table.set_column(3, "active", pc.or_(table["active"], pc.equal(table["campaign"], own)))


def suppressions_of(suppressions: pa.Table | None) -> pa.Table:
    """Return the do-not-contact list as (recipient_id, endpoint, channel); a missing channel means all of them.

    Endpoints are compared with those that the filter found, so they are written in its form.
    """
    source = "--suppressions"
    if suppressions is None:
        return _SUPPRESSIONS.empty_table()
    if not {"recipient_id", "endpoint"} & set(suppressions.column_names):
        raise DataError(f"{source}: neither a column recipient_id nor endpoint", next_step="name whom not to contact by one of them")
    table = _typed(suppressions, _SUPPRESSIONS, source, optional={"recipient_id": None, "endpoint": None, "channel": ""})
    for name in pc.unique(table["channel"]).to_pylist():
        if name and name not in _CHANNELS:
            raise _unknown(source, "channel", name, _CHANNELS)
    of_nobody = pc.and_(pc.equal(pc.fill_null(table["recipient_id"], ""), ""), pc.equal(pc.fill_null(table["endpoint"], ""), ""))
    if pc.any(of_nobody).as_py():
        raise DataError(
            f"{source}: {pc.sum(of_nobody).as_py()} of {table.num_rows} rows have neither a recipient_id nor an endpoint",
            next_step="name whom not to contact by one of them, or leave the rows out",
        )
    return table.set_column(1, "endpoint", _normalised(table["endpoint"].combine_chunks(), source))


def shares_of(table: pa.Table, count: int) -> list[pa.Table]:
    """Return the rows of a table with a column recipient_id in shares, each with a range of the buckets, in order."""
    if count == 1:
        return [table]
    share = pa.array(buckets(table["recipient_id"]).astype(np.int64) * count // BUCKETS)
    return [table.filter(pc.equal(share, number)) for number in range(count)]


def load(ledger: Ledger, history: pa.Table, suppressions: pa.Table, at: datetime) -> None:
    """Write history and suppressions into the throw-away ledger."""
    with ledger.transaction() as tx:
        rehearsal.forget_at_crash(tx)
        rehearsal.load_history(tx, history.append_column("bucket", pa.array(buckets(history["recipient_id"]), pa.int16())), at)
        rehearsal.load_suppressions(tx, suppressions, at)


def _normalised(endpoint: pa.Array, source: str) -> pa.Array:
    """Return endpoints as the filter writes them; one that is neither an address nor an international number would suppress nobody."""
    given = pc.if_else(pc.equal(endpoint, ""), None, endpoint)
    written = email_verdicts(given)
    others = pc.and_(pc.is_valid(given), pc.is_null(written))
    if pc.any(others).as_py():
        numbers = phone_verdicts(given.filter(others))["e164"].combine_chunks()
        if numbers.null_count:
            first = given.filter(others).filter(pc.is_null(numbers))[0].as_py()
            raise DataError(
                f"{source}: the endpoint {first!r} is neither a phone number nor an e-mail address",
                next_step="write numbers with + and their calling code: +12025550143",
            )
        written = pc.replace_with_mask(written, others, numbers)
    return written


def _refuse_never(after: pa.ChunkedArray) -> None:
    """Refuse delays that no instant can be made of; comparing with nan says no."""
    wrong = after.filter(pc.invert(pc.and_(pc.greater_equal(after, 0.0), pc.less_equal(after, _TEN_YEARS))))
    if len(wrong):
        first = wrong[0].as_py()
        what = "negative" if first < 0 else f"{first:g}, which is not within ten years"
        raise DataError(f"--outcomes: after is {what}", next_step="give the seconds from the submission to the outcome")


def _refuse_missing(column: pa.ChunkedArray, name: str, source: str) -> None:
    if column.null_count:
        raise DataError(f"{source}: {name} is missing in {column.null_count} rows", next_step="fill it in, or leave the rows out")


def _refuse_below(column: pa.ChunkedArray, first: int, name: str, source: str) -> None:
    below = pc.sum(pc.less(column, first)).as_py() or 0
    if below:
        problem = f"{source}: {name} is below {first} in {below} of {len(column)} rows"
        raise DataError(problem, next_step=f"count from {first} on, or leave the rows out")


def _refuse_naive(column: pa.ChunkedArray, name: str, source: str) -> None:
    """Refuse times without an offset, written or in Parquet: they could mean anything."""
    if pa.types.is_timestamp(column.type):
        is_naive = column.type.tz is None
    else:
        is_naive = pa.types.is_string(column.type) and pc.any(pc.match_substring_regex(column, _NAIVE)).as_py()
    if is_naive:
        raise DataError(f"{source}: {name} has no offset from UTC", next_step="write instants with an offset: 2026-12-01T09:00:00+00:00")


def _refuse_unknown(moments: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    known = known_instants(moments)
    outside = known.null_count - moments.null_count
    if outside:
        problem = f"{source}: {name} is not in the years 1 to 9999 UTC in {outside} of {len(moments)} rows"
        raise DataError(problem, next_step="correct the column, or leave the rows out")
    return known


def _typed(table: pa.Table, schema: pa.Schema, source: str, optional: dict[str, object]) -> pa.Table:
    refuse_twice(table.column_names, source)
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column = _cast(table[field.name], field.type, field.name, source)
            column = as_id(column, field.name, source) if field.name == RECIPIENT_ID else column
            default = optional.get(field.name)
            column = pc.fill_null(column, pa.scalar(default, field.type)) if default is not None else column
        elif field.name in optional:
            column = pa.chunked_array([pa.repeat(pa.scalar(optional[field.name], field.type), table.num_rows)])
        else:
            raise DataError(
                f"{source}: there is no column {field.name}",
                next_step=f"the columns are {', '.join(table.column_names)}; needed are {', '.join(schema.names)}",
            )
        if field.name not in optional:
            _refuse_missing(column, field.name, source)
        columns.append(column)
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str, source: str) -> pa.ChunkedArray:
    if pa.types.is_string(kind):
        text = as_text(column, name, source)
        if has_nul(text):
            raise DataError(f"{source}: {name} contains a NUL character", next_step="clean it in the source")
        return text
    try:
        if pa.types.is_timestamp(kind):
            _refuse_naive(column, name, source)
            return _refuse_unknown(column.cast(kind), name, source)
        if pa.types.is_boolean(kind) and not pa.types.is_boolean(column.type):
            return _yes_or_no(column.cast(pa.string()), name, source)
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{source}: {name} cannot be read as {kind}: {error}", next_step="correct the column") from error


def _yes_or_no(words: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    """Return words, and the numbers 1 and 0, as what they mean; a missing one stays missing."""
    lowered = pc.utf8_lower(words)
    unknown = words.filter(pc.and_(pc.is_valid(words), pc.invert(pc.is_in(lowered, value_set=pa.array(_YES + _NO)))))
    if len(unknown):
        raise DataError(f"{source}: {name} is {unknown[0].as_py()!r}, which is neither yes nor no", next_step="write true or false")
    return pc.if_else(pc.is_valid(words), pc.is_in(lowered, value_set=pa.array(_YES)), None)


def _unknown(source: str, what: str, value: str, known: list[str] | tuple[str, ...]) -> DataError:
    near = closest(value, known)
    hint = f"did you mean {near!r}? " if near else ""
    return DataError(f"{source}: {value!r} is no {what}", next_step=f"{hint}known are {', '.join(known)}")
