"""Outcomes that relays and providers tell over HTTP. Nobody is logged in here: the signature is the authority.

What is told is on the disk, in the folder from which the pulse takes outcomes in, before it is answered with 204; who asks for no more
messages is on the do-not-contact list by then. A route whose senders nobody has named is not there.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from airflow.configuration import conf  # noqa: TID253 - only the API server imports this folder
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from starlette.datastructures import URL

from outcamp.core.callback_secrets import CallbackSecrets
from outcamp.core.dispositions import ASKED_FOR_NO_MORE
from outcamp.core.errors import DataError, Transient
from outcamp.segments.provider_records import outcome_of
from outcamp.steps.heed import heed
from outcamp.steps.received_outcomes import keep, outcomes_in
from outcamp.web import sns
from outcamp.web.bodies import body_of
from outcamp.web.signatures import is_signed, is_twilios
from outcamp.web.site import Site

router = APIRouter()


@dataclass(frozen=True)
class Posted:
    """A request that nobody has believed yet."""

    body: bytes
    url: URL
    reference: str | None


async def _read(request: Request) -> Posted:
    """Read a request, and keep its query, which names a recipient, out of the server's access log."""
    url, reference = request.url, request.query_params.get("reference")
    request.scope["query_string"] = b""
    return Posted(await body_of(request), url, reference)


Read = Annotated[Posted, Depends(_read)]


@router.post("/outcomes")
def signed(request: Request, posted: Read) -> Response:
    """Take in rows of ours, or records of providers that a relay hands on, signed with the shared secret."""
    site, secrets, now = _asked(request)
    if not secrets.shared:
        raise HTTPException(404)
    if not is_signed(secrets.shared, request.headers, posted.body, now):
        raise HTTPException(403, "The signature is missing, old or wrong.")
    try:
        _take(site, outcomes_in(posted.body, now))
    except DataError as error:
        raise HTTPException(400, str(error)) from None
    return Response(status_code=204)


@router.post("/outcomes/twilio")
def twilio(request: Request, posted: Read) -> Response:
    """Take in a status callback of Twilio's, or a text that came in there."""
    site, secrets, now = _asked(request)
    if not secrets.twilio_token:
        raise HTTPException(404)
    form = parse_qsl(posted.body.decode("utf-8", "replace"), keep_blank_values=True)
    if not is_twilios(secrets.twilio_token, _addresses(posted.url), form, request.headers.get("x-twilio-signature", "")):
        raise HTTPException(403, "The signature is missing or wrong.")
    outcome = outcome_of(dict(form) | {"reference": posted.reference}, now)
    _take(site, [outcome] if outcome else [])
    return Response(status_code=204)


@router.post("/outcomes/sns")
def amazon(request: Request, posted: Read) -> Response:
    """Take in what Amazon SNS posts of the topics that are named, and confirm their subscriptions."""
    site, secrets, now = _asked(request)
    if not secrets.sns_topics:
        raise HTTPException(404)
    message = sns.message_of(posted.body)
    try:
        if message is None or message.get("TopicArn") not in secrets.sns_topics or not sns.is_amazons(message, site.fetch, now):
            raise HTTPException(403, "This is no message of a topic that is named here, signed by Amazon.")
        if message["Type"] == "SubscriptionConfirmation" and not sns.confirm(message, site.fetch):
            raise HTTPException(403, "The subscription's address is none of Amazon's.")
    except (httpx.HTTPError, ValueError):
        raise HTTPException(502, "Amazon's certificate, or its confirmation, could not be had.") from None
    record = sns.record_in(message) if message["Type"] == "Notification" else None
    outcome = outcome_of(record, now) if record is not None else None
    _take(site, [outcome] if outcome else [])
    return Response(status_code=204)


def _take(site: Site, outcomes: list[dict[str, Any]]) -> None:
    """Write outcomes down, and suppress who asks for it. Where that cannot be done now, the pulse does it: it finds the file."""
    if not outcomes:
        return
    path = keep(site.outcomes_place, outcomes)
    if any(row.get("disposition") in ASKED_FOR_NO_MORE or "reply" in row for row in outcomes):
        with suppress(Transient, DataError):  # the ledger does not answer; a pulse was faster, and has the file
            heed(site.ledger, path)


def _asked(request: Request) -> tuple[Site, CallbackSecrets, datetime]:
    site: Site = request.app.state.site
    return site, site.secrets(), datetime.now(UTC)


def _addresses(asked: URL) -> list[str]:
    """Return the address that was asked, as this server knows it, and as those know it who come through a proxy."""
    outside = urlsplit(conf.get("api", "base_url", fallback=""))
    return [str(asked), str(asked.replace(scheme=outside.scheme, netloc=outside.netloc))] if outside.netloc else [str(asked)]
