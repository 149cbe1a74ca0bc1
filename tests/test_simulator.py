"""The built-in simulator: the same seed gives the same fate, some of it later, and what is to come survives its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from outcamp.core.dispositions import DISPOSITIONS, Channel
from outcamp.store.ledger import Ledger
from outcamp.store.simulated import SimulatedOutcomes
from outcamp.transports.simulator import CHANCES, SimulatorTransport

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def ledger(database_uri: str) -> Iterator[Ledger]:
    with closing(Ledger.at(database_uri)) as ledger:
        ledger.migrate()
        yield ledger


def rows(count: int, first: int = 0, channel: str = "sms") -> pa.Table:
    ids = [f"p{number}" for number in range(first, first + count)]
    columns = {
        "occurrence_id": [7] * count,
        "recipient_id": ids,
        "attempt": pa.array([1] * count, pa.int16()),
        "channel": [channel] * count,
    }
    return pa.table(columns)


def simulator(ledger: Ledger, seed: int = 1, campaign: str = "spring") -> SimulatorTransport:
    return SimulatorTransport(seed, campaign, SimulatedOutcomes(ledger, campaign))


def test_every_disposition_that_can_happen_is_one_of_its_channel() -> None:
    """The table of chances names dispositions of the contract, and no channel has more than a thousand in a thousand."""
    assert set(Channel) == set(CHANCES)
    for channel, chances in CHANCES.items():
        assert {code for code, _, _ in chances} <= set(DISPOSITIONS[channel])
        assert sum(share for _, share, _ in chances) <= 1000


def test_the_fate_of_an_attempt_does_not_depend_on_its_batch(ledger: Ledger) -> None:
    """Submitted together or one by one, in whichever process, the same person's attempt ends the same."""
    together, apart = simulator(ledger, campaign="a"), simulator(ledger, campaign="b")
    together._salt = apart._salt = "1/same/"  # noqa: SLF001 - two sets of books for one seed
    together.submit(rows(200), NOW)
    for first in range(0, 200, 50):
        apart.submit(rows(50, first), NOW)
    assert together.outcomes(LATER).sort_by("recipient_id") == apart.outcomes(LATER).sort_by("recipient_id")


def test_another_seed_is_another_fate(ledger: Ledger) -> None:
    """Two seeds do not draw the same dispositions."""
    first, second = simulator(ledger, 1), simulator(ledger, 2)
    assert first.submit(rows(2000), NOW)["disposition"] != second.submit(rows(2000), NOW)["disposition"]


def test_each_message_ends_once_at_once_or_later_or_never(ledger: Ledger) -> None:
    """Most of what becomes of messages comes later and after their submission; about as often as the table says."""
    transport = simulator(ledger)
    answers = transport.submit(rows(5000), NOW)
    outcomes = transport.outcomes(LATER)
    at_once = answers["disposition"].drop_null()
    assert {"invalid_number"} == set(at_once.to_pylist())
    assert 4850 < len(at_once) + outcomes.num_rows < 5000
    assert 0.88 < outcomes["disposition"].to_pylist().count("delivered") / 5000 < 0.95
    assert outcomes.num_rows == len(set(outcomes["recipient_id"].to_pylist()))
    assert NOW + timedelta(seconds=1) <= min(outcomes["disposed_at"].to_pylist())


def test_outcomes_wait_until_they_have_happened_and_until_they_are_acknowledged(ledger: Ledger) -> None:
    """Another process finds what the first one left, again and again until it says that it has them."""
    simulator(ledger).submit(rows(300), NOW)
    assert 0 == simulator(ledger).outcomes(NOW).num_rows
    reader = simulator(ledger)
    found = reader.outcomes(LATER)
    assert found == simulator(ledger).outcomes(LATER)
    reader.acknowledge(LATER)
    assert 0 == simulator(ledger).outcomes(LATER).num_rows


def test_what_happens_between_reading_and_acknowledging_is_kept(ledger: Ledger) -> None:
    """Exactly the outcomes that were handed out are forgotten."""
    simulator(ledger).submit(rows(100), NOW)
    reader = simulator(ledger)
    seen = reader.outcomes(LATER).num_rows
    simulator(ledger).submit(rows(100, first=100), NOW)
    reader.acknowledge(LATER)
    left = simulator(ledger).outcomes(LATER)
    assert seen > 0
    assert all(int(one[1:]) >= 100 for one in left["recipient_id"].to_pylist())
    assert left.num_rows > 0
