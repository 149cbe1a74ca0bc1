"""What Airflow's own tables say of campaigns: the switch, the runs to come, the tags. The only file here that reads them."""

# ruff: noqa: TID253 - only the API server imports this folder, and it has Airflow loaded

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.models import DagModel, DagRun
from airflow.models.dag import DagTag
from sqlalchemy import func, select

from outcamp.steps.overview import Switch
from outcamp.steps.published import PREFIX, campaign_of_dag


@dataclass(frozen=True)
class RunLine:
    """A run of a campaign that waits or goes on."""

    run_id: str
    state: str
    run_after: datetime


def switches(session: Any) -> dict[str, Switch]:
    """Return what Airflow says of every campaign that has a DAG, by name."""
    ours = DagModel.dag_id.startswith(PREFIX, autoescape=True)
    tags: dict[str, dict[str, str]] = defaultdict(dict)
    for dag_id, tag in session.execute(select(DagTag.dag_id, DagTag.name).where(DagTag.dag_id.startswith(PREFIX, autoescape=True))):
        key, _, value = tag.partition(":")
        tags[dag_id][key] = value
    queued = dict(
        session.execute(
            select(DagRun.dag_id, func.min(DagRun.run_after))
            .where(DagRun.state == "queued", DagRun.dag_id.startswith(PREFIX, autoescape=True))
            .group_by(DagRun.dag_id)
        ).all()
    )
    rows = session.execute(select(DagModel.dag_id, DagModel.is_paused, DagModel.next_dagrun_create_after, DagModel.is_stale).where(ours))
    return {
        campaign_of_dag(dag_id) or "": Switch(
            paused=bool(paused),
            next_at=_earliest(queued.get(dag_id), None if stale else scheduled),
            channel=tags[dag_id].get("channel", ""),
            owner=tags[dag_id].get("owner", ""),
        )
        for dag_id, paused, scheduled, stale in rows
    }


def switch_of(session: Any, dag_id: str) -> tuple[bool, bool]:
    """Return whether Airflow has this DAG, and whether it is paused."""
    found = session.execute(select(DagModel.is_paused, DagModel.is_stale).where(DagModel.dag_id == dag_id)).one_or_none()
    return (False, False) if found is None else (not found.is_stale, bool(found.is_paused))


def coming_runs(session: Any, dag_id: str, most: int = 10) -> list[RunLine]:
    """Return the runs of a DAG that go on or wait, the next one first."""
    wanted = (
        select(DagRun.run_id, DagRun.state, DagRun.run_after)
        .where(DagRun.dag_id == dag_id, DagRun.state.in_(["queued", "running"]))
        .order_by(DagRun.run_after)
        .limit(most)
    )
    return [RunLine(run_id, str(state), run_after.astimezone(UTC)) for run_id, state, run_after in session.execute(wanted)]


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment.astimezone(UTC) for moment in moments if moment is not None), default=None)
