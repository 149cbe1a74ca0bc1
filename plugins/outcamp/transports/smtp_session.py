"""One connection to an SMTP server: opening it, handing messages in, and what each reply means for a message."""

from __future__ import annotations

import re
import smtplib
import ssl
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from outcamp.core.errors import Permanent
from outcamp.transports.row_by_row import InDoubt, Later, NotTaken, Refused

TIMEOUT: Final = 30
CLOSING: Final = 421  # the server ends the connection, whatever was asked
_BUSY: Final = re.compile(rb"4\.[37]\.\d")  # the mail system, or its policy, asks to wait: it is not about this recipient
_DOT: Final = re.compile(rb"^\.", re.MULTILINE)
_LINE_END: Final = re.compile(r"[\r\n\0]")

Reply = tuple[int, bytes]


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


class SmtpSession:
    """A connection that is open; what is raised says what became of the message in hand (see ``row_by_row``)."""

    def __init__(self, server: SmtpServer) -> None:
        """Connect and log in. NotTaken: not now; Permanent: somebody must act."""
        self._host, next_step = server.host, "Correct the Airflow connection."
        try:
            self.smtp = _opened(server)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code < 500:
                raise NotTaken(_code(error.smtp_code, b"")) from None
            raise Permanent(f"The SMTP server {server.host} refuses the login.", next_step=next_step) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(f"The SMTP server {server.host} cannot do what the connection asks for: {error}", next_step=next_step) from None
        except ssl.SSLCertVerificationError as error:
            problem = f"The certificate of the SMTP server {server.host} is not trusted: {error.verify_message}."
            raise Permanent(problem, next_step="Correct the host, or give the certificate's issuer to this machine.") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotTaken(_reason(error)) from None
        # Whatever ends the task that sends, the server is told.
        self._end = weakref.finalize(self, _quit, self.smtp)

    def end(self) -> None:
        """Tell the server, and close the connection."""
        self._end()

    def drop(self) -> None:
        """Close a connection on which nobody may be listening any more."""
        self._end.detach()
        self.smtp.close()

    def is_alive(self) -> bool:
        """Ask the server whether it is still there."""
        with suppress(OSError, smtplib.SMTPException):
            return self.smtp.noop()[0] == 250
        return False

    def hand_in(self, sender: str, recipient: str, message: bytes) -> None:
        """Hand in a message, in the form in which it goes over the wire; to return is that the server has it.

        Refused, Later: this recipient's alone, and the next message may go. After anything else the connection is of no more use.
        """
        text = _DOT.sub(b"..", message) + (b"" if message.endswith(b"\r\n") else b"\r\n") + b".\r\n"
        try:
            code, said, refusal = self._envelope(sender, recipient)
        except (OSError, smtplib.SMTPException) as error:
            raise NotTaken(_reason(error)) from None
        if code == 354:
            try:
                self.smtp.send(text)
                code, said = self.smtp.getreply()
                if not _decides(code):
                    raise smtplib.SMTPServerDisconnected("the reply makes no sense")
            except (OSError, smtplib.SMTPException) as error:
                raise InDoubt(_reason(error)) from None
            if code < 300:
                return
        is_policy = refusal == "bounced" and code != CLOSING and said.startswith(b"4.7.")
        if _asks_to_wait(code, said) and not is_policy:
            raise NotTaken(_code(code, said))
        with suppress(OSError, smtplib.SMTPException):  # if that fails, so will the next row, before anything of it is taken
            self.smtp.rset()
        if is_policy:  # greylisting, say: it is about this recipient, or about all
            raise Later(_code(code, said))
        raise Refused("soft_bounced" if code < 500 else refusal)

    def _envelope(self, sender: str, recipient: str) -> tuple[int, bytes, str]:
        """Name the sender and the recipient and ask for the text; return the reply that decides, and what a refusal by it means."""
        needs_utf8 = not (sender + recipient).isascii()
        if needs_utf8 and not self.smtp.has_extn("smtputf8"):  # the address has letters that this server cannot read
            raise Refused("rejected")
        self.smtp.command_encoding = "utf-8" if needs_utf8 else "ascii"
        option = " SMTPUTF8" if needs_utf8 else ""
        verbs = (f"MAIL FROM:{smtplib.quoteaddr(sender)}{option}", f"RCPT TO:{smtplib.quoteaddr(recipient)}", "DATA")
        if any(_LINE_END.search(verb) for verb in verbs):
            raise Refused("rejected")
        mail, rcpt, data = self._ask(verbs)
        if mail[0] >= 500:
            problem = f"The SMTP server {self._host} does not let {sender} send: {_code(*mail)}."
            raise Permanent(problem, next_step="Correct channels.email.sender, or the login of the Airflow connection.")
        if mail[0] != 250:
            raise NotTaken(_code(*mail))
        if not _decides(rcpt[0]) or (data[0] != 354 and data[0] < 400):
            raise smtplib.SMTPServerDisconnected("the reply makes no sense")
        if rcpt[0] >= 400:
            return *rcpt, "bounced"
        return *data, "rejected"

    def _ask(self, verbs: tuple[str, str, str]) -> list[Reply]:
        """Return a reply to each verb: all are asked at once where the server allows it (RFC 2920), else until one is not granted."""
        if not self.smtp.has_extn("pipelining"):
            replies: list[Reply] = []
            for verb in verbs:
                is_granted = all(200 <= code < 300 for code, _ in replies)
                replies.append(self.smtp.docmd(verb) if is_granted else replies[-1])
            return replies
        self.smtp.send("".join(f"{verb}\r\n" for verb in verbs))
        replies = [self.smtp.getreply() for _ in verbs]
        codes = [code for code, _ in replies]
        if codes[-1] == 354 and max(codes[:-1]) >= 400:
            self.smtp.docmd(".")  # it waits for a text for nobody: an empty one ends that
        return replies


def _decides(code: int) -> bool:
    """Tell whether a reply says yes or no."""
    return 200 <= code < 300 or 400 <= code < 600


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
