"""What people do to campaigns while they run, and in which order that came to stand in the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from faults.campaigns import Plan
from faults.scheduler import Actor
from outcamp.steps import suppress
from outcamp.steps.engine import Engine
from outcamp.steps.stop import record_error, resume, stop
from outcamp.steps.suppress import Who


@dataclass(frozen=True)
class Deed:
    """Something that somebody did, or tried to: it is one transaction, whose number its actor knows."""

    kind: str
    campaign: str
    whom: Who | None
    actor: Actor

    @property
    def commit(self) -> int:
        """Return the number of the transaction that did it; 0: it was not done."""
        return self.actor.last_commit

    @property
    def begun(self) -> int:
        """Return how many transactions there had been when that one began."""
        return self.actor.begun


def do(engine: Engine, kind: str, whom: Who, now: datetime) -> None:
    """Do it."""
    if kind in {"stop", "delete"}:
        stop(engine.ledger, engine.manifest, now, delete=kind == "delete")
    elif kind == "error":
        record_error(engine, "somebody saw smoke", now)
    elif kind == "resume":
        resume(engine.ledger, engine.manifest)
    else:
        suppress.add(engine.ledger, whom, None, "complaint", now)


def people(plans: list[Plan]) -> list[Who]:
    """Return everybody in the segments, by id and by number."""
    rows = [row for plan in plans for rows in plan.rows.values() for row in rows]
    ids, phones = sorted({row["recipient_id"] for row in rows}), sorted({row["phone"] for row in rows})
    return [*(Who("recipient", recipient_id) for recipient_id in ids), *(Who("endpoint", phone) for phone in phones)]
