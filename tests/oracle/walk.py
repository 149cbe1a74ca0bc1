"""The walk of the clock over every instant at which a wave may run.

At each one it takes in outcomes, holds the occurrence, does the due work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

from oracle.judge import Judge
from oracle.open_times import next_multiple
from oracle.records import DEADLINES, ENDS_WELL, Attempt, DeferredRow, Entry, Row, Verdict
from oracle.schedule import occurrences_of
from oracle.words import duration

A_MOMENT = timedelta(microseconds=1)


class Walk:
    """The clock, and the state of everybody."""

    def __init__(self, judge: Judge, recipients: list[Row], outcomes: list[Row], at: datetime) -> None:
        self.judge, self.recipients, self.outcomes, self.at = judge, recipients, outcomes, at
        self.campaign, self.entries, self.expires = judge.campaign, judge.entries, judge.expires
        self.occurrences: list[datetime] = []
        self.deferred: dict[str, DeferredRow] = {}
        self.verdicts: list[Row] = []
        self.candidates = 0

    # The clock

    def run(self, until: datetime | None, wave_interval: timedelta) -> None:
        """Walk over all instants, and pass by those before which nothing can have happened."""
        self.occurrences = occurrences_of(self.campaign, self.at, until)
        quiet_until = min(self.occurrences, default=None)
        for instant, on_grid in self.instants(wave_interval):
            if quiet_until is None or (until is not None and instant > until):
                break
            if instant >= quiet_until:
                self.hold_wave(instant, on_grid=on_grid)
                quiet_until = self.next_event(instant)
        if until is not None:
            self.take_in_outcomes(until)

    def instants(self, wave_interval: timedelta) -> Iterator[tuple[datetime, bool]]:
        """Yield every instant at which a wave may run: the occurrences, and the multiples of the wave interval."""
        to_come = list(self.occurrences)
        next_on_grid = next_multiple(self.at - A_MOMENT, wave_interval)
        while True:
            instant = min([next_on_grid, *to_come])
            yield instant, instant == next_on_grid
            if instant in to_come:
                to_come.remove(instant)
            if instant == next_on_grid:
                next_on_grid += wave_interval

    def next_event(self, now: datetime) -> datetime | None:
        """Return an instant before which nothing at all can happen, or None if nothing will ever happen again."""
        events = [occurrence for occurrence in self.occurrences if occurrence > now]
        for entry in self.entries:
            attempt = entry.attempts[-1]
            if entry.is_waiting:
                events.append(attempt.due_at)
            if entry.is_open and self.expires is not None:
                events.append(self.expires)
            if attempt.ends_at is not None and attempt.disposition is None:
                events.append(attempt.ends_at)
        if any(not self.judge.is_in_campaign(recipient_id) for recipient_id in self.deferred):
            events.append(now)
        return min(events, default=None)

    def hold_wave(self, now: datetime, *, on_grid: bool) -> None:
        self.take_in_outcomes(now)
        if now in self.occurrences:
            self.hold_occurrence(self.occurrences.index(now), now)
        if on_grid and self.judge.is_over(now):
            self.expire_everything(now)
        elif on_grid:
            self.do_due_work(now)

    # Outcomes

    def take_in_outcomes(self, now: datetime) -> None:
        """Write down the dispositions that have happened by now."""
        for entry in self.entries:
            for attempt in list(entry.attempts):
                if attempt.ends_at is not None and attempt.disposition is None and attempt.ends_at <= now:
                    attempt.disposition, attempt.disposed_at = attempt.ends_as, attempt.ends_at
                    self.follow_up(entry, attempt, attempt.ends_at)

    def follow_up(self, entry: Entry, attempt: Attempt, disposed_at: datetime) -> None:
        """Make the reattempt that a disposition calls for, or let the entry exit."""
        if not entry.is_open or self.judge.is_over(disposed_at):
            return
        for index, rule in enumerate(self.campaign.get("reattempts", [])):
            used = sum(1 for earlier in entry.attempts if earlier.rule == index)
            if attempt.disposition in rule["when"] and used < rule.get("times", 1):
                due_at = disposed_at + duration(rule.get("wait", "0 seconds"))
                entry.attempts.append(Attempt(attempt.number + 1, rule["channel"], index, due_at))
                return
        entry.exited_at = disposed_at

    # Waves

    def hold_occurrence(self, number: int, now: datetime) -> None:
        """Consider the rows of the segment."""
        rows = [row for row in self.recipients if row.get("occurrence") in {None, number}]
        self.candidates += len(rows)
        seen = set()
        for row in rows:
            recipient_id = row["recipient_id"]
            if recipient_id in seen:
                self.write_on_new(now, number, recipient_id, Verdict("drop", "duplicate"))
                continue
            seen.add(recipient_id)
            self.deferred.pop(recipient_id, None)
            self.judge_new(row, number, now)

    def do_due_work(self, now: datetime) -> None:
        """Consider what became due before this wave; what this wave itself makes due is for the next one."""
        due = [e for e in self.entries if e.is_waiting and e.attempts[-1].due_at <= now and e.last_wave < now]
        free_again = [row for recipient_id, row in self.deferred.items() if self.is_free_again(recipient_id, now)]
        self.candidates += len(due) + len(free_again)
        for entry in due:
            self.judge_due(entry, now)
        for deferred in free_again:
            del self.deferred[deferred.row["recipient_id"]]
            self.judge_new(deferred.row, deferred.occurrence, now)

    def is_free_again(self, recipient_id: str, now: datetime) -> bool:
        last_entry = self.judge.entries_of(recipient_id)[-1]
        return not last_entry.is_open and last_entry.last_wave < now

    def expire_everything(self, now: datetime) -> None:
        """Let everything that waits exit."""
        waiting = [entry for entry in self.entries if entry.is_waiting]
        self.candidates += len(waiting) + len(self.deferred)
        for entry in waiting:
            self.write_on_due(now, entry, Verdict("drop", "expired"))
        for recipient_id, deferred in self.deferred.items():
            self.write_on_new(now, deferred.occurrence, recipient_id, Verdict("drop", "expired"))
        for entry in self.entries:
            if entry.is_open:
                entry.exited_at = now
        self.deferred.clear()

    def judge_new(self, row: Row, occurrence: int, now: datetime) -> None:
        """Decide about a row of the segment, and open an entry if it is admitted."""
        recipient_id = row["recipient_id"]
        verdict = self.judge.verdict_on_new(row, now)
        self.write_on_new(now, occurrence, recipient_id, verdict)
        if verdict.verdict == "later" and verdict.reason == "already_in_campaign":
            self.deferred[recipient_id] = DeferredRow(row, occurrence)
        elif verdict.verdict != "drop":
            entry = Entry(row, occurrence, admitted_at=now, last_wave=now)
            entry.attempts.append(Attempt(1, self.campaign["channel"], None, due_at=verdict.due_at or now))
            self.entries.append(entry)
            if verdict.verdict == "send":
                self.send(entry, now)

    def judge_due(self, entry: Entry, now: datetime) -> None:
        """Decide about an attempt that waited until now."""
        attempt = entry.attempts[-1]
        verdict = self.judge.verdict_on_due(entry.row, attempt.channel, now)
        self.write_on_due(now, entry, verdict)
        entry.last_wave = now
        if verdict.verdict == "send":
            self.send(entry, now)
        elif verdict.verdict == "drop":
            entry.exited_at = now
        else:
            attempt.due_at = verdict.due_at or now

    def send(self, entry: Entry, now: datetime) -> None:
        """Send the entry's last attempt, and look up what will become of it."""
        attempt = entry.attempts[-1]
        attempt.sent_at = now
        ends_at, ends_as = now, ENDS_WELL[attempt.channel]
        for outcome in self.outcomes:
            if (outcome["recipient_id"], outcome["attempt"], outcome["channel"]) == (entry.recipient_id, attempt.number, attempt.channel):
                ends_at, ends_as = now + timedelta(seconds=outcome["after"]), outcome["disposition"]
        settings = self.campaign.get("channels", {}).get(attempt.channel, {})
        deadline = now + duration(settings.get("outcome_deadline", DEADLINES[attempt.channel]))
        if ends_at > deadline:
            ends_at, ends_as = deadline, "no_outcome"
        attempt.ends_at, attempt.ends_as = ends_at, ends_as

    # What is written

    def write_on_new(self, now: datetime, occurrence: int, recipient_id: str, verdict: Verdict) -> None:
        who = {"occurrence": occurrence, "recipient_id": recipient_id, "attempt": 1, "channel": self.campaign["channel"]}
        self.verdicts.append({"wave_at": now, **who, **asdict(verdict)})

    def write_on_due(self, now: datetime, entry: Entry, verdict: Verdict) -> None:
        attempt = entry.attempts[-1]
        who = {"occurrence": entry.occurrence, "recipient_id": entry.recipient_id, "attempt": attempt.number, "channel": attempt.channel}
        self.verdicts.append({"wave_at": now, **who, **asdict(verdict)})

    def attempt_rows(self) -> list[Row]:
        """List every attempt that was submitted."""
        return [
            {
                "occurrence": entry.occurrence,
                "recipient_id": entry.recipient_id,
                "attempt": attempt.number,
                "channel": attempt.channel,
                "sent_at": attempt.sent_at,
                "disposition": attempt.disposition,
                "disposed_at": attempt.disposed_at,
                "counted": attempt.counts(),
                "rule": attempt.rule,
            }
            for entry in self.entries
            for attempt in entry.attempts
            if attempt.sent_at is not None
        ]

    def summary(self) -> Row:
        """Count the verdicts, and check that every candidate has one."""
        return {
            "candidates": self.candidates,
            "verdicts": dict(Counter(row["verdict"] for row in self.verdicts)),
            "reasons": dict(Counter(row["reason"] for row in self.verdicts if row["reason"])),
            "balanced": self.candidates == len(self.verdicts),
        }
