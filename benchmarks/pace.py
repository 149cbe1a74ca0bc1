"""The pace: four processes send the batches of two campaigns over one connection, and the receiving server counts.

    python benchmarks/pace.py [--pace 100] [--seconds 20]

The receiver is a webhook on loopback, in a process of its own, which notes when each message arrived and answers after as long as a
provider might take. Prints one table: the most messages of any second, and how much of the pace was used.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow as pa
from table import Row, show

from outcamp.core.campaign_file import campaign_of
from outcamp.core.dispositions import Channel
from outcamp.core.document import read_document
from outcamp.core.manifest import seal_manifest
from outcamp.core.run_key import run_key
from outcamp.steps.engine import Engine
from outcamp.steps.fan_out import fan_out
from outcamp.steps.filter import filter_part
from outcamp.steps.send import send
from outcamp.steps.simulation_input import TableSegment
from outcamp.steps.snapshot import snapshot_occurrence
from outcamp.steps.virtual_clock import NoRuns
from outcamp.store.embedded import throw_away_server
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger
from outcamp.transports.webhook import Receiver, WebhookTransport

WORKERS = 4
CAMPAIGNS = ("autumn", "spring")
PROVIDER_TAKES = 0.03
CAMPAIGN = """
name: NAME
segment: {file: recipients.parquet}
channel: sms
channels: {sms: {transport: hook, body: Hello you, pace: PACE/second, batch_size: ROWS}}
"""
Settings = tuple[int, int, int, datetime]  # pace, rows of a batch, the receiver's port, the instant of publishing


def receive(to: Connection) -> None:
    """Serve webhooks until told to end; then hand over when each message arrived, in seconds."""
    arrivals: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
            arrivals.extend([time.monotonic()] * len(messages))
            time.sleep(PROVIDER_TAKES)
            body = json.dumps({"answers": [{"reference": one["reference"], "status": "accepted"} for one in messages]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    to.send(server.server_address[1])
    server.timeout = 0.05
    while not to.poll():
        server.handle_request()
    to.send(sorted(arrivals))


def engine_of(uri: str, folder: Path, name: str, settings: Settings) -> Engine:
    """Return the engine of one of the campaigns, over connections of its own."""
    pace, rows, port, published_at = settings
    text = CAMPAIGN.replace("NAME", name).replace("PACE", str(pace)).replace("ROWS", str(rows))
    manifest = seal_manifest(campaign_of(read_document(text, f"{name}.yaml")), published_at, {}, {})
    hook = WebhookTransport(Receiver(f"http://127.0.0.1:{port}/", "s3cret"), name, Channel.SMS)
    return Engine(manifest, Ledger.at(uri), Lake(folder, durable=False), {Channel.SMS: hook}, NoRuns())


def work(uri: str, folder: Path, name: str, batch: int, run: str, settings: Settings) -> tuple[int, float, float]:
    """Send one batch, as a task does, and return how many messages went, from when to when."""
    engine = engine_of(uri, folder, name, settings)
    engine.ledger.now()
    begin = time.monotonic()
    sent = send(engine, run, batch, engine.ledger.now, wait=lambda wait: time.sleep(wait.total_seconds()))
    end = time.monotonic()
    engine.ledger.close()
    return sent.submitted, begin, end


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pace", type=int, default=100, help="messages a second")
    parser.add_argument("--seconds", type=int, default=20, help="how long")
    args = parser.parse_args()
    rows = args.pace * args.seconds // WORKERS
    context = get_context("spawn")
    with throw_away_server() as uri, tempfile.TemporaryDirectory() as folder:
        here, there = context.Pipe()
        receiver = context.Process(target=receive, args=(there,), daemon=True)
        receiver.start()
        ledger = Ledger.at(uri)
        ledger.migrate()
        at = ledger.now()
        settings = (args.pace, rows, here.recv(), at)
        run, tasks = run_key(at), list[tuple[str, int]]()
        for name in CAMPAIGNS:
            engine = engine_of(uri, Path(folder), name, settings)
            count = rows * WORKERS // len(CAMPAIGNS)
            ids = [f"{name}-{number}" for number in range(count)]
            people = TableSegment(pa.table({"recipient_id": ids, "phone": ["+12025550143"] * count}))
            for part in snapshot_occurrence(engine, people, run, at, at):
                filter_part(engine, run, part.part, at)
            tasks += [(name, batch.batch) for batch in fan_out(engine, run, at)]
        with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
            done = [pool.submit(work, uri, Path(folder), name, batch, run, settings) for name, batch in tasks]
            counts, begins, ends = zip(*(one.result() for one in done), strict=True)
        here.send("enough")
        arrivals = np.array(here.recv())
    in_any_second = np.searchsorted(arrivals, arrivals + 1.0) - np.arange(len(arrivals))
    # While all of them have work.
    begin, end = max(begins) + 1, min(ends)
    used = np.count_nonzero((arrivals > begin) & (arrivals < end)) / (end - begin) / args.pace
    rate = f"{args.pace} a second"
    table = [
        Row("messages that went, of the two campaigns", f"{sum(counts):,} of {rows * WORKERS:,}"),
        Row("the most in any second, at the receiver", f"{in_any_second.max():,}", rate, in_any_second.max() <= args.pace),
        Row("the pace that was used, while all had work", f"{used:.1%}", "95 %", used > 0.95),
    ]
    show(
        f"Pace: {WORKERS} processes, two campaigns, one connection, {rate}, a provider that takes {1000 * PROVIDER_TAKES:.0f} ms",
        table,
    )


if __name__ == "__main__":
    main()
