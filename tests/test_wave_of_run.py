"""Which wave a DAG run is: what the schedule made, what a wave made, and what anybody else made."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from outcamp.dag.runs import Wave

AT, LATER = datetime(2026, 12, 1, 15, tzinfo=UTC), datetime(2026, 12, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "conf", "wave"),
    [
        ("scheduled", None, Wave("r%2B1", AT, occurrence=True)),
        ("manual", {"contact_again": True}, Wave("r%2B1", LATER, occurrence=True, by_hand=True)),
        ("operator_triggered", {}, Wave("r%2B1", LATER, occurrence=True, by_hand=True)),
        ("asset_triggered", None, Wave("r%2B1", LATER, occurrence=True, by_hand=True)),
        ("operator_triggered", {"instant": AT.isoformat()}, Wave("r%2B1", AT, occurrence=False)),
        ("operator_triggered", {"instant": AT.isoformat(), "occurrence": True}, Wave("r%2B1", AT, occurrence=True)),
    ],
)
def test_what_neither_the_schedule_nor_a_wave_made_is_made_by_hand(kind: str, conf: dict[str, Any] | None, wave: Wave) -> None:
    """Also what the operator of another DAG triggers contacts people again, and is asked whether it means to."""
    run = SimpleNamespace(run_type=SimpleNamespace(value=kind), conf=conf, run_id="r+1", data_interval_start=AT, run_after=LATER)
    assert wave == Wave.of(run)
