"""explain: one recipient's story in a campaign, in words and in order of time. It reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from outcamp.core.limits import Limit
from outcamp.core.manifest import Manifest
from outcamp.core.reasons import disposition_in_words, reason_in_words, rule_in_words
from outcamp.frames.hashing import buckets
from outcamp.steps.explain_verdicts import VerdictWords, at_utc
from outcamp.store import recipients
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger, Transaction
from outcamp.store.recipients import Attempt, Entry, PartOfWave

# Of what happens at one instant: verdicts, then what went, what came back, and what followed from it.
_ORDER = ("read", "verdict", "submitted", "outcome", "reattempt", "exit")


@dataclass(frozen=True)
class Event:
    """One thing that happened. ``kind``: read, verdict, submitted, outcome, reattempt or exit; ``code``: the reason or the disposition."""

    at: datetime
    kind: str
    occurrence: int
    attempt: int | None
    code: str | None
    text: str


@dataclass(frozen=True)
class Story:
    """A recipient's story. ``due``: what is still to come; ``summary``: all of it in one sentence. No phone number and no address."""

    campaign: str
    recipient_id: str
    summary: str
    events: tuple[Event, ...] = ()
    due: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return asdict(self)


def explain(
    ledger: Ledger, lake: Lake, manifest: Manifest, recipient_id: str, now: datetime, total_limits: tuple[Limit, ...] = ()
) -> Story:
    """Return what a published campaign did with a recipient, and why.

    Args:
        ledger: The books.
        lake: Where snapshots and verdicts lie; only the files that can hold the recipient are read, and only their rows of them.
        manifest: The campaign's settings.
        recipient_id: Whose story.
        now: The instant of the question.
        total_limits: The deployment's own limits, to name the one that was reached.
    """
    name = manifest.campaign.name
    with ledger.transaction() as tx:
        tx.run("read-one-instant")
        known = tx.one("find-campaign", name=name)
        if not known:
            return Story(name, recipient_id, f"No wave of {name} has run yet.")
        campaign_id, _, expires_at, stopped_at, deleted_at, error_at, error_reason = known
        parts = recipients.parts_that_hold(tx, campaign_id, int(buckets(pa.array([recipient_id]))[0]))
        entries = recipients.entries(tx, campaign_id, recipient_id)
        attempts = recipients.attempts(tx, campaign_id, recipient_id)
        words = VerdictWords(tx, lake, manifest.campaign, recipient_id, parts, attempts, (*total_limits,))
        events = [*_decided(lake, words, parts, recipient_id), *_went(manifest, attempts), *_left(entries)]
        due = _due(tx, campaign_id, recipient_id, attempts)
    halts = (
        ("deleted", deleted_at, ""),
        ("stopped", stopped_at, ""),
        ("in Error", error_at, f": {error_reason}"),
        ("expired", expires_at if expires_at and expires_at <= now else None, ""),
    )
    ended = next((f" The campaign is {state} since {at_utc(at)}{why}." for state, at, why in halts if at is not None), "")
    events.sort(key=lambda event: (event.at, event.occurrence, _ORDER.index(event.kind), event.attempt or 0))
    return Story(name, recipient_id, _summary(parts, events, entries, attempts) + ended, tuple(events), due)


def _decided(lake: Lake, words: VerdictWords, parts: list[PartOfWave], recipient_id: str) -> Iterator[Event]:
    """Yield every verdict, and the snapshots that hold the recipient and were not decided yet."""
    decided = {(part.wave_id, part.part) for part in parts if part.step == "filter"}
    for part in parts:
        verdicts, snapshot = part.file("verdicts"), part.file("snapshots")
        if verdicts is not None and not lake.exists(verdicts):
            text = f"Wave {part.run}: its verdicts are not in the lake ({verdicts.path}); outcamp audit says more."
            yield Event(part.decided_at, "verdict", part.number or 0, None, None, text)
        elif verdicts is not None:
            for row in recipients.rows_of(lake, verdicts, recipient_id).to_pylist():
                yield Event(row["wave_at"], "verdict", row["occurrence"], row["attempt"], row["reason"], words.say(part, row))
        elif snapshot is not None and (part.wave_id, part.part) not in decided and lake.exists(snapshot):
            rows = recipients.rows_of(lake, snapshot, recipient_id).num_rows
            if rows:
                yield Event(part.decided_at, "read", part.number or 0, None, None, "Read from the segment; there is no verdict yet.")


def _went(manifest: Manifest, attempts: list[Attempt]) -> Iterator[Event]:
    """Yield what was submitted, what came back, and which rule made what from it."""
    rules = manifest.campaign.reattempts
    after = {(one.number, one.attempt - 1): one for one in attempts}
    for one in attempts:
        place = (one.number, one.attempt)
        if one.submitted_at is not None:
            yield Event(one.submitted_at, "submitted", *place, None, f"Attempt {one.attempt} went by {one.channel}, with wave {one.run}.")
        if one.disposition is None or one.disposed_at is None:
            continue
        text = f"Attempt {one.attempt} ended as {one.disposition}: {disposition_in_words(one.disposition)}."
        if one.counted_at is None:
            text += " It does not count towards limits."
        yield Event(one.disposed_at, "outcome", *place, one.disposition, text)
        following = after.get(place)
        if following is not None and following.rule is not None:
            rule = rules[following.rule]
            made = f"{rule_in_words(following.rule, rule)} made attempt {following.attempt}, due at {at_utc(one.disposed_at + rule.wait)}."
            yield Event(one.disposed_at, "reattempt", *place, None, made[0].upper() + made[1:])


def _left(entries: list[Entry]) -> Iterator[Event]:
    for entry in entries:
        if entry.exited_at is not None:
            text = f"Left the campaign, {entry.exit_reason}: {reason_in_words(entry.exit_reason)}."
            yield Event(entry.exited_at, "exit", entry.number, None, entry.exit_reason, text)


def _due(tx: Transaction, campaign_id: int, recipient_id: str, attempts: list[Attempt]) -> tuple[str, ...]:
    """Return what is still to come."""
    lines = []
    for one in attempts:
        what = f"Attempt {one.attempt} by {one.channel}, occurrence {one.number},"
        if one.state == "waiting":
            lines.append(f"{what} is due at {at_utc(one.due_at)}: {reason_in_words(one.waits_for)}.")
        elif one.state in {"claimed", "submitting"}:
            lines.append(f"{what} is in the hands of wave {one.run}.")
        elif one.state == "sent":
            until = f"until {at_utc(one.deadline_at)}" if one.deadline_at else "for ever"
            lines.append(f"{what} waits for its outcome {until}.")
    waiting = recipients.deferred(tx, campaign_id, recipient_id)
    if waiting is not None:
        lines.append(f"The row of occurrence {waiting} waits until the open entry exits.")
    return tuple(lines)


def _summary(parts: list[PartOfWave], events: list[Event], entries: list[Entry], attempts: list[Attempt]) -> str:
    if not events and not attempts:
        occurrences = len({part.number for part in parts if part.number is not None})
        return f"Never a candidate: none of {occurrences:,} snapshots holds this recipient."
    verdicts = sum(event.kind == "verdict" for event in events)
    went = sum(one.submitted_at is not None for one in attempts)
    inside = any(entry.exited_at is None for entry in entries)
    standing = "still in the campaign" if inside else "out of the campaign" if entries else "never in the campaign"
    return f"Considered {_times(verdicts)}, contacted {_times(went)}, {standing}."


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count:,} times")
