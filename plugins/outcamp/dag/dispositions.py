"""``outcamp.dispositions``: one DAG for all campaigns. It takes outcomes in, makes the waves that are missing, and moves what is old."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import DAG, get_current_context, task

from outcamp.core.errors import LedgerUnavailable, OutcampError, Transient
from outcamp.dag.factory import RETRIES
from outcamp.dag.settings import Settings, read_settings

if TYPE_CHECKING:
    from outcamp.steps.outcome_files import TakenIn
    from outcamp.store.ledger import Ledger

logger = logging.getLogger(__name__)

DAG_ID = "outcamp.dispositions"


def build_dispositions_dag() -> DAG:
    """Return the DAG that runs every ``OUTCAMP_PULSE``."""
    with DAG(
        dag_id=DAG_ID,
        description="Takes outcomes in, and gives a wave to each campaign that has due work and none",
        schedule=read_settings().pulse,
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags=["outcamp"],
        default_args={
            "owner": "outcamp",
            # Soon: while one pulse waits to be tried again, no other one begins.
            "retries": 1,
            "retry_delay": timedelta(seconds=5),
            "retry_policy": RETRIES,
            "priority_weight": 20,
            "weight_rule": "absolute",
        },
    ) as dag:
        task(task_id="pulse")(pulse)()
    return dag


def pulse() -> dict[str, dict[str, int]]:
    """Take in what has become of every campaign's attempts, and heal broken chains of waves; return the counts by campaign and file."""
    from outcamp.dag.engines import engine_of, open_ledger
    from outcamp.dag.metrics import tell_unknown
    from outcamp.dag.notify import notify_errors
    from outcamp.steps.heal import heal, unfinished
    from outcamp.steps.progress import in_doubt, refresh
    from outcamp.steps.published import manifests_of, names

    settings = read_settings()
    ledger = open_ledger(settings)
    ledger.migrate()
    # First the files: the waves that their outcomes call for are made below.
    files, failed = take_in_files(settings, ledger)
    found = {name: {"outcomes": file.taken, "known": file.known, "aside": file.aside.total()} for name, file in files.items()}
    for name in sorted(unfinished(ledger, names(settings.home))):
        try:
            engine = engine_of(name, settings, ledger)
            followed = heal(engine, ledger.now())
        except Transient:
            raise
        except OutcampError as error:  # one bad campaign must not keep the outcomes of the others waiting
            failed.append(f"{name}: {error}")
            continue
        if followed.disposed:
            found[name] = {"outcomes": followed.disposed, "reattempts": followed.made, "exits": followed.exited}
    notify_errors(ledger, manifests_of(settings.home), ledger.now(), get_current_context())
    refresh(ledger, ledger.now())
    tell_unknown(in_doubt(ledger))
    move_old_attempts(settings, ledger, ledger.now())
    if failed:
        raise OutcampError("\n".join(failed))
    return found


def take_in_files(settings: Settings, ledger: Ledger) -> tuple[dict[str, TakenIn], list[str]]:
    """Take in the files of ``OUTCAMP_OUTCOMES``; return what became of each, and what went wrong in words.

    A store that is away is told at the end of the pulse: what the transports know does not wait for it. The ledger is needed by both.
    """
    from outcamp.dag.connections import open_place
    from outcamp.steps.outcome_folder import take_in_folder
    from outcamp.steps.published import manifests_of

    try:
        folder = open_place(settings.outcomes)
        emptied = take_in_folder(ledger, manifests_of(settings.home), folder, ledger.now)
    except LedgerUnavailable:
        raise
    except OutcampError as error:
        return {}, [str(error)]
    told = [f"{folder / name} was refused: refused/{name}.reason.txt says why" for name in emptied.refused]
    told += [f"{folder / 'taking' / name} could not be taken in, and is tried again: {why}" for name, why in emptied.failed.items()]
    return emptied.taken, told


def move_old_attempts(settings: Settings, ledger: Ledger, now: datetime) -> None:
    """Move some of what is older than ``OUTCAMP_RETENTION``, if that is set."""
    from outcamp.steps.published import manifests_of, names
    from outcamp.steps.retain import horizon, retain

    if settings.retention is None:
        return
    before = horizon(ledger, settings.retention, names(settings.home), manifests_of(settings.home), settings.total_limits, now)
    moved = retain(ledger, before, now)
    if moved:
        logger.info("%d attempts that were over before %s were moved to outcamp.past_attempts", moved, before)
