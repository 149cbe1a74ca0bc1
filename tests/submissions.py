"""Rows as send hands them to a transport, for tests of transports alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from outcamp.steps.send import reference_column
from outcamp.transports.base import INSTANT, REFERENCE, SUBMISSION, VALID_UNTIL

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
TEXTS = {"email": {"subject": "Hello", "body": "Hello you"}, "sms": {"body": "Hello you"}}


def rows(*people: dict[str, Any], channel: str = "email", chunk: int = 0, until: datetime | None = LATER) -> pa.Table:
    """A chunk of first attempts: each person is an endpoint, and may have an id, parts of the message and columns of their own."""
    count = len(people)
    parts = TEXTS.get(channel, {})
    names = [*parts, *sorted({name for one in people for name in one} - {"endpoint", "recipient_id", *parts} - set(columns(people)))]
    table = {
        "occurrence_id": pa.array([7] * count, pa.int64()),
        "occurrence": pa.array([0] * count, pa.int32()),
        "recipient_id": pa.array([one.get("recipient_id", f"p{number}") for number, one in enumerate(people)], pa.string()),
        "attempt": pa.array([1] * count, pa.int16()),
        "channel": pa.array([channel] * count, pa.string()),
        "endpoint": pa.array([one["endpoint"] for one in people], pa.string()),
        "zones": pa.nulls(count, pa.string()),
    }
    table |= {f"content.{name}": pa.array([one.get(name, parts.get(name)) for one in people], pa.string()) for name in names}
    table |= {name: pa.array([one.get(name) for one in people]) for name in columns(people)}
    made = pa.table(table)
    return (
        made.append_column(REFERENCE, reference_column("spring", made))
        .append_column(SUBMISSION, pa.repeat(pa.scalar(f"20261201T150000Z-0-1-{chunk}"), count))
        .append_column(VALID_UNTIL, pa.repeat(pa.scalar(until, INSTANT), count))
    )


def columns(people: tuple[dict[str, Any], ...]) -> list[str]:
    """The recipients' own columns among what is said of people."""
    return sorted({name for one in people for name in one if name.startswith("column.")})


def statuses(answers: pa.Table) -> list[str]:
    """The status of each answer."""
    found: list[str] = answers["status"].to_pylist()
    return found


def said(answers: pa.Table) -> list[tuple[str, str | None]]:
    """The status and the disposition of each answer."""
    return list(zip(statuses(answers), answers["disposition"].to_pylist(), strict=True))
