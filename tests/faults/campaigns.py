"""Small campaigns on the same few people, drawn by the seed; limits and the clock tie them together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from outcamp.core.campaign import Campaign, Limit
from outcamp.core.manifest import Manifest, seal_manifest

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)  # a Monday, 09:00 in New York
ZONES = ("America/New_York", "Europe/London", "Asia/Kolkata")
# Ids whose buckets (the locks) partly coincide, so that chunks of several people share a lock and others do not.
IDS = ("ann", "ben", "cleo", "dora", "eve", "finn", "gus", "hal")
PHONES = ("+12127365000", "+13125550142", "+12136210002", "+12083342100", "+442079460958", "+4930123456", "+61293744000", "+912227788888")

Pace = tuple[int, timedelta]  # so many in any stretch of this length
PACES: dict[str, Pace] = {
    "1/second": (1, timedelta(seconds=1)),
    "2/second": (2, timedelta(seconds=1)),
    "1/minute": (1, timedelta(minutes=1)),
    "6/hour": (6, timedelta(hours=1)),
}
_BATCHES = {"lively": (1,), "paced": (3,)}  # how many messages a worker has to send one after the other


@dataclass(frozen=True)
class Plan:
    """One campaign: what is published, and the same said by hand, for the checks."""

    manifest: Manifest
    occurrences: tuple[datetime, ...]
    expires: datetime | None
    hours: tuple[int, int] | None  # from, to; in the recipient's zone, every day
    limits: tuple[tuple[int, timedelta], ...]
    ignores_total: bool
    rows: dict[int, list[dict[str, Any]]]  # of the segment, by the number of the occurrence
    pace: Pace | None
    is_reviewed: bool
    chunk_size: int
    part_rows: int

    @property
    def name(self) -> str:
        """Return the campaign's name."""
        return self.manifest.campaign.name

    @property
    def most_attempts(self) -> int:
        """Return how many attempts an entry can have."""
        return 1 + sum(rule.times for rule in self.manifest.campaign.reattempts)

    def closings(self, now: datetime) -> set[datetime]:
        """Return the next instants at which the open hours end somewhere."""
        if self.hours is None:
            return set()
        today = {now.astimezone(ZoneInfo(zone)).replace(hour=self.hours[1], minute=0, second=0, microsecond=0) for zone in ZONES}
        return {closing.astimezone(UTC) for closing in today}


@dataclass(frozen=True)
class Table:
    """A segment that is read from memory."""

    rows: dict[int, list[dict[str, Any]]]

    def read(self, occurrence: int) -> Iterator[pa.Table]:
        """Yield the rows of an occurrence, in two tables."""
        rows = self.rows[min(occurrence, max(self.rows))]
        for half in (rows[::2], rows[1::2]):
            if half:
                yield pa.Table.from_pylist(half, schema=_SEGMENT)

    def excluded(self) -> pa.Array:
        """Exclude nobody."""
        return pa.array([], pa.string())


_SEGMENT = pa.schema([("recipient_id", pa.string()), ("phone", pa.string()), ("time_zone", pa.string())])


def draw_plans(rng: Random, profile: str) -> tuple[list[Plan], tuple[Limit, ...]]:
    """Return one or two campaigns and the deployment's total limits.

    In ``doubt``, a doubt is tried again, and may yet become the truth. Where it is ``lively``, each person is a batch, and waves come soon;
    where it is ``paced``, all campaigns have a pace, and a batch has several messages.
    """
    people = [
        {"recipient_id": recipient_id, "phone": phone, "time_zone": rng.choice(ZONES)}
        for recipient_id, phone in rng.sample(list(zip(IDS, PHONES, strict=True)), rng.choice((2, 3, 4)))
    ]
    total = tuple(Limit(count=count, within=timedelta(hours=hours)) for count, hours in rng.choice(((), (), ((2, 24),))))
    plans = [_draw_plan(rng, f"c{number}", people, profile) for number in range(rng.choice((1, 2, 2, 2)))]
    return plans, total


def _draw_plan(rng: Random, name: str, people: list[dict[str, Any]], profile: str) -> Plan:
    first = START + timedelta(minutes=rng.choice((0, 0, 0, 0, 0, 1, 30)))
    every = rng.choice((None, None, None, 1, 2))
    count = 1 if every is None else rng.choice((2, 2, 3))
    expires = rng.choice((None, None, timedelta(hours=1), timedelta(hours=5), timedelta(hours=30)))
    if every is not None:
        # So many occurrences, and none after them.
        expires = (count - 1) * timedelta(hours=every) + rng.choice((20, 40, 60 * every - 1)) * timedelta(minutes=1)
    expires_at = None if expires is None else first + expires
    hours = rng.choice((None, None, None, (9, 15), (9, 20)))
    limits = rng.choice(((), ((1, 24),), ((1, 24),), ((1, 1),), ((3, 24), (2, 1))))
    ignores_total = rng.random() < 0.2
    is_reviewed = rng.random() < (1.0 if profile in {"reviewed", "contradicted"} else 0.1)
    settings: dict[str, Any] = {
        "name": name,
        "segment": {"file": "people.csv"},
        "channel": "sms",
        "channels": {
            "sms": {
                "body": "Hello",
                "batch_size": rng.choice(_BATCHES.get(profile, (1, 1, 2))),
                "outcome_deadline": rng.choice(("1 hour", "20 hours")),
            }
        },
        "schedule": {"start": _local(first)},
        "counts": "all_campaigns",
        "on_limit": rng.choice(("drop", "defer")),
        "while_active": rng.choice(("skip", "defer")),
        "ignore_total_limits": ignores_total,
        "review": is_reviewed,
    }
    pace = rng.choice((*PACES, *(() if profile == "paced" else (None,) * 8)))
    if pace is not None:
        settings["channels"]["sms"]["pace"] = pace
    if expires_at is not None:
        settings["schedule"]["expires"] = _local(expires_at)
    if every is not None:
        settings["schedule"]["repeat"] = "hourly" if every == 1 else f"every {every} hours"
    if limits:
        settings["communication_limits"] = [{"count": count, "within": f"{within} hours"} for count, within in limits]
    if hours is not None:
        window = {"days": "mon-sun", "from": f"{hours[0]:02d}:00", "to": f"{hours[1]:02d}:00"}
        settings["communication_time"] = {"time_zone": "recipient", "detect": ["column"], "active": [window]}
    settings["reattempts"] = _draw_rules(rng, in_doubt=profile == "doubt", lively=profile == "lively")
    if rng.random() < 0.2:
        settings["entry_limits"] = {"max": 1, "min_interval": "1 hour"}
    rows = {}
    for number in range(count):
        rows[number] = rng.sample(people, rng.randint(max(1, len(people) - 1), len(people)))
        if rng.random() < 0.2:
            rows[number].append(rng.choice(rows[number]))
    return Plan(
        manifest=_publish(settings),
        occurrences=tuple(first + number * timedelta(hours=every or 0) for number in range(count)),
        expires=expires_at,
        hours=hours,
        limits=tuple((count, timedelta(hours=within)) for count, within in limits),
        ignores_total=ignores_total,
        rows=rows,
        pace=PACES[pace] if pace is not None else None,
        is_reviewed=is_reviewed,
        chunk_size=rng.choice((1, 2, 50)),
        part_rows=rng.choice((2, 100, 100)),
    )


def _draw_rules(rng: Random, *, in_doubt: bool, lively: bool) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    if in_doubt or lively or rng.random() < 0.7:
        wait = rng.choice(("0 minutes", "10 minutes") if lively else ("0 minutes", "10 minutes", "3 hours"))
        codes = ["blocked", "unreachable", *rng.choice(((), ("no_outcome",), ("unknown",), ("no_outcome", "unknown")))]
        if in_doubt:
            codes = ["blocked", "unreachable", "failed", "delivered", "no_outcome", "unknown"]
        rules.append({"when": codes, "channel": "sms", "wait": wait, "times": rng.choice((1, 1, 2))})
    if rng.random() < 0.3:
        rules.append({"when": ["failed", "blocked"], "channel": "sms", "wait": rng.choice(("0 minutes", "1 hour"))})
    return rules


def _local(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M")


def _publish(settings: dict[str, Any]) -> Manifest:
    campaign = Campaign.model_validate_json(json.dumps(settings), strict=True, by_alias=True, by_name=False)
    return seal_manifest(campaign, START - timedelta(days=1), {}, {})
