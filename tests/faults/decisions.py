"""Checks of what was decided: everybody who was read has one verdict, and whoever was put off is decided again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from faults.books import Books, Row, rows_of


def verdicts(books: Books) -> Iterator[str]:  # noqa: C901 - one check after the other, each two lines
    """Every candidate of every decided part has exactly one verdict, and is in the campaign if and only if that lets it in."""
    waves = {row["wave_id"]: row for row in books["waves"]}
    occurrences = {row["occurrence_id"]: row for row in books["occurrences"]}
    names = {row["campaign_id"]: row["name"] for row in books["campaigns"]}
    entered = {(row["occurrence_id"], row["recipient_id"]) for row in books["entries"]}
    snapshots = {(part["wave_id"], part["part"]): part for part in books["parts"] if part["step"] == "snapshot"}
    for part in books["parts"]:
        wave = waves[part["wave_id"]]
        where = f"{names[wave['campaign_id']]} {wave['run']} part {part['part']} {part['step']}"
        if part["step"] == "snapshot" and wave["occurrence_id"] is None:
            continue
        rows = rows_of(books, part)
        if len(rows) != part["rows"]:
            yield f"{where}: {part['rows']} rows in the ledger, {len(rows)} in the file"
        if part["step"] == "snapshot":
            continue
        if sum(count for _, _, count in part["funnel"]) != len(rows):
            yield f"{where}: the funnel {part['funnel']} is not {len(rows)}"
        decided = Counter(
            (row["occurrence"], row["recipient_id"], row["attempt"]) for row in rows if row["reason"] not in {"duplicate", "expired"}
        )
        yield from (f"{where}: {key} has {count} verdicts" for key, count in decided.items() if count > 1)
        if wave["occurrence_id"] is None:
            continue
        asked = Counter(row["recipient_id"] for row in rows_of(books, snapshots[part["wave_id"], part["part"]]))
        if asked != Counter(row["recipient_id"] for row in rows):
            yield f"{where}: other people were decided than were read"
        for row in rows:
            admitted = row["verdict"] != "drop" and row["reason"] != "already_in_campaign"
            is_in = (wave["occurrence_id"], row["recipient_id"]) in entered
            if admitted != is_in and row["reason"] not in {"duplicate", "already_in_campaign"}:
                yield f"{where}: {row['recipient_id']} has the verdict {row['verdict']} {row['reason']}, in the campaign: {is_in}"
    for wave in waves.values():
        mine = [part for (wave_id, _), part in snapshots.items() if wave_id == wave["wave_id"]]
        if wave["occurrence_id"] is None or not mine:
            continue
        number = occurrences[wave["occurrence_id"]]["number"]
        rows_by_number = books.world.plans[names[wave["campaign_id"]]].rows
        segment = Counter(row["recipient_id"] for row in rows_by_number[min(number, max(rows_by_number))])
        if segment != Counter(row["recipient_id"] for part in mine for row in rows_of(books, part)):
            yield f"{names[wave['campaign_id']]} {wave['run']}: the snapshot is not the segment"
    yield from _undecided(books, snapshots)


def _undecided(books: Books, snapshots: dict[tuple[int, int], Row]) -> Iterator[str]:
    """Yield the occurrences whose runs ended well before they were overtaken or expired, and that did not decide all that they read."""
    decided = {(part["wave_id"], part["part"]) for part in books["parts"] if part["step"] == "filter"}
    wave_ids = {(row["campaign_id"], row["run"]): row["wave_id"] for row in books["waves"]}
    ids = {row["name"]: row["campaign_id"] for row in books["campaigns"]}
    opened_by = {(row["campaign_id"], row["scheduled_at"]): row["run"] for row in books["occurrences"]}
    for run in books.world.runs.values():
        if run.scheduled_at is None or run.state != "ended" or any(task.state not in {"success", "skipped"} for task in run.tasks.values()):
            continue
        plan = books.world.plans[run.campaign]
        if any(deed.commit and deed.campaign == run.campaign and deed.kind in {"stop", "delete"} for deed in books.world.deeds):
            continue
        ends = [at for at in (*plan.occurrences, plan.expires) if at is not None and at > run.scheduled_at]
        if run.decided_at is None or any(at <= run.decided_at + books.world.slipped for at in ends):
            continue
        if opened_by.get((ids[run.campaign], run.scheduled_at), run.key) != run.key:
            continue  # it repeats an occurrence that another run had opened
        wave_id = wave_ids.get((ids[run.campaign], run.key))
        read = {key for key in snapshots if key[0] == wave_id}
        if not read or not read <= decided:
            yield f"{run.campaign} {run.key} ended well; it read {len(read)} parts and decided {len(read & decided)} of them"


def deferred(books: Books) -> Iterator[str]:
    """Who was told to wait until they are out of the campaign is decided again: that row, or that of a newer occurrence."""
    campaigns = {row["campaign_id"]: row for row in books["campaigns"]}
    waves = {row["wave_id"]: row for row in books["waves"]}
    rejected = {(row["campaign_id"], row["number"]) for row in books["occurrences"] if row["review"] == "rejected"}
    decided = []
    for part in books["parts"]:
        if part["step"] == "filter":
            wave = waves[part["wave_id"]]
            decided += [(wave["campaign_id"], wave["wave_id"], row) for row in rows_of(books, part)]
    for campaign_id, wave_id, row in decided:
        if row["verdict"] != "later" or row["reason"] != "already_in_campaign" or campaigns[campaign_id]["stopped_at"] is not None:
            continue
        if (campaign_id, row["occurrence"]) in rejected:
            continue
        again = any(
            other_id == campaign_id
            and other["recipient_id"] == row["recipient_id"]
            and other["attempt"] == 1
            and other["reason"] != "duplicate"
            and other_wave != wave_id
            and other["occurrence"] >= row["occurrence"]
            for other_id, other_wave, other in decided
        )
        if not again:
            yield f"{campaigns[campaign_id]['name']}: {row['recipient_id']} of occurrence {row['occurrence']} waits to enter for ever"
