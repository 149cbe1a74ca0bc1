"""The promise under faults: seeds that crash, repeat, delay and interleave the steps, and faults planted to see that they are caught."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.driver import run_seed
from faults.operations import Wires
from faults.planted import CATALOGUE, Planted
from faults.world import new_lake
from outcamp.store.embedded import throw_away_database
from outcamp.store.ledger import Ledger

SEEDS = int(os.environ.get("OUTCAMP_SEEDS", "120"))
# A planted fault must show within so many seeds.
PATIENCE = 200
# So few seeds meet these that CI does not wait for them.
RARE = {"everybody_is_dead", "followed_twice"}
PIECES = 8


@pytest.fixture(scope="module")
def wires(postgres_uri: str) -> Iterator[Wires]:
    """The connections of the actors, to a database of their own."""
    with throw_away_database(postgres_uri, f"faults_{os.getpid()}") as uri:
        ledger = Ledger.at(uri)
        ledger.migrate()
        ledger.close()
        wires = Wires(uri)
        yield wires
        wires.close()


@pytest.fixture(scope="module")
def lake() -> Iterator[Path]:
    """The lake of the seeds."""
    folder = new_lake()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def replay(seed: str) -> str:
    """The line that runs one seed again."""
    return f"replay: OUTCAMP_SEED={seed} .venv/bin/pytest tests/test_faults.py -k replay"


@pytest.mark.parametrize("piece", range(PIECES))
def test_the_promise_holds_under_every_seed(wires: Wires, lake: Path, piece: int) -> None:
    """Nothing is submitted twice, nobody is lost, no limit and no window is broken, wherever the steps are killed."""
    for seed in range(piece, SEEDS, PIECES):
        found = run_seed(str(seed), wires, lake).violations
        assert [] == found, replay(str(seed))


def test_replay(wires: Wires, lake: Path) -> None:
    """One seed again, with everything that happened in it; without a name, the first."""
    report = run_seed(os.environ.get("OUTCAMP_SEED", "0"), wires, lake)
    assert [] == report.violations, "\n".join(report.trace)


@pytest.mark.parametrize("planted", [planted for planted in CATALOGUE if planted.name not in RARE], ids=str)
def test_a_planted_fault_is_caught(wires: Wires, lake: Path, planted: Planted) -> None:
    """The harness has teeth: each fault of the catalogue is noticed, by the check that is there for it."""
    with planted.plant():
        for seed in range(PATIENCE):
            noticed = {violation.split(":")[0] for violation in run_seed(str(seed), wires, lake).violations}
            if noticed & planted.caught_by:
                return
    raise AssertionError(f"{planted} was not caught within {PATIENCE} seeds")
