"""E-mail over SMTP: what the server accepts is delivered, as far as SMTP can tell; what it refuses has bounced.

| the server says | the row is |
|---|---|
| 250 after the text | accepted: `delivered` |
| 5xx to the recipient | refused: `bounced` |
| 5xx to the text | refused: `rejected` |
| 4xx to either | refused: `soft_bounced` |
| 421, 4xx with 4.3.x or 4.7.x, 4xx to the sender | throttled, with all that follow |
| nothing, before the text was on its way | throttled, with all that follow |
| nothing, afterwards | unknown; all that follow are throttled |
| 5xx to the sender or the login | nothing was taken: the task fails for good |
"""

from __future__ import annotations

import logging
import re
import smtplib
import ssl
import weakref
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from outcamp.core.errors import Permanent
from outcamp.transports.base import BACKOFF, Capabilities, OutcomesFromOutside, answers_of
from outcamp.transports.mail import sender_address, wire_form

TIMEOUT: Final = 30
CLOSING: Final = 421  # the server ends the connection, whatever was asked
_BUSY: Final = re.compile(rb"4\.[37]\.\d")  # the mail system, or its policy, asks to wait: it is not about this recipient
_DOT: Final = re.compile(rb"^\.", re.MULTILINE)
log = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show the password
class SmtpServer:
    """Where messages are handed in, as an Airflow connection of the type smtp says it."""

    host: str
    port: int
    login: str = ""
    password: str = ""
    implicit_tls: bool = True
    starttls: bool = True
    verify: bool = True

    def tls(self) -> ssl.SSLContext:
        """Return how the server's certificate is looked at."""
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


class _Later(Exception):
    """The server takes no more for now."""


class SmtpTransport(OutcomesFromOutside):
    """Hands each message to one SMTP server, over one connection as long as it lasts."""

    # Small: a crash leaves a chunk unknown.
    capabilities = Capabilities(chunk_size=50, texts=True, at_once=True)

    def __init__(self, server: SmtpServer, sender: str) -> None:
        self._server, self._sender = server, sender
        self._address = sender_address(sender)
        self._smtp: smtplib.SMTP | None = None

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Hand in each row's message, with the texts in its columns ``content.*``; answers say what the server said."""
        answers: list[dict[str, Any]] = []
        try:
            smtp = self._connection()
            for row in rows.to_pylist():
                answers.append(self._hand_in(smtp, row, now))  # noqa: PERF401 - what is answered stays when a later row raises
        except _Later as why:
            until = now + BACKOFF
            log.warning("The SMTP server %s:%s takes no more until %s: %s", self._server.host, self._server.port, until, why)
            self._leave()
            answers += [{"status": "throttled", "until": until}] * (rows.num_rows - len(answers))
        except Permanent:
            self._leave()
            if not answers:
                raise
            # What was answered is true; whoever is left meets the same refusal first, and is not in doubt then.
            answers += [{"status": "throttled", "until": now}] * (rows.num_rows - len(answers))
        return answers_of(answers)

    def _hand_in(self, smtp: smtplib.SMTP, row: dict[str, Any], now: datetime) -> dict[str, Any]:
        try:
            message_id, message = wire_form(row, self._sender, self._address.rpartition("@")[2], now)
        except (ValueError, TypeError, LookupError):
            return {"status": "refused", "disposition": "rejected", "disposed_at": now}
        text_is_on_its_way = False
        try:
            code, said = self._to(smtp, row["endpoint"], utf8=not (row["endpoint"] + self._address).isascii())
            refusal = "bounced"
            if code in {250, 251}:
                code, said = smtp.docmd("DATA")
                refusal = "rejected"
            if code == 354:
                text_is_on_its_way = True
                smtp.send(_DOT.sub(b"..", message) + (b"" if message.endswith(b"\r\n") else b"\r\n") + b".\r\n")
                code, said = smtp.getreply()
            if not 200 <= code < 600:
                raise smtplib.SMTPServerDisconnected("the reply makes no sense")
        except smtplib.SMTPNotSupportedError:  # the address has letters that this server cannot read
            return {"status": "refused", "disposition": "rejected", "disposed_at": now}
        except (OSError, smtplib.SMTPException) as error:
            if not text_is_on_its_way:
                raise _Later(_reason(error)) from None
            self._leave()
            return {"status": "unknown"}
        if _asks_to_wait(code, said):
            raise _Later(_code(code, said))
        answer = {"message_id": message_id, "disposed_at": now}
        if code < 300:
            return {**answer, "status": "accepted", "disposition": "delivered"}
        with suppress(OSError, smtplib.SMTPException):  # if that fails, so will the next row, before anything of it is taken
            smtp.rset()
        return {**answer, "status": "refused", "disposition": "soft_bounced" if code < 500 else refusal}

    def _to(self, smtp: smtplib.SMTP, recipient: str, *, utf8: bool) -> tuple[int, bytes]:
        """Name the sender and the recipient, and return what the server says about the recipient."""
        code, said = smtp.mail(self._address, ["SMTPUTF8"] if utf8 else [])
        if code >= 500:
            problem = f"The SMTP server {self._server.host} does not let {self._address} send: {_code(code, said)}."
            raise Permanent(problem, next_step="Correct channels.email.sender, or the login of the Airflow connection.")
        if code != 250:
            raise _Later(_code(code, said))
        return smtp.rcpt(recipient)

    def _connection(self) -> smtplib.SMTP:
        """Return the connection that is there, or a new one."""
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                if self._smtp.noop()[0] == 250:
                    return self._smtp
            self._leave()
        server, next_step = self._server, "Correct the Airflow connection."
        try:
            self._smtp = _opened(server)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code < 500:
                raise _Later(_code(error.smtp_code, b"")) from None
            raise Permanent(f"The SMTP server {server.host} refuses the login.", next_step=next_step) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(f"The SMTP server {server.host} cannot do what the connection asks for: {error}", next_step=next_step) from None
        except ssl.SSLCertVerificationError as error:
            problem = f"The certificate of the SMTP server {server.host} is not trusted: {error.verify_message}."
            raise Permanent(problem, next_step="Correct the host, or give the certificate's issuer to this machine.") from None
        except (OSError, smtplib.SMTPException) as error:
            raise _Later(_reason(error)) from None
        # A transport lives as long as the task that sends a batch: then the server is told, whatever ended it.
        self._end = weakref.finalize(self, _quit, self._smtp)
        return self._smtp

    def _leave(self) -> None:
        if self._smtp is not None:
            self._smtp = None
            self._end()


def _opened(server: SmtpServer) -> smtplib.SMTP:
    if server.implicit_tls:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=server.tls())
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    try:
        if server.starttls and not server.implicit_tls:
            smtp.starttls(context=server.tls())
        smtp.ehlo_or_helo_if_needed()
        if server.login:
            smtp.login(server.login, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _quit(smtp: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        smtp.quit()
    smtp.close()


def _asks_to_wait(code: int, said: bytes) -> bool:
    return code == CLOSING or (400 <= code < 500 and _BUSY.match(said) is not None)


def _code(code: int, said: bytes) -> str:
    """Return the codes of a reply; its words may hold the recipient's address, which belongs into no log."""
    enhanced = re.match(rb"\d\.\d{1,3}\.\d{1,3}", said)
    return f"{code} {enhanced[0].decode()}" if enhanced else str(code)


def _reason(error: Exception) -> str:
    """Return what broke the contact, without words of the server."""
    return _code(error.smtp_code, b"") if isinstance(error, smtplib.SMTPResponseException) else (str(error) or type(error).__name__)
