"""A webhook: chunks go as signed JSON to somebody's own server, which answers for each row.

``docs/transports.md`` describes what is sent and what must be answered.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import math
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final

import httpx
import pyarrow as pa

from outcamp.core.calls import Term
from outcamp.core.dispositions import DISPOSITIONS, NO_OUTCOME, UNKNOWN, Channel
from outcamp.core.errors import Permanent, Transient
from outcamp.transports.base import (
    BACKOFF,
    COLUMN,
    CONTENT,
    REFERENCE,
    SUBMISSION,
    VALID_UNTIL,
    Capabilities,
    OutcomesFromOutside,
    answers_of,
    same_answer,
)

TIMEOUT: Final = 30
TIMESTAMP, SIGNATURE = "Outcamp-Timestamp", "Outcamp-Signature"
_LONGEST_WAIT: Final = timedelta(days=1)
# What a refusal is called when the receiver gave it no name that the channel knows.
_REFUSED: Final = {Channel.EMAIL: "rejected", Channel.SMS: "failed", Channel.AUTOMATED_VOICE: "failed", Channel.AGENT_VOICE: "failed"}
log = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show the secret
class Receiver:
    """Where chunks are posted to, and what proves that they are ours.

    Attributes:
        url: where to post.
        secret: the key of the signature.
        idempotency: how long the receiver takes a repeated key for the same message, as it declares; None: it promises nothing.
    """

    url: str
    secret: str
    idempotency: timedelta | None = None


class WebhookTransport(OutcomesFromOutside):
    """Posts each chunk in one request of its own connection."""

    def __init__(
        self, receiver: Receiver, campaign: str, channel: Channel, sender: str | None = None, call: Mapping[str, Term] | None = None
    ) -> None:
        """Take the receiver, what the campaign is and who sends, and what it says about its calls."""
        self._receiver, self._campaign, self._channel, self._sender = receiver, campaign, channel, sender
        self._call = {"call": call} if call else {}
        if not receiver.secret:
            next_step = "Put the secret that the receiver checks signatures with into the connection's password."
            raise Permanent("The webhook's connection has no password, and nothing is sent unsigned.", next_step=next_step)
        self.capabilities = Capabilities(chunk_size=50, texts=True, validity=True, idempotency=receiver.idempotency)

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Post the chunk, and return what the receiver says of each row; of whom it says nothing, nobody knows."""
        body = self._body(rows, now)
        stamp = str(int(now.timestamp()))
        key = f"{self._campaign}/{rows[SUBMISSION][0].as_py()}"
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, TIMESTAMP: stamp}
        headers[SIGNATURE] = signature(self._receiver.secret, stamp, body)
        try:
            response = httpx.post(self._receiver.url, content=body, headers=headers, timeout=TIMEOUT, verify=_tls())
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return self._later(rows, now, now + BACKOFF, str(error))
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise Permanent(f"The webhook's address is none: {error}", next_step="Correct the Airflow connection.") from None
        except httpx.HTTPError as error:
            problem = f"The webhook did not answer a chunk that was on its way: {type(error).__name__}."
            raise Transient(problem, next_step="its rows are unknown; the rest of the batch is tried again by itself") from None
        return self._read(response, rows, now)

    def _body(self, rows: pa.Table, now: datetime) -> bytes:
        chunk = {
            "campaign": self._campaign,
            "submission": rows[SUBMISSION][0].as_py(),
            "channel": self._channel,
            "sender": self._sender,
            "sent_at": now,
            **self._call,
            "messages": [_message(row) for row in rows.to_pylist()],
        }
        return json.dumps(chunk, default=_in_words, ensure_ascii=False, separators=(",", ":")).encode()

    def _read(self, response: httpx.Response, rows: pa.Table, now: datetime) -> pa.Table:
        status = response.status_code
        wait = _wait(response.headers.get("Retry-After"), now)
        if status == 429 or (status == 503 and wait is not None):
            return self._later(rows, now, now + (wait or BACKOFF), f"HTTP {status}")
        if 300 <= status < 500 and status != 408:
            problem = f"The webhook refuses the whole chunk: HTTP {status}."
            raise Permanent(problem, next_step="Read the receiver's log; correct the Airflow connection, or the receiver.")
        if not response.is_success:
            problem = f"The webhook failed with a chunk: HTTP {status}."
            raise Transient(problem, next_step="its rows are unknown; the rest of the batch is tried again by itself")
        try:
            said = {answer["reference"]: answer for answer in response.json()["answers"]}
        except (ValueError, TypeError, LookupError):
            problem = "The webhook took a chunk, and its answer is not the JSON that docs/transports.md describes."
            raise Transient(problem, next_step="its rows are unknown; correct the receiver before more are") from None
        return answers_of(self._answer(said.get(reference), now) for reference in rows[REFERENCE].to_pylist())

    def _answer(self, said: Any, now: datetime) -> dict[str, Any]:
        """Return what the receiver says of one row; words that mean nothing leave it unknown."""
        if not isinstance(said, Mapping):
            return {"status": "unknown"}
        known = [code for code in DISPOSITIONS[self._channel] if code not in {UNKNOWN, NO_OUTCOME}]
        disposition = said.get("disposition") if said.get("disposition") in known else None
        match said.get("status"):
            case "accepted":
                message_id = said.get("message_id")
                answer = {"status": "accepted", "message_id": None if message_id is None else str(message_id)}
                return answer | ({} if disposition is None else {"disposition": disposition, "disposed_at": now})
            case "refused":
                return {"status": "refused", "disposition": disposition or _REFUSED[self._channel], "disposed_at": now}
            case "throttled" | "later" as status:
                return {"status": status, "until": now + (_wait(said.get("retry_after"), now) or BACKOFF)}
            case _:
                return {"status": "unknown"}

    def _later(self, rows: pa.Table, now: datetime, until: datetime, why: str) -> pa.Table:
        log.warning("The webhook of %s takes no more until %s: %s", self._campaign, until, why)
        return same_answer(rows.num_rows, status="throttled", until=max(until, now))


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Return the signature of a request: HMAC-SHA256 over the timestamp, a dot and the body."""
    return "v1=" + hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


@cache
def _tls() -> ssl.SSLContext:
    """Return what https is checked by; reading the certificates anew takes ten times as long as a request."""
    return httpx.create_ssl_context()


def _message(row: Mapping[str, Any]) -> dict[str, Any]:
    keys = (REFERENCE, "recipient_id", "endpoint", "attempt", VALID_UNTIL)
    return {name: row[name] for name in keys} | {"content": _under(CONTENT, row), "columns": _under(COLUMN, row)}


def _under(prefix: str, row: Mapping[str, Any]) -> dict[str, Any]:
    found: Iterable[tuple[str, Any]] = ((name.removeprefix(prefix), value) for name, value in row.items() if name.startswith(prefix))
    # JSON has neither NaN nor infinity.
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in found}


def _in_words(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) and value.tzinfo else str(value)


def _wait(retry_after: object, now: datetime) -> timedelta | None:
    """Return how long Retry-After asks to wait (seconds, or a date), within a day; None when it says nothing that can be read."""
    text = str(retry_after).strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(timedelta(seconds=int(text)), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return min(max(at.astimezone(UTC) - now, timedelta(0)), _LONGEST_WAIT) if at.tzinfo else None
