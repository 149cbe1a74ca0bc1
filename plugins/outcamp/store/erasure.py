"""Taking a person out of the ledger's rows and the lake's files; the rows stay, as those of nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from outcamp.core.places import source_of
from outcamp.store.lake import FileRef, Lake
from outcamp.store.ledger import Transaction
from outcamp.store.recipients import PartOfWave, rows_of

# Datasets that only show what the ledger holds, and whose files it does not name.
SHOWN = ("results", "dispositions", "entries")
_COMPRESSION = {"batches": "lz4"}


def campaigns(tx: Transaction) -> list[tuple[int, str]]:
    """Return all campaigns as (id, name)."""
    return tx.run("campaigns-to-erase-from")


def hands_that_hold(tx: Transaction, campaign_id: int, recipient_id: str) -> list[str | None]:
    """Return the waves that have the recipient in hand, and let no other one take them until the transaction ends."""
    return [run for (run,) in tx.run("hands-that-hold", campaign_id=campaign_id, recipient_id=recipient_id)]


def rename(tx: Transaction, campaign_id: int, recipient_id: str, token: str, now: datetime) -> int:
    """Give a campaign's rows of the recipient another name, end what waits, and return how many attempts there were."""
    tx.run("forget-deferred-row", campaign_id=campaign_id, recipient_id=recipient_id)
    tx.run("rename-entries", campaign_id=campaign_id, recipient_id=recipient_id, token=token, now=now)
    attempts: int = tx.one("rename-attempts", campaign_id=campaign_id, recipient_id=recipient_id, token=token)[0]
    past: int = tx.one("rename-past-attempts", campaign_id=campaign_id, recipient_id=recipient_id, token=token)[0]
    return attempts + past


def forget_events(tx: Transaction, recipient_id: str) -> None:
    """Remove what outcomes that matched nothing, and the simulator's books, say of the recipient."""
    tx.run("forget-events", recipient_id=recipient_id)
    tx.run("forget-simulated", recipient_id=recipient_id)


def rename_in_part(
    tx: Transaction, lake: Lake, campaign: str, part: PartOfWave, recipient_id: str, token: str, seen: Callable[[pa.Table], None]
) -> list[FileRef]:
    """Write those files of a part anew that hold the recipient, and name them in the ledger; return them, to be published after the commit.

    ``seen`` is shown the recipient's rows before they go.
    """
    changed = {}
    for ref in part.files:
        mine = rows_of(lake, ref, recipient_id)
        if mine.num_rows:
            seen(mine)
            changed[ref] = _renamed(lake, campaign, part, ref, recipient_id, token)
    if changed:
        files = json.dumps([changed.get(ref, ref).as_dict() for ref in part.files])
        tx.run("name-files", files=files, wave_id=part.wave_id, step=part.step, part=part.part)
    return list(changed.values())


def leave_out(lake: Lake, campaign: str, recipient_id: str) -> int:
    """Write those files anew, without the recipient, that only show what the ledger holds; return how many there were."""
    changed = 0
    for dataset in SHOWN:
        for path in sorted((lake.root / dataset / f"campaign={campaign}").glob("run=*/part-*.parquet"), key=str):
            with source_of(path) as source:
                table = pq.read_table(source, partitioning=None)
            kept = table.filter(pc.not_equal(table["recipient_id"], recipient_id))
            if kept.num_rows < table.num_rows:
                said = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
                facts = {key.removeprefix("outcamp."): value for key, value in said.items() if key.startswith("outcamp.")}
                facts.pop("schema", None)
                lake.replace(dataset, campaign, path.parent.name.removeprefix("run="), int(path.stem.removeprefix("part-")), kept, facts)
                changed += 1
    return changed


def _renamed(lake: Lake, campaign: str, part: PartOfWave, ref: FileRef, recipient_id: str, token: str) -> FileRef:
    """Write a file anew under its pending name: every row is there, in its row group."""
    tables = [_without(lake.read(ref, row_group=group), ref.dataset, recipient_id, token) for group in range(len(ref.row_groups))]
    return lake.prepare(ref.dataset, campaign, part.run, part.part, tables, compression=_COMPRESSION.get(ref.dataset, "zstd"))


def _without(table: pa.Table, dataset: str, recipient_id: str, token: str) -> pa.Table:
    """Return a table in which the recipient's rows say nothing of them: the token, our own columns, and null."""
    theirs = pc.equal(table["recipient_id"], recipient_id)
    for position, field in enumerate(table.schema):
        if field.name == "recipient_id":
            value = pa.scalar(token, field.type)
        elif _says_who(dataset, field.name):
            value = pa.scalar(None, field.type)
        else:
            continue
        table = table.set_column(position, field.with_nullable(True), pc.if_else(theirs, value, table[field.name]))
    return table


def _says_who(dataset: str, column: str) -> bool:
    """Tell whether a column can say who somebody is: all of a segment's, the endpoint, and what the template reads."""
    if dataset == "snapshots":
        return not column.startswith("_outcamp_")
    return dataset == "batches" and (column == "endpoint" or column.startswith("column."))
