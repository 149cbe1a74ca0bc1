"""E-mail over SMTP: what the server accepts is delivered, as far as SMTP can tell; what it refuses has bounced."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Final

import pyarrow as pa

from outcamp.core.errors import Permanent, Transient
from outcamp.transports.base import ANSWERS, OUTCOMES, Capabilities

TIMEOUT: Final = 30
CLOSING: Final = 421  # the server ends the connection, whatever was asked
SUBJECT, BODY, HTML = "content.subject", "content.body", "content.html"


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show the password
class SmtpServer:
    """Where messages are handed in, as an Airflow connection of the type smtp says it."""

    host: str
    port: int
    login: str = ""
    password: str = ""
    implicit_tls: bool = True
    starttls: bool = True


class SmtpTransport:
    """Hands each message to one SMTP server; a chunk is one connection."""

    # Small: a connection that breaks leaves the rest of its chunk unknown.
    capabilities = Capabilities(chunk_size=50)

    def __init__(self, server: SmtpServer, sender: str) -> None:
        self._server, self._sender = server, sender
        self._address = parseaddr(sender)[1]
        if "@" not in self._address:
            raise Permanent(f"channels.email.sender is {sender!r}, which holds no address.", next_step='Write "Name <name@example.com>".')

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Hand in each row's message, with the texts in its columns ``content.*``; answers say what the server said."""
        with self._connection() as smtp:
            answers = [self._hand_in(smtp, row, now) for row in rows.to_pylist()]
        return pa.Table.from_pylist(answers, schema=ANSWERS)

    def outcomes(self, now: datetime) -> pa.Table:  # noqa: ARG002 - SMTP has no later news
        """Return nothing: after it has accepted a message, the server says no more."""
        return OUTCOMES.empty_table()

    def acknowledge(self, now: datetime) -> None:
        """There is nothing to forget."""

    def _hand_in(self, smtp: smtplib.SMTP, row: dict[str, Any], now: datetime) -> dict[str, Any]:
        message = self._message(row, now)
        answer = {"message_id": message["Message-ID"], "disposed_at": now}
        try:
            smtp.send_message(message, self._address, [row["endpoint"]])
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
            with suppress(smtplib.SMTPException):
                smtp.rset()
            code = _code_of(error)
            if code == CLOSING:
                raise Transient(f"The SMTP server closes: {error}", next_step="the rest of the batch is tried again by itself") from None
            return {**answer, "status": "refused", "disposition": "soft_bounced" if 400 <= code < 500 else "bounced"}
        return {**answer, "status": "accepted", "disposition": "delivered"}

    def _message(self, row: dict[str, Any], now: datetime) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, row["endpoint"], row[SUBJECT]
        message["Date"] = format_datetime(now)
        # Derived from the attempt, so that whoever sees one twice can tell.
        message["Message-ID"] = f"<{row['occurrence_id']}.{row['recipient_id']}.{row['attempt']}@{self._address.rpartition('@')[2]}>"
        body, html = row.get(BODY), row.get(HTML)
        if body is not None:
            message.set_content(body)
            if html is not None:
                message.add_alternative(html, subtype="html")
        else:
            message.set_content(html or "", subtype="html")
        return message

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        server = self._server
        try:
            kind = smtplib.SMTP_SSL if server.implicit_tls else smtplib.SMTP
            with kind(server.host, server.port, timeout=TIMEOUT) as smtp:
                if server.starttls and not server.implicit_tls:
                    smtp.starttls()
                if server.login:
                    smtp.login(server.login, server.password)
                yield smtp
        except smtplib.SMTPAuthenticationError:
            raise Permanent(f"The SMTP server {server.host} refuses the login.", next_step="Correct the Airflow connection.") from None
        except (OSError, smtplib.SMTPException) as error:
            problem = f"The SMTP server {server.host}:{server.port} failed: {error}"
            raise Transient(problem, next_step="it is tried again by itself") from error


def _code_of(error: smtplib.SMTPException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))[0]
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
