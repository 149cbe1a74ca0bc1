"""Who may see and do what: Airflow's auth manager is asked about the campaign's DAG, which is always the one in the path.

A dependency that finds no ``dag_id`` in the path would take the one in the query, and so the caller's word for it. Every route about a
campaign therefore has it in its path; a test walks all routes and holds this.
"""

# ruff: noqa: TID253 - only the API server imports this folder, and it has Airflow loaded

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from airflow.api_fastapi.logging.decorators import action_logging
from airflow.configuration import conf
from airflow.models import DagModel
from fastapi import Depends, HTTPException, Request
from sqlalchemy import select

from outcamp.core.campaign import is_name
from outcamp.core.errors import UsageError
from outcamp.steps.published import campaign_of_dag, dag_id_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

User = Annotated[Any, Depends(get_user)]
MAY_READ = Depends(requires_access_dag("GET"))
MAY_CHANGE = Depends(requires_access_dag("PUT"))
MAY_TRIGGER = Depends(requires_access_dag("POST", DagAccessEntity.RUN))
MAY_DELETE = Depends(requires_access_dag("DELETE"))


def noted(action: str) -> Any:
    """Return the dependency that writes an action into Airflow's audit log, with its user and its DAG."""
    return Depends(action_logging(f"outcamp.{action}"))


def same_origin(request: Request) -> None:
    """Refuse a change that another site asks for: the browser would send the user's cookie along."""
    if request.method in SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    # Behind a proxy the host may be another one than the browser knows; an origin may also be "null", which is nobody's.
    ours = {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc} - {""}
    foreign = site not in {None, "same-origin", "none"} or (origin is not None and urlsplit(origin).netloc not in ours)
    # A script without a browser says neither; it has to bring its token by itself.
    unsaid = site is None and origin is None and "authorization" not in request.headers
    if foreign or unsaid:
        raise HTTPException(403, "This request came from another site. Open the campaign in Airflow and try again there.")


def campaign_in(dag_id: str) -> str | None:
    """Return the name of the campaign whose DAG this is; None: it is the DAG of something else."""
    name = campaign_of_dag(dag_id)
    return name if name is not None and is_name(name) else None


def require_campaign(dag_id: str) -> str:
    """Return the name of the campaign whose DAG this is, or say that it is none."""
    name = campaign_in(dag_id)
    if name is None:
        raise UsageError(f"{dag_id} is no campaign of outcamp.", next_step="Open one of the campaigns on the page Campaigns.")
    return name


def actions_of(user: Any, dag_id: str) -> dict[str, bool]:
    """Return which actions the auth manager lets this user take on a campaign."""
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    ask = get_auth_manager().is_authorized_dag
    change = ask(method="PUT", details=details, user=user)
    return {
        "pause": change,
        "stop": change,
        "resume": change,
        "trigger": ask(method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user),
        "delete": ask(method="DELETE", details=details, user=user),
    }


def readable(user: Any, names: Iterable[str], session: Any) -> set[str]:
    """Return those of these campaigns that the user may read.

    A draft or a deleted campaign has no DAG: it is treated as its DAG would be. Nobody can say which team such a DAG would
    belong to, so where Airflow has teams it is shown to nobody.
    """
    known = set(session.scalars(select(DagModel.dag_id)))
    authorized = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
    ask = get_auth_manager().is_authorized_dag
    teams = conf.getboolean("core", "multi_team", fallback=False)

    def is_readable(dag_id: str) -> bool:
        if dag_id in known:
            return dag_id in authorized
        return not teams and bool(ask(method="GET", details=DagDetails(id=dag_id), user=user))

    return {name for name in names if is_readable(dag_id_of(name))}
