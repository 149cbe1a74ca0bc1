"""The engine's view of DAG runs, answered by Airflow's task API. The only file that speaks to the supervisor of a task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from outcamp.core.run_key import run_key

ALIVE = ["queued", "running"]
INSTANT = "instant"  # in the conf of the runs that waves make: when they are due
OCCURRENCE = "occurrence"  # beside it, where the run is that of an occurrence which was deleted before everybody was decided


def key_of(run_id: str) -> str:
    """Return the run key of a DAG run: its id, fit for the name of a folder."""
    return quote(run_id, safe="")


def id_of(key: str) -> str:
    """Return the id of the DAG run that has this key."""
    return unquote(key)


@dataclass(frozen=True)
class Wave:
    """What a task has to know of the run that it is part of."""

    run: str
    at: datetime
    occurrence: bool
    by_hand: bool = False

    @classmethod
    def of(cls, dag_run: Any) -> Wave:
        """Return the wave that a DAG run is: one that a wave made is due at its instant; any other one is an occurrence.

        Whatever the schedule did not make somebody made by hand, though it were the operator of another DAG.
        """
        kind = dag_run.run_type.value
        conf = dag_run.conf or {}
        if kind == "operator_triggered" and conf.get(INSTANT):
            return cls(key_of(dag_run.run_id), datetime.fromisoformat(conf[INSTANT]), occurrence=bool(conf.get(OCCURRENCE)))
        # Of a scheduled run the interval is the instant of the schedule; a hand-made one counts from when it was asked for.
        at = dag_run.data_interval_start if kind == "scheduled" else None
        return cls(key_of(dag_run.run_id), (at or dag_run.run_after).astimezone(UTC), occurrence=True, by_hand=kind != "scheduled")


@dataclass(frozen=True)
class AirflowRuns:
    """The runs of one DAG."""

    dag_id: str

    def live(self, runs: list[str]) -> set[str]:
        """Return those of these runs that are still queued or running; a run that was deleted is not."""
        # Counted, because the state of a run that was deleted cannot be asked for.
        count = self._count(runs)
        if count in {0, len(runs)}:
            return set(runs) if count else set()
        return {run for run in runs if self._count([run])}

    def make(self, run: str, at: datetime) -> None:
        """Make a run that starts at this instant; one that exists already is left alone."""
        self._trigger(run, run_after=at, conf={INSTANT: at.isoformat()}, note=f"A wave for what is due by {at:%Y-%m-%d %H:%M:%S} UTC.")

    def again(self, run: str, at: datetime) -> None:
        """Run the wave of an occurrence once more: an ended run is cleared, and one that somebody made by hand and deleted comes back."""
        if run == run_key(at) and not self._count([run], None):
            return  # a scheduled run that was deleted: the timetable makes it anew, and two of one instant would collide in the scheduler
        note = f"The occurrence of {at:%Y-%m-%d %H:%M:%S} UTC once more: its wave ended before everybody was decided, or a review answered."
        self._trigger(run, conf={INSTANT: at.isoformat(), OCCURRENCE: True}, note=note, reset_dag_run=True)

    def _trigger(self, run: str, **wanted: Any) -> None:
        from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
        from airflow.sdk.execution_time import task_runner
        from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

        try:
            answer = task_runner.SUPERVISOR_COMMS.send(TriggerDagRun(dag_id=self.dag_id, run_id=id_of(run), **wanted))
        except AirflowRuntimeError as error:
            if error.error.error != ErrorType.DAGRUN_ALREADY_EXISTS:
                raise
            return
        if isinstance(answer, ErrorResponse) and answer.error != ErrorType.DAGRUN_ALREADY_EXISTS:
            raise AirflowRuntimeError(answer)

    def _count(self, runs: list[str], states: list[str] | None = ALIVE) -> int:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        return RuntimeTaskInstance.get_dr_count(self.dag_id, run_ids=[id_of(run) for run in runs], states=states)
