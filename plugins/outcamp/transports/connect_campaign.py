"""Calls that are pushed into a campaign of Amazon Connect, whose dialler makes them as its agents become free.

Both versions of the campaigns' API are spoken. A request is valid until its recipient's window closes, and never longer than the
campaign waits for its outcome.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from outcamp.core.errors import Permanent
from outcamp.transports.aws import AwsAccount, AwsService
from outcamp.transports.base import BACKOFF, Capabilities, OutcomesFromOutside, answers_of, same_answer
from outcamp.transports.connect import ConnectInstance, Voice, attributes_of, is_number, token_of
from outcamp.transports.connect_terms import Terms, check_terms, terms_of_campaign, terms_of_first_campaign, wanted_terms
from outcamp.transports.row_by_row import InDoubt, NotAsked, NotTaken, Refused, Row, seconds_left

MOST: Final = 25  # requests of one batch
ANSWERS: Final = {  # what a failure code makes of its row
    "InvalidInput": {"status": "refused", "disposition": "failed"},
    "RequestThrottled": {"status": "throttled"},
    "BufferLimitExceeded": {"status": "throttled"},
    "UnknownError": {"status": "unknown"},
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Version:
    """How one version of the API is spoken."""

    service: str
    operation: str
    requests: str
    request: Callable[[Row, Voice], dict[str, Any]]
    terms: Callable[[Mapping[str, Any]], Terms]
    not_of_the_dialler: frozenset[str]  # settings that go with each request, or that this version does not have


def _telephony(row: Row, voice: Voice) -> dict[str, Any]:
    call = {
        "destinationPhoneNumber": row["endpoint"],
        "attributes": attributes_of(row),
        "answerMachineDetectionConfig": {"enableAnswerMachineDetection": voice.detect_machine},
        "ringTimeout": int(voice.ring_time.total_seconds()),
        **({"connectSourcePhoneNumber": voice.sender} if voice.sender else {}),
    }
    return {"channelSubtypeParameters": {"telephony": call}}


def _first(row: Row, voice: Voice) -> dict[str, Any]:  # noqa: ARG001 - the first version takes no settings
    return {"phoneNumber": row["endpoint"], "attributes": attributes_of(row)}


_VERSIONS: Final = {
    "1": _Version("connectcampaigns", "put_dial_request_batch", "dialRequests", _first, terms_of_first_campaign, frozenset({"ring_time"})),
    "2": _Version(
        "connectcampaignsv2",
        "put_outbound_request_batch",
        "outboundRequests",
        _telephony,
        terms_of_campaign,
        frozenset({"sender", "detect_machine", "ring_time"}),
    ),
}


class ConnectCampaignTransport(OutcomesFromOutside):
    """Pushes chunks into one campaign of Amazon Connect, whose settings must be those of the campaign file."""

    capabilities = Capabilities(chunk_size=MOST, validity=True)

    def __init__(
        self, account: AwsAccount, instance: ConnectInstance, channel: str, voice: Voice, campaign: str, version: str = "2"
    ) -> None:
        if version not in _VERSIONS:
            problem = f"The connection {account.name!r} asks for version {version} of Amazon Connect's campaigns, and there are 1 and 2."
            raise Permanent(problem, next_step="Correct connect_version in its extra, or leave it out for 2.")
        self._channel, self._voice, self._campaign, self._version = channel, voice, campaign, _VERSIONS[version]
        self._wanted = wanted_terms(instance, voice)
        self._is_checked = False
        self._campaigns = AwsService(account, self._version.service, "Amazon Connect")

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Push the chunk in one request, and return what Amazon says of each row."""
        try:
            self._check()
            answers = self._push(rows.to_pylist(), now)
        except NotTaken as why:
            until = why.until or now + BACKOFF
            log.warning("Amazon Connect takes no more until %s: %s", until, why)
            return same_answer(rows.num_rows, status="throttled", until=until)
        return answers_of(answers)

    def _check(self) -> None:
        """Compare the campaign's settings with the file's, once a batch."""
        if self._is_checked:
            return
        try:
            known = self._campaigns.ask("describe_campaign", _never, id=self._campaign)["campaign"]
        except InDoubt as why:  # it was a question: nothing can have been taken
            raise NotTaken(str(why)) from None
        check_terms(self._channel, self._campaign, self._wanted, self._version.terms(known), self._version.not_of_the_dialler)
        self._is_checked = True

    def _push(self, rows: list[Row], now: datetime) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = []
        answers: dict[str, dict[str, Any]] = {}
        for row in rows:
            try:
                requests.append(self._request(row, now))
            except Refused as disposition:
                answers[token_of(row)] = {"status": "refused", "disposition": str(disposition)}
            except NotAsked as why:
                answers[token_of(row)] = {"status": "later", "until": why.until}
        answers |= self._put(requests) if requests else {}
        more = {"refused": {"disposed_at": now}, "throttled": {"until": now + BACKOFF}}
        found = [answers.get(token_of(row), {"status": "unknown"}) for row in rows]
        return [more.get(answer["status"], {}) | answer for answer in found]

    def _request(self, row: Row, now: datetime) -> dict[str, Any]:
        if not is_number(row["endpoint"]):
            raise Refused("invalid_number")
        longest = int(self._voice.outcome_deadline.total_seconds())
        seconds = seconds_left(row, now, 1, longest)
        expires_at = now + timedelta(seconds=longest if seconds is None else seconds)
        return {"clientToken": token_of(row), "expirationTime": expires_at, **self._version.request(row, self._voice)}

    def _put(self, requests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return what the campaign says of each request, by its token; of whom it says nothing, nobody knows."""
        try:
            said = self._campaigns.ask(self._version.operation, _never, id=self._campaign, **{self._version.requests: requests})
        except InDoubt as why:
            log.warning("Amazon Connect left %s requests unknown: %s", len(requests), why)
            return {}
        taken = {one["clientToken"]: {"status": "accepted", "message_id": one.get("id")} for one in said.get("successfulRequests", [])}
        failed = {one["clientToken"]: one.get("failureCode") for one in said.get("failedRequests", [])}
        if len(requests) > 1 and list(failed.values()) == ["InvalidInput"] * len(requests):
            problem = f"The campaign {self._campaign!r} of Amazon Connect takes none of {len(requests)} requests: InvalidInput."
            raise Permanent(problem, next_step="See in Amazon Connect whether the campaign takes calls from outside.")
        return taken | {token: ANSWERS.get(code, {"status": "unknown"}) for token, code in failed.items()}


def _never(_: Any) -> None:
    """No error of these operations is about a row."""
