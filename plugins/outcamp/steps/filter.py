"""filter: give each candidate of one part of a wave its verdict, once for ever.

Everything happens under the campaign's bucket locks and in one transaction: read the books, decide, write the files,
change the books. A part whose row stands is decided; a repeated call only finishes the renames.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.segment import EXPIRES_AT
from outcamp.frames.endpoints import endpoint_columns, phone_columns
from outcamp.frames.filter import Decisions, Moment, Rows, decide
from outcamp.steps.engine import MAX_BATCHES, Engine
from outcamp.steps.snapshot import BUCKET, RECIPIENT
from outcamp.store import admission, claims, reviews, waves
from outcamp.store.datasets import BATCH_KEYS, CLAIMED, VERDICTS
from outcamp.store.lake import FileRef
from outcamp.store.ledger import Transaction
from outcamp.store.waves import OccurrenceRow, PartRow, WaveRow

TEMPLATE_PREFIX = "column."
# Columns that the rules read, beside the endpoints'.
_RULE_COLUMNS = ("country", "region", "city", "postal_code", "time_zone")


def filter_part(engine: Engine, run: str, number: int, now: datetime) -> PartRow | None:
    """Decide one part of a wave and return its row, which holds the funnel.

    None when the wave has no such part, or its occurrence is overtaken, or was rejected because the campaign had expired.
    """
    with engine.ledger.transaction() as tx:
        campaign = engine.register(tx)
        wave = waves.find_wave(tx, campaign.campaign_id, run)
        if wave is None:
            return None
        snapshot = {part.part: part for part in waves.parts(tx, wave.wave_id, "snapshot")}
        part = snapshot.get(number)
        if part is None:
            return None
        admission.lock_buckets(tx, campaign.campaign_id, list(range(part.first_bucket, part.last_bucket + 1)))
        decided = _decided(tx, wave, number)
        mine: tuple[FileRef, ...] = ()
        if decided is None and (engine.overtaken(wave.scheduled_at, now) or _is_rejected(engine, tx, wave)):
            return None
        if decided is None:
            decided = _decide(engine, tx, wave, part, sum(row.rows for row in snapshot.values()), len(snapshot), now)
            mine = decided.files
            waves.add_part(tx, wave.wave_id, "filter", decided, now)
            decided = replace(decided, anew=True)
    engine.lake.settle(mine, decided.files)
    return decided


def _decided(tx: Transaction, wave: WaveRow, number: int) -> PartRow | None:
    return next((row for row in waves.parts(tx, wave.wave_id, "filter") if row.part == number), None)


def _is_rejected(engine: Engine, tx: Transaction, wave: WaveRow) -> bool:
    """Tell whether nobody enters this wave's occurrence any more, and keep it so until the transaction ends."""
    return engine.campaign.review and wave.occurrence_id is not None and reviews.hold_review(tx, wave.occurrence_id) == reviews.REJECTED


def _decide(engine: Engine, tx: Transaction, wave: WaveRow, part: PartRow, wave_rows: int, wave_parts: int, now: datetime) -> PartRow:
    candidates = _candidates(engine, tx, wave, part)
    moment = Moment(now=now, entered_at=wave.due_at, expires_at=engine.expires_at)
    asks = _Ledger(engine, tx, wave, candidates, now)
    decided = decide(candidates, engine.campaign, moment, engine.open_times, asks.standing, asks.free_at)
    occurrences = waves.occurrences(tx, wave.campaign_id)
    batches = _batches(engine, _sends(candidates, decided, occurrences), ceil(wave_rows / (MAX_BATCHES - wave_parts * 4)))
    verdicts = _verdicts(candidates, decided, occurrences, now)
    name = engine.campaign.name
    files = [engine.lake.prepare("verdicts", name, wave.run, part.part, [verdicts])]
    if batches:
        files.append(engine.lake.prepare("batches", name, wave.run, part.part, batches, compression="lz4"))
    changes = candidates.select([*CLAIMED.names]).append_column("verdict", verdicts["verdict"]).append_column("reason", verdicts["reason"])
    admission.apply_verdicts(
        tx,
        wave.campaign_id,
        wave.wave_id,
        changes.append_column("due_at", verdicts["due_at"]),
        wave.due_at,
        now,
        defers=engine.campaign.while_active == "defer",
    )
    return PartRow(part.part, part.first_bucket, part.last_bucket, candidates.num_rows, tuple(files), decided.funnel())


def _candidates(engine: Engine, tx: Transaction, wave: WaveRow, part: PartRow) -> pa.Table:
    """Return a part's candidates (the columns of ``CLAIMED``) with the segment's columns that are read, sorted by bucket and id."""
    if wave.occurrence_id is not None:
        rows = _segment_columns(engine, part.files[0])
        count = rows.num_rows
        same = {
            "occurrence_id": wave.occurrence_id,
            "attempt": 1,
            "part": part.part,
            "channel": str(engine.campaign.channel),
            "is_new": True,
        }
        fixed = {name: pa.repeat(pa.scalar(value, CLAIMED.field(name).type), count) for name, value in same.items()}
        own = {"bucket": rows[BUCKET], RECIPIENT: rows[RECIPIENT], **fixed}
        segment = rows.drop_columns([BUCKET, RECIPIENT])
        return pa.table({name: own[name] for name in CLAIMED.names} | {name: segment[name] for name in segment.column_names})
    claimed = claims.claimed(tx, wave.campaign_id, wave.wave_id, engine.campaign.channel, part.first_bucket, part.last_bucket)
    return _with_origin_columns(engine, tx, wave.campaign_id, claimed).sort_by([("bucket", "ascending"), (RECIPIENT, "ascending")])


def _with_origin_columns(engine: Engine, tx: Transaction, campaign_id: int, claimed: pa.Table) -> pa.Table:
    """Join due rows with the columns of the snapshot parts that they came from."""
    occurrences = waves.occurrences(tx, campaign_id)
    origins = claimed.group_by(["occurrence_id", "part"]).aggregate([]).to_pylist()
    tables = []
    for origin in sorted(origins, key=lambda row: (row["occurrence_id"], row["part"])):
        of_occurrence = pc.equal(claimed["occurrence_id"], origin["occurrence_id"])
        mine = claimed.filter(pc.and_(of_occurrence, pc.equal(claimed["part"], origin["part"])))
        wave = waves.existing_wave(tx, campaign_id, occurrences[origin["occurrence_id"]].run)
        (file,) = next(part.files for part in waves.parts(tx, wave.wave_id, "snapshot") if part.part == origin["part"])
        segment = _segment_columns(engine, file)
        found = segment.take(pc.index_in(mine[RECIPIENT], value_set=segment[RECIPIENT]).combine_chunks()).drop_columns([BUCKET, RECIPIENT])
        tables.append(pa.table({name: mine[name] for name in CLAIMED.names} | {name: found[name] for name in found.column_names}))
    return pa.concat_tables(tables, promote_options="permissive") if tables else claimed


def _segment_columns(engine: Engine, file: FileRef) -> pa.Table:
    """Return the columns that the rules read, and those that templates read under a prefix, so that no name meets one of ours."""
    wanted = {RECIPIENT, BUCKET, *_RULE_COLUMNS, *phone_columns(engine.campaign)}
    for channel in engine.campaign.channels_used:
        wanted.update(endpoint_columns(engine.campaign, channel))
    if engine.campaign.is_external:
        wanted.add(EXPIRES_AT)
    table = engine.lake.read(file, wanted=wanted | engine.read_columns)
    rules = table.select([name for name in table.column_names if name in wanted])
    for name in sorted(engine.read_columns & set(table.column_names)):
        rules = rules.append_column(TEMPLATE_PREFIX + name, table[name])
    return rules


class _Ledger:
    """The questions that the filter asks the ledger, in its own transaction."""

    def __init__(self, engine: Engine, tx: Transaction, wave: WaveRow, candidates: pa.Table, now: datetime) -> None:
        self._engine, self._tx, self._wave, self._candidates, self._now = engine, tx, wave, candidates, now

    def standing(self, rows: Rows, endpoint: pa.Array) -> pa.Table:
        """Answer for these candidates whether they are open, suppressed, and how often they entered; in their order."""
        limited = self._engine.campaign.entry_limits is not None
        asked = self._candidates.select([RECIPIENT, "is_new", "channel"]).take(pa.array(rows)).append_column("endpoint", endpoint)
        return admission.standing(self._tx, self._wave.campaign_id, asked, entry_limits=limited)

    def free_at(self, rows: Rows) -> tuple[Rows, pa.Array]:
        """Answer which of these candidates are over a limit, and when it frees."""
        engine = self._engine
        if not len(rows) or not (engine.limits or engine.limits_in_total):
            return np.empty(0, np.int64), pa.array([], VERDICTS.field("due_at").type)
        asked = self._candidates.select([RECIPIENT, "bucket"]).take(pa.array(rows))
        over, frees = admission.over_limits(
            self._tx,
            self._wave.campaign_id,
            asked,
            engine.limits,
            engine.limits_in_total,
            self._now,
            all_campaigns=engine.campaign.counts == "all_campaigns",
        )
        return rows[np.array(over, np.int64)], pa.array(frees, VERDICTS.field("due_at").type)


def _verdicts(candidates: pa.Table, decided: Decisions, occurrences: dict[int, OccurrenceRow], now: datetime) -> pa.Table:
    """Return the part's rows of the dataset ``verdicts``."""
    columns = {
        "wave_at": pa.repeat(pa.scalar(now, VERDICTS.field("wave_at").type), candidates.num_rows),
        "occurrence": _occurrence_numbers(candidates["occurrence_id"], occurrences),
        **decided.columns(),
    }
    return pa.table([columns[name] if name in columns else candidates[name] for name in VERDICTS.names], schema=VERDICTS)


def _occurrence_numbers(occurrence_id: pa.ChunkedArray, occurrences: dict[int, OccurrenceRow]) -> pa.ChunkedArray:
    ids = pa.array(list(occurrences), pa.int64())
    numbers = pa.array([row.number for row in occurrences.values()], pa.int32())
    return numbers.take(pc.index_in(occurrence_id, value_set=ids).combine_chunks())


def _sends(candidates: pa.Table, decided: Decisions, occurrences: dict[int, OccurrenceRow]) -> pa.Table:
    """Return everybody that is sent to: the keys of their attempts, where they go, and the columns that their template reads."""
    rows = pa.array(decided.sends())
    beyond = [name for name in candidates.column_names if name == EXPIRES_AT or name.startswith(TEMPLATE_PREFIX)]
    chosen = candidates.select([name for name in candidates.column_names if name in BATCH_KEYS.names or name in beyond]).take(rows)
    computed = {
        "occurrence": _occurrence_numbers(chosen["occurrence_id"], occurrences),
        "endpoint": decided.endpoint.take(rows),
        "zones": decided.zones.take(rows).cast(pa.string()),
    }
    keys = {name: computed[name] if name in computed else chosen[name] for name in BATCH_KEYS.names}
    return pa.table(keys | {name: chosen[name] for name in beyond})


def _batches(engine: Engine, sends: pa.Table, least_rows: int) -> list[pa.Table]:
    """Return the part's batches, each of one channel."""
    batches: list[pa.Table] = []
    for channel in engine.campaign.channels_used:
        mine = sends.filter(pc.equal(sends["channel"], channel))
        size = max(engine.campaign.channels[channel].batch_size, least_rows)
        batches += [mine.slice(start, size) for start in range(0, mine.num_rows, size)]
    return batches
