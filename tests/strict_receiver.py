"""A strict receiver of webhooks on loopback: it believes nothing that is not signed, and answers what a test lets it answer."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import Loopback

SECRET = "s3cret"
Reply = tuple[int, dict[str, str], Any]  # status, headers, the body: JSON, or bytes as they are
KEYS = {"reference", "recipient_id", "endpoint", "attempt", "valid_until", "content", "columns"}


def accepts(chunk: dict[str, Any]) -> Reply:
    """Accept every message."""
    return 200, {}, {"answers": [{"reference": one["reference"], "status": "accepted"} for one in chunk["messages"]]}


def says(**by_endpoint: dict[str, Any]) -> Callable[[dict[str, Any]], Reply]:
    """Answer by what is before the @ of an endpoint; accept the others."""

    def answer(chunk: dict[str, Any]) -> Reply:
        rows = [{"status": "accepted"} | by_endpoint.get(one["endpoint"].split("@")[0], {}) for one in chunk["messages"]]
        return 200, {}, {"answers": [{"reference": one["reference"]} | row for one, row in zip(chunk["messages"], rows, strict=True)]}

    return answer


@dataclass
class StrictReceiver(Loopback):
    """Takes chunks until it is left; a message that was taken under its reference before is not taken again."""

    protocol = "HTTP/1.0"  # each connection carries one request
    reply: Callable[[dict[str, Any]], Reply | None] = accepts  # None: take the chunk, and end the connection without a word
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return where to post."""
        return f"http://127.0.0.1:{self.port}/outcamp"

    def serve(self, http: BaseHTTPRequestHandler) -> None:
        """Check a request to the letter, and answer."""
        body = http.rfile.read(int(http.headers["Content-Length"]))
        stamp = http.headers["Outcamp-Timestamp"]
        ours = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"v1={ours}", http.headers["Outcamp-Signature"] or "") or http.path != "/outcamp":
            self._send(http, 401, {}, {})
            return
        chunk = json.loads(body, parse_constant=lambda word: 1 / 0)  # NaN is no JSON
        assert all(set(one) == KEYS for one in chunk["messages"]), chunk
        self.requests.append((dict(http.headers), chunk))
        reply = self.reply(chunk)
        answers = {} if reply is None or not isinstance(reply[2], dict) else {one["reference"]: one for one in reply[2].get("answers", [])}
        for one in chunk["messages"]:
            if reply is None or answers.get(one["reference"], {}).get("status") == "accepted":
                self.taken.setdefault(one["reference"], one)
        if reply is not None:
            self._send(http, *reply)

    def _send(self, http: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: Any) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        http.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(content)
