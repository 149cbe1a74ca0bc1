"""A campaign whose people have all left it a month ago, for tests of what happens to old attempts."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from outcamp.core.run_key import run_key
from outcamp.steps.audit import Breach, audit
from outcamp.steps.feed_back import feed_back
from outcamp.steps.progress import refresh
from outcamp.steps.report import write_report
from outcamp.steps.retain import retain
from outcamp.steps.send import send
from small_world import ADA, BEN, NOW, RUN, World, make_world

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MONTH_LATER = NOW + 30 * DAY
RULES = """\
reattempts: [{when: [blocked], channel: sms, wait: 10 minutes}]
communication_limits: [{count: 2, within: 1 day}]
"""
PEOPLE = [{"recipient_id": "ada", "phone": ADA}, {"recipient_id": "ben", "phone": BEN}, {"recipient_id": "cleo", "phone": "+13035550143"}]
OUTCOMES = [
    {"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 60},
    *({"recipient_id": name, "attempt": 1, "channel": "sms", "disposition": "delivered", "after": 60} for name in ("ben", "cleo")),
    {"recipient_id": "ada", "attempt": 2, "channel": "sms", "disposition": "delivered", "after": 60},
]


def ended_world(stack: ExitStack, uri: str, folder: Path, more: str = RULES) -> World:
    """Return a campaign that has sent to three people, to Ada twice, and in which nobody is any more."""
    world = make_world(stack, uri, folder, more, people=PEOPLE, outcomes=OUTCOMES)
    again = NOW + 11 * MINUTE
    for run, at, batches in ((RUN, NOW, world.batches), (run_key(again, 1), again, lambda: world.due(again))):
        for batch in batches():
            send(world.engine, run, batch.batch, lambda at=at: at)
        write_report(world.engine, run, feed_back(world.engine, run, at))
    feed_back(world.engine, run, again + 2 * MINUTE)
    count(world)
    return world


def count(world: World) -> None:
    """Count all occurrences anew for the pages."""
    world.change("DELETE FROM outcamp.progress")
    refresh(world.engine.ledger, NOW + DAY)


def move(world: World, now: datetime = MONTH_LATER, keep: timedelta = 20 * DAY, **budget: Any) -> int:
    """Move what is older than this."""
    return retain(world.engine.ledger, now - keep, now, **budget)


def attempts_in(world: World, table: str) -> list[str]:
    """Return the rows of one of the tables of attempts, as text."""
    return [row for (row,) in world.rows(f"SELECT a::text FROM outcamp.{table} a ORDER BY 1")]


def breaches(world: World) -> tuple[Breach, ...]:
    """Return what the audit finds."""
    engine = world.engine
    return audit(engine.ledger, engine.lake, {"spring": engine.manifest}, MONTH_LATER).breaches
