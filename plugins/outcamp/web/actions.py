"""What can be done from the pages that Airflow cannot do itself: stop, delete, resume after an error.

Pause, unpause and trigger are Airflow's own: the pages call its public API for them.
"""

from __future__ import annotations

from fastapi import APIRouter, Request

from outcamp.core.manifest import Manifest
from outcamp.steps import delete as ending
from outcamp.steps import stop as steps
from outcamp.steps.published import require_published
from outcamp.web import access
from outcamp.web.site import Site

router = APIRouter()


@router.post("/campaigns/{dag_id}/stop", dependencies=[access.MAY_CHANGE, access.noted("stop")])
def stop(request: Request, dag_id: str) -> dict[str, str]:
    """Stop a campaign for good."""
    site, manifest = _named(request, dag_id)
    people = steps.stop(site.ledger, manifest, site.ledger.now())
    return {"said": f"{manifest.campaign.name} is stopped for good: {people:,} people left it. What was sent stays on the books."}


@router.post("/campaigns/{dag_id}/resume", dependencies=[access.MAY_CHANGE, access.noted("resume")])
def resume(request: Request, dag_id: str) -> dict[str, str]:
    """Lift a campaign's error."""
    site, manifest = _named(request, dag_id)
    reason = steps.resume(site.ledger, manifest)
    return {"said": f"{manifest.campaign.name} goes on with the next pulse. It was in Error: {reason}"}


@router.post("/campaigns/{dag_id}/delete", dependencies=[access.MAY_DELETE, access.noted("delete")])
def delete(request: Request, dag_id: str) -> dict[str, str]:
    """Stop a campaign for good, and take its manifest away."""
    site, manifest = _named(request, dag_id)
    people = ending.delete(site.ledger, manifest, site.home, site.ledger.now())
    return {"said": f"{manifest.campaign.name} is deleted: {people:,} people left it. Its name is never used again."}


def _named(request: Request, dag_id: str) -> tuple[Site, Manifest]:
    site: Site = request.app.state.site
    return site, require_published(site.home, access.require_campaign(dag_id))
