"""The product and the oracle say the same of campaigns that hypothesis makes up."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, note, settings
from pyarrow import parquet

from oracle.campaign_oracle import simulate_by_hand
from oracle.holdout import is_held_out
from oracle.strategies import Case, cases
from outcamp.steps.simulate import simulate

TEXT, INSTANT = pa.string(), pa.timestamp("us", tz="UTC")
HISTORY = pa.schema([("recipient_id", TEXT), ("campaign", TEXT), ("contacted_at", INSTANT), ("active", pa.bool_())])
OUTCOMES = pa.schema([("recipient_id", TEXT), ("attempt", pa.int64()), ("channel", TEXT), ("disposition", TEXT), ("after", pa.float64())])
SUPPRESSIONS = pa.schema([("recipient_id", TEXT), ("endpoint", TEXT), ("channel", TEXT)])
VERDICT_COLUMNS = ["wave_at", "occurrence", "recipient_id", "attempt", "channel", "verdict", "reason", "due_at"]
ATTEMPT_COLUMNS = ["occurrence", "recipient_id", "attempt", "channel", "sent_at", "disposition", "disposed_at", "counted", "rule"]


@pytest.fixture(scope="session")
def case_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the case in hand, and after a failure the one that failed."""
    return tmp_path_factory.mktemp("case")


def tables_of(case: Case) -> dict[str, pa.Table]:
    """Put the rows of a case into the tables that simulate reads."""
    columns = [(name, pa.int64() if name == "occurrence" else TEXT) for name in case.recipients[0]]
    return {
        "recipients": pa.Table.from_pylist(case.recipients, schema=pa.schema(columns)),
        "history": pa.Table.from_pylist(case.history, schema=HISTORY),
        "outcomes": pa.Table.from_pylist(case.outcomes, schema=OUTCOMES),
        "suppressions": pa.Table.from_pylist(case.suppressions, schema=SUPPRESSIONS),
    }


def in_order(rows: list[dict[str, Any]], columns: list[str]) -> list[dict[str, Any]]:
    """Sort rows by all of their columns, whatever order they came in; a null comes before anything else."""
    return sorted(
        ({name: row[name] for name in columns} for row in rows),
        key=lambda row: [(value is not None, str(value)) for value in row.values()],
    )


@settings(max_examples=int(os.environ.get("OUTCAMP_EXAMPLES", "60")), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_simulate_agrees_with_the_oracle(case: Case, case_folder: Path, postgres_uri: str):
    """Every verdict and every attempt of a made-up campaign is the one that the rules give by hand, and the books balance."""
    file = case_folder / "case.yaml"
    text = yaml.safe_dump(case.campaign, sort_keys=False, allow_unicode=True)
    file.write_text(text, encoding="utf-8")
    tables = tables_of(case)
    for name, table in tables.items():
        parquet.write_table(table, case_folder / f"{name}.parquet")
    span = f"--at {case.at.isoformat()} --until {case.until and case.until.isoformat()} --wave-interval {case.wave_interval}"
    note(f"{case_folder}: {span}\n{text}")

    expected = simulate_by_hand(
        case.campaign,
        case.recipients,
        case.history,
        case.outcomes,
        case.at,
        until=case.until,
        wave_interval=case.wave_interval,
        suppressions=case.suppressions,
        held_out=partial(is_held_out, case.campaign),
    )
    found = simulate(
        campaign_text=text,
        file=str(file),
        **tables,
        at=case.at,
        until=case.until,
        wave_interval=timedelta(seconds=case.wave_interval),
        postgres=postgres_uri,
    )
    assert in_order(expected.verdicts, VERDICT_COLUMNS) == in_order(found.verdicts.to_pylist(), VERDICT_COLUMNS)
    assert in_order(expected.attempts, ATTEMPT_COLUMNS) == in_order(found.attempts.to_pylist(), ATTEMPT_COLUMNS)
    assert found.summary["balanced"] is True
