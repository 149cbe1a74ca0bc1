"""The words of a verdict: what the rule saw at that instant, looked up again for one recipient."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa

from outcamp.core.campaign import Campaign
from outcamp.core.dispositions import Channel
from outcamp.core.durations import format_duration
from outcamp.core.limits import Limit
from outcamp.core.reasons import closed_in_words, reason_in_words
from outcamp.core.shares import format_share
from outcamp.core.zones import split_zones
from outcamp.frames.endpoints import endpoints
from outcamp.frames.hashing import buckets
from outcamp.frames.zones import zone_sets
from outcamp.store import recipients
from outcamp.store.lake import Lake
from outcamp.store.ledger import Transaction
from outcamp.store.recipients import Attempt, PartOfWave

_SHOWN = 6  # contacts that are named one by one


def at_utc(instant: datetime) -> str:
    """Return an instant as people read it."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"


class VerdictWords:
    """Says the verdicts on one recipient in words, with what the rules saw: zones, limits, the do-not-contact list."""

    def __init__(
        self,
        tx: Transaction,
        lake: Lake,
        campaign: Campaign,
        recipient_id: str,
        parts: list[PartOfWave],
        attempts: list[Attempt],
        total_limits: tuple[Limit, ...],
    ) -> None:
        self._tx, self._lake, self._campaign, self._recipient_id = tx, lake, campaign, recipient_id
        self._snapshots = {part.number: part for part in parts if part.step == "snapshot" and part.number is not None}
        self._attempts = {(one.number, one.attempt): one for one in attempts}
        self._total_limits = () if campaign.ignore_total_limits else total_limits
        self._rows: dict[int, pa.Table | None] = {}

    def say(self, part: PartOfWave, row: dict[str, Any]) -> str:
        """Return a row of the dataset ``verdicts`` as a sentence."""
        what = f"Attempt {row['attempt']} by {row['channel']}"
        if row["verdict"] == "send":
            return f"{what}: to be sent{self._fate(part, row)}."
        why = self._why(row)
        if row["verdict"] == "drop":
            return f"{what}: dropped as {row['reason']}: {why}."
        until = f"until {at_utc(row['due_at'])}" if row["due_at"] else "until the open entry exits"
        return f"{what}: later, {until}, as {row['reason']}: {why}."

    def _fate(self, part: PartOfWave, row: dict[str, Any]) -> str:
        """Return what became of a send verdict, where it is not simply that this wave submitted it."""
        attempt = self._attempts.get((row["occurrence"], row["attempt"]))
        if attempt is None:
            return ", and the ledger has no such attempt; outcamp audit says more"
        if attempt.wave_id == part.wave_id:
            return "" if attempt.submitted_at else ", and the wave has it in hand"
        results = recipients.results_of(self._lake, self._campaign.name, part, self._recipient_id)
        result = next((one for one in results if (one["occurrence"], one["attempt"]) == (row["occurrence"], row["attempt"])), None)
        if result is not None and result["became"] == "drop":
            return f", but dropped at the last look: {reason_in_words(result['reason'])}"
        # The attempt's own reason is that of its newest move, and so of this wave's, if no later wave has considered it.
        reason = result["reason"] if result is not None else None
        return f", but given back before its submission{f': {reason_in_words(reason)}' if reason else ''}"

    def _why(self, row: dict[str, Any]) -> str:
        reason, at, channel = row["reason"], row["wave_at"], Channel(row["channel"])
        details = {
            "window_closed": lambda: self._closed(row["occurrence"], channel, at),
            "no_open_time": lambda: self._closed(row["occurrence"], channel, at),
            "over_limit": lambda: self._limits(at),
            "suppressed": lambda: self._listed(row["occurrence"], channel),
            "holdout": lambda: f"the holdout is {format_share(self._campaign.holdout)} of all",
            "entry_limit": lambda: f"entry_limits are {self._entry_limits}",
        }
        detail = details[reason]() if reason in details else ""
        return f"{reason_in_words(reason)}{f'; {detail}' if detail else ''}"

    def _closed(self, occurrence: int, channel: Channel, at: datetime) -> str:
        time, zones = self._campaign.communication_time, self._found(occurrence, channel)[1]
        return closed_in_words(time, channel, at, split_zones(zones)) if time is not None and zones is not None else ""

    def _limits(self, at: datetime) -> str:
        """Return the limits that were reached by today's books, with the contacts that count."""
        said = []
        bucket = int(buckets(pa.array([self._recipient_id]))[0])
        for limit, total in (*((one, False) for one in self._campaign.communication_limits), *((one, True) for one in self._total_limits)):
            seen = recipients.contacts(self._tx, bucket, self._recipient_id, at - limit.within, at)
            counted = [contact for contact in seen if not (total and contact.outside_total)]
            if len(counted) >= limit.count:
                shown = ", ".join(f"{at_utc(one.counted_at)} {one.channel} of {one.campaign}" for one in counted[:_SHOWN])
                more = f" and {len(counted) - _SHOWN} more" if len(counted) > _SHOWN else ""
                whose = "the deployment's limit" if total else "the limit"
                said.append(f"{whose} is {limit.count} within {format_duration(limit.within)}, and there were {shown}{more}")
        return "; ".join(said) or "by today's books no limit is reached: contacts that counted then have proved undelivered since"

    def _listed(self, occurrence: int, channel: Channel) -> str:
        """Return their lines of the do-not-contact list that are for this channel."""
        address = self._found(occurrence, channel)[0]
        found = recipients.suppressions(self._tx, self._recipient_id, [address] if address else [])
        mine = [line for line in found if line.channel in {"", channel}]
        said = [
            f"by {'their id' if line.kind == 'recipient' else 'their address'}, for {line.channel or 'every channel'},"
            f" since {at_utc(line.since)} ({line.reason})"
            for line in mine
        ]
        return "; ".join(said) or "they have been taken off it since"

    def _found(self, occurrence: int, channel: Channel) -> tuple[str | None, str | None]:
        """Return the recipient's endpoint and zones on a channel, by the columns of that occurrence's snapshot."""
        table = self._snapshot_row(occurrence)
        if table is None:
            return None, None
        found = endpoints(table, self._campaign, channel)
        zones = zone_sets(table, self._campaign.communication_time, found.zones)
        return found.address[0].as_py(), zones.cast(pa.string())[0].as_py()

    def _snapshot_row(self, occurrence: int) -> pa.Table | None:
        if occurrence not in self._rows:
            part = self._snapshots.get(occurrence)
            file = part.file("snapshots") if part else None
            rows = recipients.rows_of(self._lake, file, self._recipient_id) if file and self._lake.exists(file) else None
            self._rows[occurrence] = rows.slice(0, 1) if rows is not None and rows.num_rows else None  # the first row is the one taken
        return self._rows[occurrence]

    @cached_property
    def _entry_limits(self) -> str:
        limits = self._campaign.entry_limits
        most = f"at most {limits.max}" if limits and limits.max else ""
        apart = f"{format_duration(limits.min_interval)} apart" if limits and limits.min_interval else ""
        return ", ".join(text for text in (most, apart) if text)
