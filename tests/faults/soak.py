"""Run many seeds on all cores, and print the line that replays each one that broke the promise: ``make soak SEEDS=100000 FIRST=0``."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import chain, count
from multiprocessing import cpu_count, get_context
from pathlib import Path
from time import monotonic

import pyarrow as pa

from faults.driver import replay, run_seed
from faults.wires import Wires
from faults.world import new_lake
from outcamp.store.embedded import throw_away_database, throw_away_server
from outcamp.store.ledger import Ledger

CHUNK = 50  # seeds that a process runs before it says how it goes
_numbers = count()


@contextmanager
def ground(server_uri: str, name: str) -> Iterator[tuple[Wires, Path]]:
    """Make a database and a lake for seeds, one after the other, and remove both at the end."""
    threads = pa.cpu_count(), pa.io_thread_count()
    pa.set_cpu_count(1)  # a few rows: handing them to other threads costs more than it saves
    pa.set_io_thread_count(1)
    lake = new_lake()
    try:
        with throw_away_database(server_uri, name) as uri:
            ledger = Ledger.at(uri)
            ledger.migrate()
            ledger.close()
            wires = Wires(uri)
            yield wires, lake
            wires.close()
    finally:
        shutil.rmtree(lake, ignore_errors=True)
        pa.set_cpu_count(threads[0])
        pa.set_io_thread_count(threads[1])


def run_chunk(task: tuple[str, int, int]) -> tuple[int, dict[str, list[str]]]:
    """Run the seeds from one number to another, and return how many there were, and what those found that found anything."""
    server_uri, first, after = task
    found, seeds = {}, iter(range(first, after))
    while (begun := next(seeds, None)) is not None:
        with ground(server_uri, f"soak_{first}_{next(_numbers)}") as (wires, lake):
            for seed in map(str, chain([begun], seeds)):
                try:
                    violations = run_seed(seed, wires, lake).violations
                except Exception as error:  # noqa: BLE001 - what the harness itself stumbles over is to be seen as well, and on new ground it goes on
                    found[seed] = [f"the harness failed: {error!r}"]
                    break
                if violations:
                    found[seed] = violations
    return after - first, found


def soak(first: int, seeds: int, processes: int) -> int:
    """Run so many seeds, say every few seconds how far they are, and return how many broke the promise."""
    began, done, broken = monotonic(), 0, 0
    with throw_away_server() as uri, ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        tasks = [(uri, start, min(start + CHUNK, first + seeds)) for start in range(first, first + seeds, CHUNK)]
        try:
            for number, found in pool.map(run_chunk, tasks):
                done, broken = done + number, broken + len(found)
                for seed, violations in found.items():
                    sys.stdout.write("\n  ".join([f"\n{replay(seed)}", *violations[:5]]) + "\n")
                rate = done / (monotonic() - began)
                sys.stdout.write(f"\rseeds {first:,} to {first + done - 1:,}: {broken:,} broke the promise, {rate:.1f} a second")
                sys.stdout.flush()
        except KeyboardInterrupt:
            sys.stdout.write(f"\nstopped: FIRST={first + done} goes on")
    sys.stdout.write("\n")
    return broken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them: go on where an earlier run was stopped")
    parser.add_argument("--processes", type=int, default=cpu_count())
    asked = parser.parse_args()
    for stop in (signal.SIGINT, signal.SIGTERM):  # either one, also in the background, leaves no server behind
        signal.signal(stop, signal.default_int_handler)
    sys.exit(soak(asked.first, asked.seeds, asked.processes) > 0)
