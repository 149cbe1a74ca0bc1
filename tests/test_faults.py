"""The promise under faults: seeds that crash, repeat, delay and interleave the steps, and faults planted to see that they are caught."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.driver import replay, run_seed
from faults.planted import CATALOGUE, Planted, silence_beats_truth
from faults.soak import ground, run_chunk
from faults.wires import Wires

SEEDS = int(os.environ.get("OUTCAMP_SEEDS", "2000" if os.environ.get("CI") else "400"))
PIECES = 16
# A planted fault must show within so many seeds.
PATIENCE = 200
Ground = tuple[Wires, Path]


@pytest.fixture(scope="module", name="ground")
def ground_of_the_seeds(postgres_uri: str) -> Iterator[Ground]:
    """The database and the lake of the seeds."""
    with ground(postgres_uri, f"faults_{os.getpid()}") as made:
        yield made


@pytest.mark.parametrize("piece", range(PIECES))
def test_the_promise_holds_under_every_seed(ground: Ground, piece: int) -> None:
    """Nothing is submitted twice, nobody is lost, no limit and no window is broken, wherever the steps are killed."""
    for seed in range(piece, SEEDS, PIECES):
        found = run_seed(str(seed), *ground).violations
        assert [] == found, f"replay: {replay(str(seed))}"


def test_replay(ground: Ground) -> None:
    """One seed again, with everything that happened in it; without a name, the first."""
    report = run_seed(os.environ.get("OUTCAMP_SEED", "0"), *ground)
    assert [] == report.violations, "\n".join(report.trace)


def test_a_seed_is_the_same_whatever_ran_before(ground: Ground) -> None:
    """A seed that is run again does the same, step by step, and finds the same."""
    seeds = [*(str(seed) for seed in range(20)), *(f"twins/{seed}" for seed in range(10))]
    once = {seed: run_seed(seed, *ground) for seed in seeds}
    again = {seed: run_seed(seed, *ground) for seed in reversed(seeds)}
    assert once == again


def test_a_soak_names_the_seeds_that_break_the_promise(ground: Ground, postgres_uri: str) -> None:
    """A chunk of a long run says how many seeds it ran, and what each of those found that found anything."""
    with silence_beats_truth():
        number, found = run_chunk((postgres_uri, 0, 6))
        expected = {str(seed): run_seed(str(seed), *ground).violations for seed in range(6)}
    assert (6, {seed: lines for seed, lines in expected.items() if lines}) == (number, found)
    assert found


def test_the_catalogue_is_documented() -> None:
    """The page on fault testing lists every planted fault with what it does and which checks notice it, in the order of the catalogue."""
    page = Path(__file__).parents[1].joinpath("docs", "fault-testing.md").read_text(encoding="utf-8")
    assert [planted.row for planted in CATALOGUE] == [line for line in page.split("## Teeth")[1].splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("planted", CATALOGUE, ids=str)
def test_a_planted_fault_is_caught(ground: Ground, planted: Planted) -> None:
    """The harness has teeth: each fault of the catalogue is noticed, by the check that is there for it."""
    with planted.plant():
        for number in range(PATIENCE):
            noticed = {violation.split(":")[0] for violation in run_seed(planted.seed(number), *ground).violations}
            if noticed & planted.caught_by:
                return
    raise AssertionError(f"{planted} was not caught within {PATIENCE} seeds")
