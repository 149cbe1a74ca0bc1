"""The simulator's transport: what the script says happens when it says so, and everything else ends well at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from outcamp.steps.simulation_input import script_of
from outcamp.transports.base import ANSWERS, INSTANT, OUTCOMES
from outcamp.transports.scripted import ScriptedTransport

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
SCRIPT = [
    {"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 0.0},
    {"recipient_id": "ben", "attempt": 1, "channel": "sms", "disposition": "delivered", "after": 90.5},
    {"recipient_id": "cleo", "attempt": 1, "channel": "sms", "disposition": "unreachable", "after": 30.0},
    {"recipient_id": "dora", "attempt": 2, "channel": "sms", "disposition": "blocked", "after": 0.0},
    {"recipient_id": "emil", "attempt": 1, "channel": "email", "disposition": "bounced", "after": 0.0},
]


@pytest.fixture
def transport() -> ScriptedTransport:
    """Knows the script above; every outcome to come wakes the clock when it happens."""
    return ScriptedTransport(script_of(pa.Table.from_pylist(SCRIPT)), lambda coming: coming["disposed_at"].combine_chunks())


def rows(*names: str, channel: str = "sms") -> pa.Table:
    """First attempts by a channel."""
    count = len(names)
    keys = {"occurrence_id": pa.array([5] * count, pa.int64()), "recipient_id": list(names), "attempt": pa.array([1] * count, pa.int16())}
    return pa.table(keys | {"channel": [channel] * count})


def submit(transport: ScriptedTransport, *names: str, channel: str = "sms") -> list[tuple[str, str | None, datetime | None]]:
    """The answers to a submission."""
    answers = transport.submit(rows(*names, channel=channel), NOW)
    assert ANSWERS == answers.schema
    return [(row["status"], row["disposition"], row["disposed_at"]) for row in answers.to_pylist()]


def test_what_happens_at_once_is_part_of_the_answer(transport: ScriptedTransport) -> None:
    """A scripted outcome after 0 seconds, and the good end of whoever is not in the script."""
    assert [("accepted", "blocked", NOW), ("accepted", "delivered", NOW)] == submit(transport, "ada", "zoe")
    assert [("accepted", "answered", NOW)] == submit(transport, "zoe", channel="automated_voice")
    assert transport.ends_at() is None


def test_an_outcome_is_that_of_its_attempt_and_channel(transport: ScriptedTransport) -> None:
    """The script's second attempt, and its other channel, say nothing about a first one by sms."""
    assert [("accepted", "delivered", NOW)] * 2 == submit(transport, "dora", "emil")
    assert [("accepted", "bounced", NOW)] == submit(transport, "emil", channel="email")


def test_what_happens_later_comes_when_it_happens(transport: ScriptedTransport) -> None:
    """Accepted first; the outcome is there from its own instant on, and names its attempt."""
    assert [("accepted", None, None)] * 2 == submit(transport, "ben", "cleo")
    assert 0 == transport.outcomes(NOW + timedelta(seconds=29)).num_rows
    happened = transport.outcomes(NOW + timedelta(seconds=30))
    assert OUTCOMES == happened.schema
    keys = {"occurrence_id": 5, "recipient_id": "cleo", "attempt": 1, "channel": "sms"}
    assert [keys | {"disposition": "unreachable", "disposed_at": NOW + timedelta(seconds=30)}] == happened.to_pylist()


def test_an_outcome_comes_again_until_it_is_acknowledged(transport: ScriptedTransport) -> None:
    """Whoever took it and crashed gets it once more; an acknowledged one is gone, and the others stay."""
    submit(transport, "ben", "cleo")
    at = NOW + timedelta(seconds=60)
    assert transport.outcomes(at) == transport.outcomes(at)
    transport.acknowledge(at)
    assert 0 == transport.outcomes(at).num_rows
    assert ["ben"] == transport.outcomes(NOW + timedelta(minutes=2))["recipient_id"].to_pylist()


def test_the_clock_is_woken_for_what_is_to_come(transport: ScriptedTransport) -> None:
    """The next moment that matters, and the last one of all."""
    assert transport.wakes_after(NOW) is None
    submit(transport, "ben", "cleo")
    half, last = NOW + timedelta(seconds=30), NOW + timedelta(seconds=90.5)
    assert [half, last, None] == [transport.wakes_after(at) for at in (NOW, half, last)]
    assert last == transport.ends_at()


def test_what_cannot_make_anything_due_wakes_nobody() -> None:
    """An outcome without a moment to wake for is still taken in."""
    transport = ScriptedTransport(script_of(pa.Table.from_pylist(SCRIPT)), lambda coming: pa.nulls(coming.num_rows, INSTANT))
    submit(transport, "ben", "cleo")
    assert transport.wakes_after(NOW) is None
    assert 2 == transport.outcomes(NOW + timedelta(hours=1)).num_rows
