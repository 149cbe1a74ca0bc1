"""Keeps waves from asking for one run after another when the first of them has not begun.

A run that is still to come will take whatever is due when it begins, and makes the next one itself. So a run is asked for only
when none that is due earlier is alive: at a busy time, or while the DAG is paused, waves do not pile up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outcamp.steps.engine import Runs
from outcamp.store import planned_runs
from outcamp.store.ledger import Ledger


@dataclass(frozen=True)
class PlannedRuns:
    """The runs of one campaign, each asked for only where it is needed."""

    ledger: Ledger
    campaign: str
    runs: Runs

    def live(self, runs: list[str]) -> set[str]:
        """Return those of these run keys whose run is still queued or running."""
        return self.runs.live(runs)

    def make(self, run: str, at: datetime) -> None:
        """Make a run that starts at this instant, unless one that starts before has not begun."""
        with self.ledger.transaction() as tx:
            coming = [key for key, instant in planned_runs.still_to_come(tx, self.campaign).items() if instant <= at]
        alive = self.runs.live(coming) if coming else set()
        if alive - {run}:
            return
        with self.ledger.transaction() as tx:
            planned_runs.forget(tx, self.campaign, [key for key in coming if key not in alive])
            # Noted first: a crash between the two leaves a note of a run that is not alive, which is made again.
            planned_runs.plan(tx, self.campaign, run, at)
        self.runs.make(run, at)

    def again(self, run: str, at: datetime) -> None:
        """Run the wave of an occurrence once more."""
        self.runs.again(run, at)
