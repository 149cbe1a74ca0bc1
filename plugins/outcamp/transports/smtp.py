"""E-mail over SMTP: what the server accepts is delivered, as far as SMTP can tell; what it refuses has bounced.

| the server says | the row is |
|---|---|
| 250 after the text | accepted: `delivered` |
| 5xx to the recipient | refused: `bounced` |
| 5xx to the text | refused: `rejected` |
| 4xx to either | refused: `soft_bounced` |
| 4xx with 4.7.x to the recipient (greylisting, a policy) | later: it alone; after five in a row all are throttled |
| 421, 4xx with 4.3.x, with 4.7.x to the text, 4xx to the sender | throttled, with all that follow |
| nothing, before the text was on its way | throttled, with all that follow |
| nothing, afterwards | unknown; all that follow are throttled |
| 5xx to the sender or the login | nothing was taken: the task fails for good |
"""

from __future__ import annotations

import math
from datetime import datetime
from queue import Empty, LifoQueue
from typing import Any, Final

import pyarrow as pa

from outcamp.transports.base import Capabilities, OutcomesFromOutside
from outcamp.transports.mail import sender_address, wire_form
from outcamp.transports.row_by_row import InDoubt, Later, NotTaken, Refused, Row, nobody, row_by_row, uptime
from outcamp.transports.smtp_session import TIMEOUT, SmtpServer, SmtpSession

CONNECTIONS: Final = 4  # at once; a server that takes fewer gets fewer
_ROWS: Final = 5  # fewer messages are not worth a connection of their own
_Sessions = LifoQueue[SmtpSession]


class SmtpTransport(OutcomesFromOutside):
    """Hands each message to one SMTP server, over a few connections that last as long as they are good."""

    # Small: a crash leaves a chunk unknown.
    capabilities = Capabilities(chunk_size=50, texts=True, at_once=True)

    def __init__(self, server: SmtpServer, sender: str) -> None:
        self._server, self._sender = server, sender
        self._address = sender_address(sender)
        self._sessions: _Sessions = LifoQueue()
        self._is_broken = False

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Hand in each row's message, with the texts in its columns ``content.*``; answers say what the server said."""
        provider = f"The SMTP server {self._server.host}:{self._server.port}"
        self._is_broken, begun = False, uptime()
        try:
            width = self._open(min(CONNECTIONS, math.ceil(rows.num_rows / _ROWS)), begun)
        except NotTaken as why:
            return nobody(provider, rows, now, why)
        return row_by_row(provider, rows, now, lambda row, _: self._send(row, now), width, begun=begun)

    def _send(self, row: Row, now: datetime) -> dict[str, Any]:
        try:
            message_id, message = wire_form(row, self._sender, self._address.rpartition("@")[2], now)
        except (ValueError, TypeError, LookupError):
            raise Refused("rejected") from None
        if self._is_broken:
            raise NotTaken("the contact broke off")
        try:
            session = self._sessions.get_nowait()
        except Empty:  # its connection broke a moment ago
            raise NotTaken("the contact broke off") from None
        try:
            session.hand_in(self._address, row["endpoint"], message)
        except Refused as refusal:
            self._sessions.put(session)
            raise Refused(str(refusal), message_id) from None
        except Later:
            self._sessions.put(session)
            raise
        except InDoubt:
            self._is_broken = True  # a server that broke off once is not given more to lose
            session.drop()
            raise
        except BaseException:
            session.end()
            raise
        self._sessions.put(session)
        return {"message_id": message_id, "disposition": "delivered", "disposed_at": now}

    def _open(self, wanted: int, begun: float) -> int:
        """Have so many connections that are alive, or as many as the server lets us have before long, and return how many."""
        left_over = [self._sessions.get_nowait() for _ in range(self._sessions.qsize())]
        for session in left_over:
            if self._sessions.qsize() < wanted and session.is_alive():
                self._sessions.put(session)
            else:
                session.end()
        while self._sessions.qsize() < wanted:
            if not self._sessions.empty() and uptime() - begun > TIMEOUT:
                break
            try:
                session = SmtpSession(self._server)
            except NotTaken:
                if self._sessions.empty():
                    raise
                break
            self._sessions.put(session)
        return self._sessions.qsize()
