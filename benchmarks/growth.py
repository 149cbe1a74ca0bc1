"""How time and memory grow with the segment: the snapshot, and the filter of each of its parts, each in a process of its own.

    python benchmarks/growth.py [--most 10000000]

Sizes are 100,000, 1 million and, if asked for, up to ``--most``. Counted are the processor's seconds of the step itself, without imports
and without Postgres, so that a busy machine does not matter; memory is the peak of the process, imports and all.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filter import AREAS, CAMPAIGN, NOW, NoRuns
from table import Row, show

from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.manifest import seal_manifest
from outcamp.frames.phone_cache import phone_automaton
from outcamp.segments.source import PublishedSegment
from outcamp.steps.engine import Engine
from outcamp.steps.filter import filter_part
from outcamp.steps.snapshot import snapshot_occurrence
from outcamp.store.embedded import throw_away_database, throw_away_server
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger

MOST_MEMORY = 1500  # MiB a task
PIECE = 500_000


def write_recipients(path: Path, count: int) -> None:
    """Make up customers of the United States, in pieces, so that this process stays small too."""
    rng = np.random.default_rng(7)
    writer = None
    for start in range(0, count, PIECE):
        numbers = np.arange(start, min(start + PIECE, count))
        rng.shuffle(numbers)
        texts = {
            "recipient_id": (numbers, 9, "customer-"),
            "phone": (rng.choice(AREAS.astype(np.int64), len(numbers)) * 10**7 + rng.integers(2 * 10**6, 10**7, len(numbers)), 10, "+1"),
            "postal_code": (rng.integers(1000, 99950, len(numbers)), 5, ""),
        }
        columns = {name: pc.binary_join_element_wise(head, digits(values, width), "") for name, (values, width, head) in texts.items()}
        table = pa.table(columns).append_column("country", pa.repeat("US", len(numbers)))
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()


def digits(values: np.ndarray, width: int) -> pa.Array:
    """Return numbers as texts of one width."""
    return pc.utf8_lpad(pa.array(values).cast(pa.string()), width, "0")


def step(uri: str, home: str, part: str) -> None:
    """Run the snapshot (no part) or the filter of a part in this process, and print what it took."""
    text = CAMPAIGN.replace("LIMITS", "")
    manifest = seal_manifest(campaign_of(read_document(text, "benchmark.yaml")), NOW, {}, {})
    ledger = Ledger.at(uri)
    engine = Engine(manifest, ledger, Lake(Path(home) / "lake", durable=False), {}, NoRuns())
    wall, processor = time.perf_counter(), time.process_time()
    if part:
        filter_part(engine, "run", int(part), NOW)
        parts = [int(part)]
    else:
        segment = PublishedSegment(manifest, Path(home).joinpath, opens=lambda name: name)
        parts = [row.part for row in snapshot_occurrence(engine, segment, "run", NOW, NOW)]
    seconds = {"seconds": time.process_time() - processor, "wall": time.perf_counter() - wall}
    ledger.close()
    print(json.dumps({"parts": parts, **seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def in_a_process(*arguments: str) -> dict[str, float | list[int]]:
    """Run a step in a process of its own, and return what it took."""
    command = [sys.executable, __file__, "--step", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this file
    took: dict[str, float | list[int]] = json.loads(done.stdout.splitlines()[-1])
    return took


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=1_000_000, help="the largest segment; 10 million take some minutes")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        step(*args.step)
        return
    phone_automaton()  # compiled once on a machine: that is no part of a step
    sizes = [size for size in (100_000, 1_000_000, 10_000_000, 100_000_000) if size <= args.most]
    rows, seconds, memory = [], [], []
    with throw_away_server() as server:
        for size in sizes:
            with tempfile.TemporaryDirectory() as home, throw_away_database(server, f"size_{size}") as uri:
                write_recipients(Path(home) / "recipients.parquet", size)
                ledger = Ledger.at(uri)
                ledger.migrate()
                ledger.close()
                snapshot = in_a_process(uri, home, "")
                filters = [in_a_process(uri, home, str(part)) for part in snapshot["parts"]]
            tasks = [snapshot, *filters]
            seconds.append(sum(took["seconds"] for took in tasks) * 1e6 / size)
            memory.append(max(took["memory"] for took in tasks))
            decided = sum(took["seconds"] for took in filters)
            rows += [
                Row(f"{size:,}: snapshot", f"{snapshot['seconds']:.2f} s, {snapshot['memory']:,.0f} MiB"),
                Row(f"{size:,}: filter, {len(filters)} parts", f"{decided:.2f} s, {max(took['memory'] for took in filters):,.0f} MiB"),
                Row(f"{size:,}: both, for each million", f"{seconds[-1]:.2f} s"),
                Row(f"{size:,}: peak memory of a task", f"{memory[-1]:,.0f} MiB", f"{MOST_MEMORY:,} MiB", memory[-1] <= MOST_MEMORY),
            ]
    growth = seconds[-1] / seconds[0]
    rows.append(Row(f"a million of {sizes[-1]:,} against one of {sizes[0]:,}", f"{growth:.2f} x", "1.2 x", growth <= 1.2))
    if len(sizes) > 2:
        larger = memory[-1] / memory[1]
        rows.append(Row(f"memory of {sizes[-1]:,} against {sizes[1]:,}", f"{larger:.2f} x", "1.1 x", larger <= 1.1))
    show("growth with the segment, each task in a process of its own", rows)


if __name__ == "__main__":
    main()
