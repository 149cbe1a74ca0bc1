"""Eight processes of four campaigns want the same people at the same moment, through the real send step."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pyarrow as pa

from drafts import campaign
from outcamp.core.dispositions import Channel
from outcamp.core.manifest import seal_manifest
from outcamp.core.run_key import run_key
from outcamp.steps.engine import Engine
from outcamp.steps.fan_out import fan_out
from outcamp.steps.filter import filter_part
from outcamp.steps.send import send
from outcamp.steps.snapshot import snapshot_occurrence
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger
from outcamp.transports.base import Capabilities, same_answer
from small_world import People, Runs

ROUNDS = int(os.environ.get("OUTCAMP_ROUNDS", "6"))
CAMPAIGNS = ("autumn", "spring", "summer", "winter")
TRIES = [(name, half) for name in CAMPAIGNS for half in (0, 1)]
AT_MOST = 2
PERSONS = 60
HEAD = """\
name: NAME
segment: {file: people.csv}
channel: sms
channels: {sms: {body: Hello, batch_size: 15}}
"""
LIMITS = f"communication_limits: [{{count: {AT_MOST}, within: 1 day}}]\n"


class Provider:
    """Another system: it accepts everything, and keeps a log of its own."""

    capabilities = Capabilities(chunk_size=15)

    def __init__(self, uri: str, name: str) -> None:
        self._uri, self._name = uri, name

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Log what arrives."""
        with psycopg.connect(self._uri) as connection:
            values = [self._name, rows["recipient_id"].to_pylist()]
            connection.execute("INSERT INTO provider_log SELECT %s, r FROM unnest(%s::text[]) AS r", values)
        return same_answer(rows.num_rows, status="accepted")

    def outcomes(self, now: datetime) -> pa.Table:
        """Nothing ever comes back."""
        raise NotImplementedError

    def acknowledge(self, now: datetime) -> None:
        """Nothing ever came back."""


def engine(uri: str, folder: Path, name: str, published_at: datetime) -> Engine:
    """One of the campaigns, over a connection of its own."""
    settings = campaign(LIMITS, HEAD.replace("NAME", name))
    lake, transports = Lake(folder, durable=False), {Channel.SMS: Provider(uri, name)}
    return Engine(seal_manifest(settings, published_at, {}, {}), Ledger.at(uri), lake, transports, Runs())


def work(uri: str, folder: Path, published_at: datetime, run: str, name: str, half: int) -> int:
    """Send every second batch of a wave, and return how many rows went."""
    mine = engine(uri, folder, name, published_at)
    batches = [batch.batch for batch in fan_out(mine, run, mine.ledger.now())][half::2]
    done = [send(mine, run, batch, mine.ledger.now) for batch in batches]
    mine.ledger.close()
    return sum(sent.submitted for sent in done)


def test_limits_hold_when_everybody_sends_at_once(database_uri: str, tmp_path: Path) -> None:
    """By the log of the one who receives, everybody is reached as often as the limit allows, never more, and nobody deadlocks."""
    with psycopg.connect(database_uri, autocommit=True) as connection:
        connection.execute("CREATE TABLE provider_log (campaign text, recipient_id text)")
    ledger = Ledger.at(database_uri)
    ledger.migrate()
    published_at = ledger.now()
    ledger.close()
    planners = [engine(database_uri, tmp_path, name, published_at) for name in CAMPAIGNS]
    context = get_context("forkserver")
    context.set_forkserver_preload(["outcamp.steps.send", "outcamp.steps.snapshot"])
    with ProcessPoolExecutor(len(TRIES), mp_context=context) as pool:
        for number in range(ROUNDS):
            people = pa.table({"recipient_id": [f"{number}-{person}" for person in range(PERSONS)], "phone": ["+12025550143"] * PERSONS})
            at = published_at + timedelta(seconds=number)
            for planner in planners:
                (part,) = snapshot_occurrence(planner, People([people]), run_key(at), at, published_at)
                decided = filter_part(planner, run_key(at), part.part, planner.ledger.now())
                assert (("send", "", PERSONS),) == decided.funnel
                fan_out(planner, run_key(at), at)
            ways = [pool.submit(work, database_uri, tmp_path, published_at, run_key(at), *which) for which in TRIES]
            assert AT_MOST * PERSONS == sum(way.result() for way in ways)
    for planner in planners:
        planner.ledger.close()

    with psycopg.connect(database_uri) as connection:
        log = connection.execute(
            "SELECT messages, campaigns, count(*) FROM (SELECT count(*) AS messages, count(DISTINCT campaign) AS campaigns"
            " FROM provider_log GROUP BY recipient_id) AS each GROUP BY 1, 2"
        ).fetchall()
        exits = connection.execute("SELECT exit_reason, count(*) FROM outcamp.entries GROUP BY 1 ORDER BY 1").fetchall()
    everybody = ROUNDS * PERSONS
    assert [(AT_MOST, AT_MOST, everybody)] == log
    assert [("over_limit", (len(CAMPAIGNS) - AT_MOST) * everybody), (None, AT_MOST * everybody)] == exits
