"""Two people to whom a message went and nothing came back, and files of outcomes for them, for tests of the ways in which outcomes come."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from drafts import HEAD
from outcamp.core.run_key import run_key
from outcamp.steps.outcome_files import TakenIn, take_in_file
from outcamp.steps.send import send
from small_world import NOW, PEOPLE, World, make_world

RULE = "reattempts: [{when: [unreachable], channel: sms, wait: 30 minutes}]\n"
CODE = re.compile(r"outcamp/(steps|store)/")  # whose calls may be the last
LATER = NOW + timedelta(minutes=10)


def sent_world(
    stack: ExitStack,
    uri: str,
    folder: Path,
    more: str = RULE,
    people: list[dict[str, Any]] = PEOPLE,
    head: str = HEAD,
    channel: str = "sms",
) -> World:
    """Return a campaign that has sent its first messages at NOW; the script's outcomes come after every deadline."""
    pending = [{"recipient_id": row["recipient_id"], "attempt": 1, "channel": channel, "disposition": "delivered"} for row in people]
    world = make_world(stack, uri, folder, more, head, people=people, outcomes=[row | {"after": 10_000_000} for row in pending])
    for batch in world.batches():
        send(world.engine, run_key(NOW), batch.batch, lambda: NOW)
    return world


def event(
    recipient: str = "ada", disposition: str | None = "delivered", at: datetime = NOW + timedelta(minutes=1), **more: Any
) -> dict[str, Any]:
    """Return an outcome as a file holds it."""
    return {"campaign": "spring", "recipient_id": recipient, "attempt": 1, "disposition": disposition, "disposed_at": at.isoformat()} | more


def written(folder: Path, events: list[dict[str, Any]], name: str = "outcomes.jsonl") -> Path:
    """Write outcomes as JSON lines."""
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in events), encoding="utf-8")
    return path


def take(world: World, path: Path, now: datetime = LATER) -> TakenIn:
    """Take a file in."""
    return take_in_file(world.engine.ledger, {"spring": world.engine.manifest}.get, path, lambda: now)


def dispositions(world: World) -> list[tuple[Any, ...]]:
    """Return each attempt, what became of it, and whether it counts."""
    return world.rows(
        "SELECT recipient_id, attempt, disposition, counted_at IS NOT NULL FROM outcamp.attempts ORDER BY 1, 2, occurrence_id"
    )


def kept_aside(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Return what is kept aside, and why."""
    return world.rows("SELECT reason, event FROM outcamp.events_not_matched ORDER BY event_id")


def forget_outcomes(world: World) -> None:
    """Set the books back to when the messages had gone and nothing had come back."""
    world.change("DELETE FROM outcamp.events_not_matched")
    world.change("DELETE FROM outcamp.suppressions")
    world.change("DELETE FROM outcamp.attempts WHERE attempt > 1")
    world.change("UPDATE outcamp.attempts SET state = 'sent', disposition = NULL, disposed_at = NULL, counted_at = submitted_at")
    world.change("UPDATE outcamp.entries SET exited_at = NULL, exit_reason = NULL")


class Killed(BaseException):
    """Nothing catches it, as nothing catches a SIGKILL."""


def killed(number: int, do: Callable[[], object]) -> bool:
    """Do it, and die at the so-manieth call that a step or the store makes or comes back from; False when it makes fewer."""
    seen = 0

    def look(frame: FrameType, what: str, _: Any) -> None:
        nonlocal seen
        caller = frame if what.startswith("c_") else frame.f_back
        if caller is not None and CODE.search(caller.f_code.co_filename):
            seen += 1
            if seen == number:
                raise Killed

    sys.setprofile(look)
    try:
        do()
    except Killed:
        return True
    finally:
        sys.setprofile(None)
    return False
