"""Pushes to external campaigns over HTTP, by whoever may trigger the campaign's DAG: each row of the body is answered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import AwareDatetime

from outcamp.core.errors import DataError
from outcamp.segments.pushed_files import read_lines
from outcamp.steps.published import require_published
from outcamp.steps.push import push as take_in
from outcamp.store.lake import Lake
from outcamp.web import access
from outcamp.web.bodies import body_of
from outcamp.web.site import Site

router = APIRouter()


def _lines_alone(request: Request) -> None:
    """Refuse a body that calls itself JSON: Airflow's audit log would keep what it says of people."""
    if "json" in (kind := request.headers.get("content-type", "")) and "ndjson" not in kind:
        raise HTTPException(415, "Send JSON lines, one object a line, with the Content-Type application/x-ndjson.")


@router.post("/push/{dag_id}", dependencies=[access.MAY_TRIGGER, Depends(_lines_alone), access.noted("push")])
def push(
    request: Request, dag_id: str, body: Annotated[bytes, Depends(body_of)], expires: AwareDatetime | None = None, token: str = ""
) -> dict[str, Any]:
    """Push recipients to a campaign, and answer each of them. Everybody who is accepted is on the books when this answers."""
    site: Site = request.app.state.site
    manifest = require_published(site.home, access.require_campaign(dag_id))
    try:
        rows = read_lines(body, "the body", manifest.campaign.endpoint_columns, expires)
    except DataError as error:
        raise HTTPException(400, str(error)) from None
    return take_in(site.ledger, Lake(site.lake_place), manifest, rows, site.ledger.now(), token).as_dict()
