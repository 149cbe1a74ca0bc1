"""The pages that are read: all campaigns, one campaign, one wave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.common.db.common import SessionDep  # noqa: TID253 - only the API server imports this folder
from fastapi import APIRouter, Request, Response

from outcamp.core.dispositions import Channel
from outcamp.core.errors import ManifestError
from outcamp.core.manifest import Manifest
from outcamp.steps.campaign_page import campaign_page, wave_page
from outcamp.steps.overview import CampaignLine, overview
from outcamp.steps.published import read_published
from outcamp.web import access, scheduler_facts
from outcamp.web.look import render
from outcamp.web.pictures import hours_picture
from outcamp.web.site import Site

PER_PAGE = 100
STATES = ("Error", "Paused", "Active", "Draft", "Completed", "Stopped", "Deleted")
_ORDER: dict[str, Callable[[CampaignLine], Any]] = {
    "name": lambda line: line.name.lower(),
    "state": lambda line: STATES.index(line.state),
    "channel": lambda line: line.switch.channel,
    "next": lambda line: (line.next_at is None, line.next_at.timestamp() if line.next_at else 0),
    "progress": lambda line: -_done(line),
    "sent": lambda line: -(line.glance.sent if line.glance else 0),
    "delivered": lambda line: -(line.glance.delivered if line.glance else 0),
}

router = APIRouter()


@router.get("/")
def campaigns(
    request: Request,
    user: access.User,
    session: SessionDep,
    q: str = "",
    state: str = "",
    channel: str = "",
    sort: str = "state",
    down: str = "",
    page: int = 1,
) -> Response:
    """Show every campaign that the user may read, those that need somebody first."""
    site: Site = request.app.state.site
    found = overview(site.ledger, site.home, site.ledger.now(), scheduler_facts.switches(session))
    may_read = access.readable(user, [line.name for line in found], session)
    mine = [line for line in found if line.name in may_read]
    shown = [line for line in mine if _wanted(line, q, state, channel)]
    key = _ORDER.get(sort, _ORDER["state"])
    shown.sort(key=key, reverse=bool(down))
    last = max(1, -(-len(shown) // PER_PAGE))
    page = min(max(page, 1), last)
    return render(
        request,
        "campaigns.html",
        lines=shown[(page - 1) * PER_PAGE : page * PER_PAGE],
        found=len(shown),
        total=len(mine),
        counts={name: sum(line.state == name for line in mine) for name in STATES},
        channels=list(Channel),
        asked={"q": q, "state": state, "channel": channel, "sort": sort if sort in _ORDER else "state", "down": down and "1"},
        page=page,
        last=last,
    )


@router.get("/campaigns/{dag_id}/", dependencies=[access.MAY_READ])
def campaign(request: Request, dag_id: str, user: access.User, session: SessionDep) -> Response:
    """Show one campaign; of a DAG that is no campaign, say so."""
    site: Site = request.app.state.site
    manifest = published_campaign(request, dag_id)
    if isinstance(manifest, Response):
        return manifest
    has_dag, paused = scheduler_facts.switch_of(session, dag_id)
    now = site.ledger.now()
    found = campaign_page(site.ledger, site.lake_place, manifest, now, paused=paused)
    return render(
        request,
        "campaign.html",
        dag_id=dag_id,
        page=found,
        campaign=manifest.campaign,
        settings=manifest.campaign.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True),
        picture=hours_picture(manifest.campaign, found.hours, found.zones, now),
        runs=scheduler_facts.coming_runs(session, dag_id),
        may=access.actions_of(user, dag_id),
        has_dag=has_dag,
        paused=paused,
        now=now,
    )


@router.get("/campaigns/{dag_id}/waves/{run_id}/", dependencies=[access.MAY_READ])
def wave(request: Request, dag_id: str, run_id: str) -> Response:
    """Show one wave: what was decided, and where its datasets lie."""
    site: Site = request.app.state.site
    manifest = published_campaign(request, dag_id)
    if isinstance(manifest, Response):
        return manifest
    found = wave_page(site.ledger, site.lake_place, manifest.campaign.name, quote(run_id, safe=""))
    return render(request, "wave.html", dag_id=dag_id, run_id=run_id, page=found, campaign=manifest.campaign)


def published_campaign(request: Request, dag_id: str) -> Manifest | Response:
    """Return the campaign of a DAG, or the page that says why there is none."""
    site: Site = request.app.state.site
    name = access.campaign_in(dag_id)
    if name is None:
        text = f"{dag_id} is no campaign of outcamp, so there is nothing to show here."
        return render(request, "message.html", title="No campaign", text=text)
    try:
        return read_published(site.home, name)
    except ManifestError as error:
        text = f"{error.message} The DAG is gone soon, or the file is not on this machine."
        return render(request, "message.html", 404, title=f"{name} is not published", text=text, next_step=error.next_step)


def _wanted(line: CampaignLine, text: str, state: str, channel: str) -> bool:
    return (
        text.strip().lower() in f"{line.name} {line.switch.owner}".lower()
        and state in {"", line.state}
        and channel in {"", line.switch.channel}
    )


def _done(line: CampaignLine) -> float:
    glance = line.glance
    return (glance.entered - (glance.inside or 0)) / glance.entered if glance and glance.entered else 0.0
