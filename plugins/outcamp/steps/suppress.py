"""suppress: who must not be contacted, by recipient or by endpoint. It acts at once: the filter looks, and every send looks again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import Channel
from outcamp.core.errors import DataError, UsageError, closest
from outcamp.frames.written_endpoints import written_endpoints
from outcamp.segments.columns import as_text, refuse_twice
from outcamp.store import suppressions
from outcamp.store.ledger import Ledger
from outcamp.store.suppressions import LINES

COLUMNS = ("recipient_id", "endpoint", "country", "channel", "reason")
_CHANNELS = [str(channel) for channel in Channel]
_SHOWN = 20  # bad rows that are named one by one
_BLOCK = 500_000  # lines of one transaction

# Why a row cannot be taken.
_NOBODY = "neither a recipient_id nor an endpoint"
_NO_ENDPOINT = "the endpoint is neither a phone number nor an e-mail address"
_NO_CHANNEL = f"the channel is none of {', '.join(_CHANNELS)}"
_NUL = "a NUL character"


@dataclass(frozen=True)
class Who:
    """Somebody on the list: a recipient by id, or an endpoint as the filter writes it."""

    kind: str
    value: str

    @classmethod
    def of(cls, recipient: str | None, endpoint: str | None, country: str | None = None) -> Who:
        """Return who is meant; an empty id, and an endpoint that is neither a number nor an address, would suppress nobody: refused."""
        if recipient is not None:
            if not recipient.strip():
                raise UsageError("The recipient_id is empty.", next_step="Write the id as the segment has it.")
            return cls("recipient", recipient.strip())
        written = written_endpoints(pa.array([endpoint], pa.string()), pa.array([country], pa.string()))[0].as_py()
        if written is None:
            raise UsageError(
                f"The endpoint {endpoint!r} is neither a phone number nor an e-mail address.",
                next_step="Write a number with + and its calling code (+12025550143), or give --country.",
            )
        return cls("endpoint", written)


def check_channel(channel: str | None) -> str | None:
    """Return the channel, or refuse one that there is not."""
    if channel and channel not in _CHANNELS:
        near = closest(channel, _CHANNELS)
        raise UsageError(
            f"There is no channel {channel!r}.", next_step=f"{f'Did you mean {near!r}? ' if near else ''}Known are {', '.join(_CHANNELS)}."
        )
    return channel


def add(ledger: Ledger, who: Who, channel: str | None, reason: str, now: datetime) -> bool:
    """Put somebody on the list, for one channel or all, and tell whether that was new."""
    line = {"kind": who.kind, "value": who.value, "channel": check_channel(channel) or "", "reason": reason}
    with ledger.transaction() as tx:
        return suppressions.add(tx, pa.Table.from_pylist([line], schema=LINES), now) > 0


def remove(ledger: Ledger, who: Who, channel: str | None) -> int:
    """Take somebody off the list, for one channel or (None) altogether, and return how many lines that were."""
    with ledger.transaction() as tx:
        return suppressions.remove(tx, who.kind, who.value, check_channel(channel))


@dataclass
class Imported:
    """What an import found. ``bad``: why rows were not taken, and how many; ``first``: the first of them as (row, why)."""

    rows: int = 0
    added: int = 0
    known: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    first: list[tuple[int, str]] = field(default_factory=list)


def import_list(
    ledger: Ledger,
    source: str,
    read: Callable[[], Iterable[pa.RecordBatch]],
    reason: str,
    clock: Callable[[], datetime],
    progress: Callable[[int], None] = lambda _: None,
    *,
    skip_bad: bool = False,
) -> Imported:
    """Put a file's rows on the list; a file with a bad row is refused whole, unless those are to be skipped.

    It is read twice: what cannot be taken is known before anything is written. Lines are then written block by block, a transaction
    each, and a line that is there already stays as it is: an import that was killed is simply run again.

    Args:
        ledger: The books.
        source: How errors name the file.
        read: Yields the file's rows from the beginning.
        reason: For rows that give none.
        clock: The ledger's clock.
        progress: Told how many rows have been checked, and then how many lines have been written.
        skip_bad: Leave bad rows out instead of refusing the file.
    """
    found = Imported()
    for block in read():
        _check(_known(block, source), found)
        progress(block.num_rows)
    if found.bad and not skip_bad:
        raise DataError(
            f"{source}: nothing was imported\n{bad_rows(found)}", next_step="Correct these rows, or leave them out: --skip-bad."
        )
    for lines in _in_blocks(_lines(_good(_known(block, source)), reason) for block in read()):
        with ledger.transaction() as tx:
            added = suppressions.add(tx, lines, clock())
        found.added, found.known = found.added + added, found.known + lines.num_rows - added
        progress(lines.num_rows)
    return found


def bad_rows(found: Imported) -> str:
    """Return the bad rows for people: each reason with its count, and the first rows by number; the first row of data is row 1."""
    lines = [f"  {count:,} {'row' if count == 1 else 'rows'}: {why}" for why, count in found.bad.most_common()]
    lines += [f"  row {number:,}: {why}" for number, why in found.first]
    more = found.bad.total() - len(found.first)
    return "\n".join([*lines, *([f"  and {more:,} more"] if more else [])])


def _known(block: pa.RecordBatch, source: str) -> pa.Table:
    """Return the columns that mean something as text; empty is missing. ``given`` keeps the endpoint as it stands in the file."""
    names = block.schema.names
    refuse_twice(names, source)
    if not {"recipient_id", "endpoint"} & set(names):
        near = next((closest(name, ["recipient_id", "endpoint"]) for name in names if closest(name, ["recipient_id", "endpoint"])), None)
        hint = f"did you mean {near!r}? " if near else ""
        raise DataError(
            f"{source}: neither a column recipient_id nor endpoint",
            next_step=f"{hint}the columns are {', '.join(names)}; known are {', '.join(COLUMNS)}",
        )
    columns = {}
    for name in COLUMNS:
        text = as_text(block[name], name, source) if name in names else pa.nulls(block.num_rows, pa.string())
        trimmed = pc.utf8_trim_whitespace(text)
        columns[name] = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    return pa.table(columns | {"given": columns["endpoint"], "endpoint": written_endpoints(columns["endpoint"], columns["country"])})


def _why_bad(rows: pa.Table) -> pa.ChunkedArray:
    """Return why each row cannot be taken; null where it can."""
    nul = [pc.fill_null(pc.match_substring(rows[name], "\0"), fill_value=False) for name in ("recipient_id", "reason")]
    known_channel = pc.is_in(rows["channel"], value_set=pa.array(_CHANNELS))
    return pc.case_when(
        pc.make_struct(
            pc.and_(pc.is_null(rows["recipient_id"]), pc.is_null(rows["given"])),
            pc.and_(pc.is_valid(rows["given"]), pc.is_null(rows["endpoint"])),
            pc.and_(pc.is_valid(rows["channel"]), pc.invert(known_channel)),
            pc.or_(*nul),
        ),
        _NOBODY,
        _NO_ENDPOINT,
        _NO_CHANNEL,
        _NUL,
    )


def _good(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.is_null(_why_bad(rows)))


def _check(rows: pa.Table, found: Imported) -> None:
    """Note the bad rows of a block."""
    why = _why_bad(rows)
    for reason, count in zip(*pc.value_counts(why.drop_null()).flatten(), strict=True):
        found.bad[reason.as_py()] += count.as_py()
    for position in _first_valid(why, _SHOWN - len(found.first)):
        found.first.append((found.rows + position + 1, why[position].as_py()))
    found.rows += rows.num_rows


def _first_valid(column: pa.ChunkedArray, most: int) -> Iterator[int]:
    positions = pc.indices_nonzero(pc.is_valid(column))
    yield from positions.slice(0, max(most, 0)).to_pylist()


def _lines(rows: pa.Table, reason: str) -> pa.Table:
    """Return good rows as lines of the list: a row that names both a recipient and an endpoint is two."""
    channel, why = pc.fill_null(rows["channel"], ""), pc.fill_null(rows["reason"], reason)
    kinds = []
    for kind, name in (("recipient", "recipient_id"), ("endpoint", "endpoint")):
        lines = pa.table([pa.repeat(pa.scalar(kind), rows.num_rows), rows[name], channel, why], schema=LINES)
        kinds.append(lines.filter(pc.is_valid(lines["value"])))
    return pa.concat_tables(kinds)


def _in_blocks(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables to blocks of some size."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(one.num_rows for one in held) >= _BLOCK:
            yield pa.concat_tables(held)
            held = []
    if any(one.num_rows for one in held):
        yield pa.concat_tables(held)
