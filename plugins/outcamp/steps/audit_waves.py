"""The audit of one wave: its files, its sums, and what became of every verdict. One part is held in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import Channel
from outcamp.core.manifest import Manifest
from outcamp.core.reasons import closed_in_words
from outcamp.core.schedule import next_occurrence
from outcamp.core.zones import split_zones
from outcamp.store import audits, waves
from outcamp.store.audits import MOST, Audited, AuditedWave, Hits
from outcamp.store.lake import Lake
from outcamp.store.ledger import Transaction
from outcamp.store.waves import PartRow

KEYS = ("occurrence", "recipient_id", "attempt")
_VERDICTS = [*KEYS, "channel", "verdict", "reason"]
_BATCHES = [*KEYS, "channel", "endpoint", "zones"]
_RESULTS = [*KEYS, "became", "sent_at"]
# Of two rows with one id the second one is a duplicate; at the expiry, both are expired.
_TWICE_IN_SEGMENT = pa.array(["duplicate", "expired"])
Faults = Iterator[tuple[str, Hits]]


def wave_faults(tx: Transaction, lake: Lake, one: Audited, wave: AuditedWave, manifest: Manifest | None, grace: timedelta) -> Faults:
    """Yield the checks that a wave does not pass, with the rows that break them."""
    snapshot = {part.part: part for part in waves.parts(tx, wave.wave_id, "snapshot")}
    decided = {part.part: part for part in waves.parts(tx, wave.wave_id, "filter")}
    faults = [audits.file_fault(lake, ref) for part in (*snapshot.values(), *decided.values()) for ref in part.files]
    yield "files", Hits.of([fault for fault in faults if fault is not None])
    yield "accounts", Hits.of(list(_account_faults(wave, snapshot, decided, manifest)))
    for part in decided.values():
        yield from _PartAudit(tx, lake, one, wave, part, manifest, grace).faults(snapshot.get(part.part))


def _account_faults(
    wave: AuditedWave, snapshot: dict[int, PartRow], decided: dict[int, PartRow], manifest: Manifest | None
) -> Iterator[str]:
    """Yield where the numbers of candidates and verdicts differ, by the ledger's rows."""
    # Who has no verdict when the successor is due is in the successor's segment; nobody is lost.
    if wave.fanned_out_at is not None and not _overtaken(wave, manifest):
        yield from (f"wave {wave.run}, part {number}: nobody of it was decided" for number in snapshot.keys() - decided.keys())
    for number, part in decided.items():
        asked = snapshot[number].rows if number in snapshot else 0
        # Of due rows a newer occurrence may have replaced a deferred one that was claimed.
        if part.rows > asked or (wave.of_segment and part.rows != asked):
            yield f"wave {wave.run}, part {number}: {asked:,} candidates, {part.rows:,} verdicts"


def _overtaken(wave: AuditedWave, manifest: Manifest | None) -> bool:
    if wave.scheduled_at is None or wave.fanned_out_at is None or manifest is None:
        return False
    successor = next_occurrence(manifest.campaign.schedule, manifest.published_at, wave.scheduled_at)
    return successor is not None and successor <= wave.fanned_out_at


class _PartAudit:
    """The files of one decided part, held against each other and against the ledger."""

    def __init__(
        self, tx: Transaction, lake: Lake, one: Audited, wave: AuditedWave, part: PartRow, manifest: Manifest | None, grace: timedelta
    ) -> None:
        self._tx, self._lake, self._one, self._wave, self._part = tx, lake, one, wave, part
        self._time = manifest.campaign.communication_time if manifest is not None else None
        self._grace = grace
        self._where = f"wave {wave.run}, part {part.part}"

    def faults(self, snapshot: PartRow | None) -> Faults:
        """Yield the checks that this part does not pass."""
        verdicts = self._read("verdicts", _VERDICTS)
        if verdicts is None:
            return
        yield "accounts", Hits.of(list(self._funnel_faults(verdicts)))
        yield "verdicts", self._repeated(verdicts)
        if self._wave.of_segment and snapshot is not None and snapshot.files:
            asked = audits.read_columns(self._lake, snapshot.files[0].path, ["recipient_id"])
            if asked is not None:
                yield "verdicts", self._other_people(asked["recipient_id"], verdicts["recipient_id"])
        sends = verdicts.filter(pc.equal(verdicts["verdict"], "send"))
        fates = audits.fates(self._tx, self._one.campaign_id, self._wave.wave_id, sends)
        yield "fates", self._named(sends.filter(pc.is_null(fates["state"])), "no such attempt")
        yield from self._sent_faults(sends, fates)

    def _sent_faults(self, sends: pa.Table, fates: pa.Table) -> Faults:
        """Yield what is wrong with the batches of the send verdicts, and with what was submitted of them."""
        if not sends.num_rows:
            return
        keys = _joined(sends)
        batches = self._read("batches", _BATCHES)
        if batches is not None:
            batched = _joined(batches)
            yield "fates", self._named(sends.filter(pc.invert(pc.is_in(keys, value_set=batched))), "in no batch")
            yield "fates", self._named(batches.filter(pc.invert(pc.is_in(batched, value_set=keys))), "in a batch, and not to be sent")
            went = _with_fates(batches, batched, keys, fates)
            went = went.filter(pc.and_(pc.fill_null(went["own"], fill_value=False), pc.is_valid(went["submitted_at"])))
            yield "windows", self._closed(went)
            if went.num_rows:
                named = {name: went[name] for name in (*KEYS, "channel", "endpoint", "submitted_at")}
                yield "suppressed", audits.check(self._tx, "audit-suppressed-endpoints", grace=self._grace, **named)
        path = f"results/campaign={self._one.name}/run={self._wave.run}/part-{self._part.part:05d}.parquet"
        results = audits.read_columns(self._lake, path, _RESULTS)
        if results is not None:
            said = results.filter(pc.equal(results["became"], "submitted"))
            known = _with_fates(said, _joined(said), keys, fates)
            other = pc.or_(pc.invert(pc.fill_null(known["own"], fill_value=False)), pc.not_equal(known["sent_at"], known["submitted_at"]))
            again = known.filter(pc.and_(pc.is_valid(known["submitted_at"]), other))
            yield "twice", self._named(again, "submitted by this wave as its results say, and once more as the ledger says")

    def _funnel_faults(self, verdicts: pa.Table) -> Iterator[str]:
        counted = verdicts.group_by(["verdict", "reason"]).aggregate([([], "count_all")]).to_pylist()
        found = {(row["verdict"], row["reason"] or ""): row["count_all"] for row in counted}
        said = {(verdict, reason): rows for verdict, reason, rows in self._part.funnel}
        for line in sorted(found.keys() | said.keys()):
            if found.get(line, 0) != said.get(line, 0):
                yield f"{self._where}: {' '.join(line).strip()}: {said.get(line, 0):,} in the ledger, {found.get(line, 0):,} in the file"

    def _repeated(self, verdicts: pa.Table) -> Hits:
        decisive = pc.invert(pc.fill_null(pc.is_in(verdicts["reason"], value_set=_TWICE_IN_SEGMENT), fill_value=False))
        counted = verdicts.filter(decisive).group_by(list(KEYS)).aggregate([([], "count_all")])
        return self._named(counted.filter(pc.greater(counted["count_all"], 1)), "several verdicts")

    def _other_people(self, asked: pa.ChunkedArray, decided: pa.ChunkedArray) -> Hits:
        """Return who was read from the segment and not decided, or the other way round, or not as often."""
        if pc.take(asked, pc.sort_indices(asked)).equals(pc.take(decided, pc.sort_indices(decided))):
            return Hits(0, ())
        lost = asked.filter(pc.invert(pc.is_in(asked, value_set=decided))).unique()
        strange = decided.filter(pc.invert(pc.is_in(decided, value_set=asked))).unique()
        lines = [f"{self._where}: recipient {who} was read and has no verdict" for who in lost.slice(0, MOST).to_pylist()]
        lines += [f"{self._where}: recipient {who} has a verdict and was not read" for who in strange.slice(0, MOST).to_pylist()]
        count = len(lost) + len(strange)
        return Hits(count, tuple(lines[:MOST])) if count else Hits.of([f"{self._where}: somebody has more or fewer verdicts than rows"])

    def _closed(self, went: pa.Table) -> Hits:
        """Return what went while a clock of the recipient said closed; each instant is asked once for each set of zones."""
        if self._time is None or not self._time.active:
            return Hits(0, ())
        moments = went.group_by(["channel", "zones", "submitted_at"]).aggregate([([], "count_all")]).to_pylist()
        found = Hits(0, ())
        for moment in moments:
            zones = split_zones(moment["zones"]) if moment["zones"] is not None else ()
            channel = Channel(moment["channel"])
            why = closed_in_words(self._time, channel, moment["submitted_at"], zones) if zones else "no time zone is known"
            if why:
                same = pc.and_(pc.equal(went["channel"], channel.value), pc.equal(went["submitted_at"], moment["submitted_at"]))
                same_zones = pc.equal(went["zones"], moment["zones"]) if zones else pc.is_null(went["zones"])
                found = found + self._named(went.filter(pc.and_(same, same_zones)), why)
        return found

    def _read(self, dataset: str, columns: list[str]) -> pa.Table | None:
        file = next((ref for ref in self._part.files if ref.dataset == dataset), None)
        return audits.read_columns(self._lake, file.path, columns) if file is not None else None

    def _named(self, rows: pa.Table, what: str) -> Hits:
        lines = [
            f"{self._where}: occurrence {row['occurrence']}, recipient {row['recipient_id']}, attempt {row['attempt']}: {what}"
            for row in rows.slice(0, MOST).select(list(KEYS)).to_pylist()
        ]
        return Hits(rows.num_rows, tuple(lines))


def _joined(table: pa.Table) -> pa.ChunkedArray:
    """Return the keys of attempts as one text each."""
    return pc.binary_join_element_wise(
        table["occurrence"].cast(pa.string()), table["attempt"].cast(pa.string()), table["recipient_id"], "/"
    )


def _with_fates(rows: pa.Table, row_keys: pa.ChunkedArray, keys: pa.ChunkedArray, fates: pa.Table) -> pa.Table:
    """Return rows with the fates of their attempts, which are known by key; null where there is none."""
    found = fates.take(pc.index_in(row_keys, value_set=keys).combine_chunks())
    for name in ("own", "submitted_at"):
        rows = rows.append_column(name, found[name])
    return rows
