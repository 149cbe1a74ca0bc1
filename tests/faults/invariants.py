"""The promise, checked from the receiving server's log, the ledger's tables and the lake; no query or rule of the product is used."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pyarrow.parquet as pq
from psycopg.rows import dict_row

from faults.server import NEVER_ARRIVED, Arrival
from faults.world import World

Row = dict[str, Any]


@dataclass(frozen=True)
class Books:
    """Everything that the ledger holds, and the world around it."""

    world: World
    tables: dict[str, list[Row]]

    @classmethod
    def of(cls, world: World, connection: psycopg.Connection[Any]) -> Books:
        """Read the tables."""
        names = ("campaigns", "occurrences", "waves", "parts", "entries", "attempts", "deferred")
        with connection.cursor(row_factory=dict_row) as cursor:
            tables = {name: cursor.execute(f"SELECT * FROM outcamp.{name}").fetchall() for name in names}
            return cls(world, tables | {"diary": cursor.execute("SELECT * FROM faults.diary ORDER BY page").fetchall()})

    def __getitem__(self, table: str) -> list[Row]:
        return self.tables[table]


def violations(world: World, connection: psycopg.Connection[Any]) -> list[str]:
    """Return everything that breaks the promise, each line beginning with the name of the check."""
    books = Books.of(world, connection)
    checks = (errors, twice, limits, windows, entries, rest, verdicts, counted, told, doubts, diary)
    return [f"{check.__name__}: {line}" for check in checks for line in check(books)]


def errors(books: Books) -> Iterator[str]:
    """No step raises anything but that it could not be done now."""
    yield from books.world.errors


def twice(books: Books) -> Iterator[str]:
    """Each attempt of each occurrence of the schedule arrives at most once."""
    scheduled = {row["occurrence_id"]: row["scheduled_at"] for row in books["occurrences"]}
    for plan in books.world.plans.values():
        mine = [arrival for arrival in books.world.server.log if arrival.campaign == plan.name]
        keys = Counter((scheduled[arrival.key[0]], *arrival.key[1:]) for arrival in mine)
        yield from (f"{plan.name} {key} arrived {count} times" for key, count in keys.items() if count > 1)
        most = 1 + len(plan.manifest.campaign.reattempts)
        for key in keys:
            if key[0] not in plan.occurrences:
                yield f"{plan.name} {key}: no such occurrence is scheduled"
            if key[2] > most:
                yield f"{plan.name} {key}: there are at most {most} attempts"


def limits(books: Books) -> Iterator[str]:
    """Whenever a message was decided, fewer than the limit were decided before it within any stretch of the limit's length."""
    world = books.world
    by_recipient: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in world.server.log:
        by_recipient[arrival.key[1]].append(arrival)
    for recipient, arrivals in by_recipient.items():
        for arrival in arrivals:
            plan = world.plans[arrival.campaign]
            both = [(count, within, False) for count, within in plan.limits]
            if not plan.ignores_total:
                both += [(limit.count, limit.within, True) for limit in world.total_limits]
            for count, within, in_total in both:
                before = [
                    other
                    for other in arrivals
                    if (other.commit, other.number) < (arrival.commit, arrival.number)
                    and abs(arrival.decided - other.decided) < within
                    and not (in_total and world.plans[other.campaign].ignores_total)
                    and world.server.disclosed.get(other.key, arrival.number + 1) > arrival.number
                ]
                if len(before) >= count:
                    at = f"{arrival.decided:%d %H:%M:%S.%f}"
                    yield f"{recipient} got {arrival.campaign} {arrival.key} at {at} after {len(before)} within {within}"


def windows(books: Books) -> Iterator[str]:
    """Each message was decided at an open moment between the start and the expiry, and no wait for a lock has closed that moment."""
    world = books.world
    zones = {row["recipient_id"]: row["time_zone"] for plan in world.plans.values() for rows in plan.rows.values() for row in rows}
    for arrival in world.server.log:
        plan = world.plans[arrival.campaign]
        for moment in (arrival.decided, arrival.decided + arrival.waited):
            hour = moment.astimezone(ZoneInfo(zones[arrival.key[1]])).hour
            if plan.hours is not None and not plan.hours[0] <= hour < plan.hours[1]:
                yield f"{arrival.campaign} {arrival.key} went at {moment}, which is {hour} o'clock there"
            if moment < plan.occurrences[0] or (plan.expires is not None and moment >= plan.expires):
                yield f"{arrival.campaign} {arrival.key} went at {moment}, and the campaign lasts until {plan.expires}"


def entries(books: Books) -> Iterator[str]:
    """A recipient is in a campaign once at a time, with one attempt at a time, numbered without a gap."""
    is_open = Counter((row["campaign_id"], row["recipient_id"]) for row in books["entries"] if row["exited_at"] is None)
    yield from (f"{key} has {count} open entries" for key, count in is_open.items() if count > 1)
    for key, attempts in _attempts_by_entry(books).items():
        numbers = sorted(row["attempt"] for row in attempts)
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{key} has the attempts {numbers}"
        if sum(row["state"] != "closed" for row in attempts) > 1:
            yield f"{key} has several attempts at once"


def rest(books: Books) -> Iterator[str]:
    """After the quiet stretch nobody is held, waiting or half submitted, and every entry has exited with a reason."""
    attempts = _attempts_by_entry(books)
    for row in books["entries"]:
        mine = attempts.get((row["occurrence_id"], row["recipient_id"]), [])
        where = f"{row['occurrence_id']} {row['recipient_id']}"
        if not mine:
            yield f"{where} has no attempt"
        if row["exited_at"] is None or not row["exit_reason"]:
            yield f"{where} is still open: {[(one['attempt'], one['state'], str(one['due_at'])) for one in mine]}"
        elif held := [one["state"] for one in mine if one["state"] in {"waiting", "claimed", "submitting"}]:
            yield f"{where} has exited, and its attempts are {held}"
        elif row["exit_reason"] == "finished" and max(mine, key=lambda one: one["attempt"])["submitted_at"] is None:
            yield f"{where} has finished without a submission"
    yield from (f"{row['recipient_id']} still waits to enter" for row in books["deferred"])
    for run in books.world.runs.values():
        if run.is_live:
            yield f"{run.campaign} {run.key} is {run.state}"


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
        rows = _rows_of(books, part)
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
        asked = Counter(row["recipient_id"] for row in _rows_of(books, snapshots[part["wave_id"], part["part"]]))
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
        if segment != Counter(row["recipient_id"] for part in mine for row in _rows_of(books, part)):
            yield f"{names[wave['campaign_id']]} {wave['run']}: the snapshot is not the segment"
    yield from _undecided(books, snapshots)


def _undecided(books: Books, snapshots: dict[tuple[int, int], Row]) -> Iterator[str]:
    """Yield the occurrences whose runs ended well before they were overtaken or expired, and that did not decide all that they read."""
    decided = {(part["wave_id"], part["part"]) for part in books["parts"] if part["step"] == "filter"}
    wave_ids = {(row["campaign_id"], row["run"]): row["wave_id"] for row in books["waves"]}
    ids = {row["name"]: row["campaign_id"] for row in books["campaigns"]}
    opened_by = {(row["campaign_id"], row["scheduled_at"]): row["run"] for row in books["occurrences"]}
    for run in books.world.runs.values():
        if run.scheduled_at is None or run.state != "ended" or any(task.state != "success" for task in run.tasks.values()):
            continue
        plan = books.world.plans[run.campaign]
        ends = [at for at in (*plan.occurrences, plan.expires) if at is not None and at > run.scheduled_at]
        if run.decided_at is None or any(at <= run.decided_at for at in ends):
            continue
        if opened_by.get((ids[run.campaign], run.scheduled_at), run.key) != run.key:
            continue  # it repeats an occurrence that another run had opened
        wave_id = wave_ids.get((ids[run.campaign], run.key))
        read = {key for key in snapshots if key[0] == wave_id}
        if not read or not read <= decided:
            yield f"{run.campaign} {run.key} ended well; it read {len(read)} parts and decided {len(read & decided)} of them"


def counted(books: Books) -> Iterator[str]:
    """What arrived stands in the ledger as submitted, and counts unless the channel said that it did not reach the person."""
    attempts = {(row["occurrence_id"], row["recipient_id"], row["attempt"]): row for row in books["attempts"]}
    for arrival in books.world.server.log:
        row = attempts.get(arrival.key)
        if row is None or row["submitted_at"] is None or row["state"] not in {"sent", "closed"}:
            yield f"{arrival.campaign} {arrival.key} arrived, and the ledger says {row and row['state']}"
        elif row["counted_at"] is None and not (row["disposition"] in NEVER_ARRIVED and arrival.key in books.world.server.disclosed):
            yield f"{arrival.campaign} {arrival.key} arrived, is {row['disposition']}, and does not count"
        elif row["counted_at"] is not None and row["counted_at"] != arrival.decided:
            yield f"{arrival.campaign} {arrival.key} was decided at {arrival.decided} and counts from {row['counted_at']}"


def told(books: Books) -> Iterator[str]:
    """A disposition is one that the channel told; one that was taken in before the deadline is not forgotten."""
    server = books.world.server
    codes = defaultdict(set)
    for outcome in server.outcomes:
        if outcome.acknowledged_at is not None:
            codes[outcome.key].add(outcome.disposition)
    for key, code in server.answered.items():
        codes[key].add(code)
    attempts = {(row["occurrence_id"], row["recipient_id"], row["attempt"]): row for row in books["attempts"]}
    for key, row in attempts.items():
        if row["disposition"] not in {None, "unknown", "no_outcome", *codes[key]}:
            yield f"{key} is {row['disposition']}, and the channel told {sorted(codes[key])}"
    for outcome in server.outcomes:
        row = attempts.get(outcome.key, {})
        deadline, taken = row.get("deadline_at"), outcome.acknowledged_at
        if deadline is not None and taken is not None and taken < deadline and row["disposition"] in {None, "unknown", "no_outcome"}:
            yield f"{outcome.key} is {row['disposition']}, and {outcome.disposition} was taken in at {taken}, before {deadline}"


def doubts(books: Books) -> Iterator[str]:
    """What never arrived is at worst unknown, and no more chunks are in doubt than tries of send were lost."""
    arrived = {arrival.key for arrival in books.world.server.log}
    for row in books["attempts"]:
        key = (row["occurrence_id"], row["recipient_id"], row["attempt"])
        if row["submitted_at"] is None:
            continue
        if key not in arrived and row["disposition"] != "unknown":
            yield f"{key} never arrived, and the ledger says {row['state']} {row['disposition']}"
    in_doubt = {(page["wave_id"], page["batch"], page["token"]) for page in books["diary"] if page["disposition"] == "unknown"}
    if len(in_doubt) > books.world.lost_sends:
        yield f"{len(in_doubt)} chunks were in doubt, and {books.world.lost_sends} tries were lost"


# From which state to which an attempt may go; None: it did not exist.
STEPS = {
    None: {"waiting", "claimed"},
    "waiting": {"waiting", "claimed"},
    "claimed": {"claimed", "waiting", "submitting", "closed"},
    "submitting": {"sent", "closed"},
    "sent": {"sent", "closed"},
    "closed": {"closed"},
}


def diary(books: Books) -> Iterator[str]:
    """An attempt goes from state to state as the design says, and never back to where it could be submitted again."""
    for page in books["diary"]:
        if page["is_now"] not in STEPS[page["was"]]:
            yield f"{(page['occurrence_id'], page['recipient_id'], page['attempt'])} went from {page['was']} to {page['is_now']}"


def _attempts_by_entry(books: Books) -> dict[tuple[int, str], list[Row]]:
    found = defaultdict(list)
    for row in books["attempts"]:
        found[row["occurrence_id"], row["recipient_id"]].append(row)
    return found


def _rows_of(books: Books, part: Row) -> list[Row]:
    """Return the rows of a part's file. One that no finished task had to name may still have its pending name, but must be whole."""
    dataset = "snapshots" if part["step"] == "snapshot" else "verdicts"
    rows: list[Row] = []
    for file in part["files"]:
        if file["dataset"] == dataset:
            path = books.world.lake / file["path"]
            if not path.exists() and not _is_named(books, part):
                path = next(iter(path.parent.glob(f".{path.stem}.{file['sha256'][:16]}*")), path)
            if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]:
                rows += pq.ParquetFile(path).read().to_pylist()
    return rows


def _is_named(books: Books, part: Row) -> bool:
    """Tell whether a task has ended well that gives this part's file its readable name."""
    wave = next(row for row in books["waves"] if row["wave_id"] == part["wave_id"])
    name = next(row["name"] for row in books["campaigns"] if row["campaign_id"] == wave["campaign_id"])
    task = books.world.runs[name, wave["run"]].tasks.get(("filter", part["part"]))
    # A filter task is there because the snapshot's has ended well.
    return task is not None and (part["step"] == "snapshot" or task.state == "success")
