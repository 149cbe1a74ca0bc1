"""One recipient's story in a campaign. It is asked for in a body, never in an address: addresses are logged and stay in histories."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from outcamp.steps.explain import explain
from outcamp.steps.published import require_published
from outcamp.store.lake import Lake
from outcamp.web import access
from outcamp.web.look import render
from outcamp.web.site import Site

router = APIRouter()


class Asked(BaseModel):
    """Whose story is asked for."""

    recipient_id: str = Field(min_length=1, max_length=1000)


@router.post("/campaigns/{dag_id}/recipient", dependencies=[access.MAY_READ])
def recipient(request: Request, dag_id: str, asked: Asked) -> Response:
    """Tell what a campaign did with one recipient, and why."""
    site: Site = request.app.state.site
    manifest = require_published(site.home, access.require_campaign(dag_id))
    story = explain(site.ledger, Lake(site.lake_place), manifest, asked.recipient_id.strip(), site.ledger.now(), site.total_limits)
    return render(request, "story.html", story=story)
