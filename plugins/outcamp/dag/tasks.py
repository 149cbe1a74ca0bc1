"""The tasks of a campaign's DAG: each one calls a step and hands on references and counts, never recipients.

Everything heavy is imported inside: Airflow's DAG processor reads this file for every campaign.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from outcamp.core.errors import Permanent, Transient
from outcamp.dag.runs import Wave

if TYPE_CHECKING:
    from outcamp.steps.engine import Engine
    from outcamp.steps.review import Question
    from outcamp.store.ledger import Ledger

_log = logging.getLogger(__name__)

CONTACT_AGAIN = "contact_again"  # the tick of the Trigger form
PAUSE_SECONDS = 2.0  # how old the answer to "is the DAG paused?" may be
MOST_AHEAD = timedelta(seconds=30)  # of the scheduler's clock before the ledger's: more than that is a clock that is wrong


@dataclass(frozen=True)
class _Task:
    """What every task of a wave needs."""

    engine: Engine
    wave: Wave
    context: Any

    def now(self) -> datetime:
        """Return the ledger's clock, the only one that decides; `snapshot` has seen it reach the wave's instant."""
        return self.engine.ledger.now()


def _begin(campaign: str) -> _Task:
    from airflow.sdk import get_current_context

    from outcamp.dag.engines import engine_of
    from outcamp.dag.settings import read_settings

    context = get_current_context()
    return _Task(engine_of(campaign, read_settings()), Wave.of(context["dag_run"]), context)


def snapshot(campaign: str) -> list[int]:
    """Write down who is to be considered by this wave, and return the numbers of the parts."""
    from outcamp.dag.engines import segment_of
    from outcamp.dag.metrics import time_lag
    from outcamp.dag.settings import read_settings
    from outcamp.steps.heal import take_up_occurrence
    from outcamp.steps.snapshot import prepare_wave, snapshot_due, snapshot_occurrence, snapshot_pushed
    from outcamp.steps.stop import ENDED, halt_of

    task = _begin(campaign)
    engine, wave = task.engine, task.wave
    engine.ledger.migrate()
    now = await_instant(engine.ledger, wave.at)
    prepare_wave(engine, wave.run, now)
    if task.context["ti"].try_number == 1:  # cleared later, it is not late
        time_lag(campaign, now - wave.at)
    halt = halt_of(engine, now)
    if halt in ENDED:
        return []
    if engine.campaign.is_external and wave.by_hand:
        if halt is None:
            take_up_occurrence(engine, now)  # what was pushed does not wait for the pulse
        return []
    if wave.by_hand and not task.context["params"].get(CONTACT_AGAIN):
        _log.warning("Nothing is started: a Trigger contacts people again, and its form was not ticked (conf: {%r: true}).", CONTACT_AGAIN)
        return []
    if not wave.occurrence:
        return [part.part for part in snapshot_due(engine, wave.run, wave.at, now)]
    # In Error an occurrence is written down all the same, and waits. One that runs late was missed: it is admitted when it runs.
    late = now - wave.at >= engine.wave_interval
    if engine.campaign.is_external:
        parts = snapshot_pushed(engine, wave.run)
    else:
        segment = segment_of(engine.manifest, read_settings())
        parts = snapshot_occurrence(engine, segment, wave.run, wave.at, now, due_at=now if late else None)
    if parts:
        _announce(task, sum(part.rows for part in parts))
    return [part.part for part in parts]


def filter_part(campaign: str, part: int) -> dict[str, Any]:
    """Give each candidate of a part its verdict, and return the part's funnel."""
    from outcamp.dag.metrics import count_verdicts
    from outcamp.steps.filter import filter_part as decide

    task = _begin(campaign)
    decided = decide(task.engine, task.wave.run, part, task.now())
    if decided is not None and decided.anew:
        count_verdicts(campaign, decided.funnel)
    return {} if decided is None else {"part": part, "candidates": decided.rows, "funnel": [list(line) for line in decided.funnel]}


def fan_out(campaign: str) -> list[int]:
    """Check that everybody is accounted for, and return the numbers of the batches."""
    from outcamp.steps.fan_out import fan_out as list_batches

    task = _begin(campaign)
    return [batch.batch for batch in list_batches(task.engine, task.wave.run, task.now())]


def next_wave(campaign: str) -> str | None:
    """Make the run that handles whatever is due next, and return its instant."""
    from outcamp.steps.heal import make_next_wave

    task = _begin(campaign)
    at = make_next_wave(task.engine, task.now())
    return None if at is None else at.isoformat()


def ask(campaign: str) -> tuple[Question, timedelta | None] | None:
    """Return what a person is to be asked before this wave sends, and how long the answer is waited for; None: nothing is to be asked."""
    from outcamp.steps.review import question_of

    task = _begin(campaign)
    now = task.now()
    question = question_of(task.engine, task.wave.run, now)
    if question is None:
        return None
    return question, None if question.answer_by is None else question.answer_by - now


def answer(campaign: str, *, approved: bool) -> None:
    """Write down what a person said, and make the run for what became due by it."""
    from outcamp.steps.heal import make_next_wave
    from outcamp.steps.review import answer as write_down

    task = _begin(campaign)
    write_down(task.engine, task.wave.run, task.now(), approved=approved)
    make_next_wave(task.engine, task.now())


def may_send(campaign: str) -> bool:
    """Tell whether this wave's occurrence is approved, or needs no approval."""
    from outcamp.steps.review import may_send as is_approved

    task = _begin(campaign)
    return is_approved(task.engine, task.wave.run)


def send(campaign: str, batch: int) -> dict[str, Any]:
    """Hand a batch to its transport, and return how many rows went."""
    from outcamp.dag.metrics import count_sent
    from outcamp.steps.send import send as hand_over

    task = _begin(campaign)
    sent = hand_over(task.engine, task.wave.run, batch, task.now, _pause_switch(task), lambda time: sleep(time.total_seconds()))
    count_sent(campaign, sent.submitted, sent.handed_back)
    return asdict(sent)


def feed_back(campaign: str) -> dict[str, Any]:
    """Take in what came back, end the wave, make the next one, and return the wave's funnel."""
    from outcamp.steps.feed_back import feed_back as take_in
    from outcamp.steps.heal import make_next_wave
    from outcamp.steps.report import write_report

    task = _begin(campaign)
    followed = take_in(task.engine, task.wave.run, task.now())
    make_next_wave(task.engine, task.now())
    return write_report(task.engine, task.wave.run, followed)


def watch(campaign: str) -> None:
    """Put the campaign into Error and make the run red: this task runs only when another one of the wave has failed for good."""
    from outcamp.steps.stop import record_error

    task = _begin(campaign)
    reason = f"a task of the wave {task.wave.run} failed"
    try:
        record_error(task.engine, reason, task.now())
    except Transient:
        if task.context["ti"].try_number > task.context["ti"].max_tries:  # nobody else would say it
            _tell(task, reason)
        raise
    _tell(task, reason)
    raise Permanent(
        f"A task of this wave failed, and {campaign} is in Error: nothing is sent. Nobody is lost: what the wave held is given back.",
        next_step=f"read the log of the task that failed; once the cause is gone: outcamp resume {campaign}",
    )


def _tell(task: _Task, reason: str) -> None:
    from outcamp.dag.metrics import count_failed
    from outcamp.dag.notify import notify_failure

    count_failed(task.engine.campaign.name)
    notify_failure(task.engine.campaign, task.wave.run, reason, task.context)


def await_instant(ledger: Ledger, at: datetime) -> datetime:
    """Wait until the ledger's clock has reached a wave's instant, and return what it shows then.

    Airflow starts a run by the scheduler's clock, which may be a moment ahead. Were the wave to go on, what is due at its instant would
    not be due yet by the clock that every later look goes by, and `send` would hand a window that opens right then back for a whole
    interval. Were it to pretend, a submission would be counted at an instant that is still to come for everybody else.
    """
    while (ahead := at - (now := ledger.now())) > timedelta(0):
        if ahead > MOST_AHEAD:
            raise Transient(
                f"The scheduler began the wave of {at.isoformat()} when the ledger's clock showed {now.isoformat()}.",
                next_step="set the clocks of both machines by NTP; the task is tried again by itself",
            )
        sleep(ahead.total_seconds())
    return now


def _pause_switch(task: _Task) -> Callable[[], bool]:
    """Return the question whether the DAG is paused, which is put to Airflow every few seconds only."""
    ti = task.context["ti"]
    asked: list[tuple[float, bool]] = []

    def paused() -> bool:
        if not asked or monotonic() - asked[0][0] > PAUSE_SECONDS:
            asked[:] = [(monotonic(), bool(ti.get_dag(ti.dag_id).is_paused))]
        return asked[0][1]

    return paused


def _announce(task: _Task, rows: int) -> None:
    """Let the snapshot appear among Airflow's assets, with its rows and where it lies."""
    from airflow.sdk import Asset, AssetAlias

    name = task.engine.campaign.name
    path = task.engine.lake.root / "snapshots" / f"campaign={name}" / f"run={task.wave.run}"
    events = task.context["outlet_events"][AssetAlias(snapshot_alias(name))]
    events.add(Asset(name=snapshot_alias(name), uri=f"outcamp://snapshots/{name}"), extra={"rows": rows, "path": str(path)})


def snapshot_alias(campaign: str) -> str:
    """Return the name under which a campaign's snapshots appear among Airflow's assets."""
    return f"outcamp.{campaign}.snapshot"
