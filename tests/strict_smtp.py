"""A strict SMTP server on loopback for tests: it follows RFC 5321 to the letter, says what a test lets it say, and keeps what it took."""

from __future__ import annotations

import email
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self

# What to say to a verb: "250 fine"; None: end the connection without a word. Given the verb, and the recipient where it is known.
Says = Callable[[str, str], str | None]
USUAL = {"EHLO": "250", "AUTH": "235 in", "MAIL": "250 fine", "RCPT": "250 fine", "DATA": "354 go on", ".": "250 kept", "QUIT": "221 bye"}
USUAL |= {"RSET": "250 fine", "NOOP": "250 fine", "STARTTLS": "220 go on", "CONNECT": "220 strict.example"}


@dataclass(frozen=True)
class Taken:
    """One message that the server has: to whom, and its bytes as they came."""

    to: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """Return the message as a mail program reads it."""
        return email.message_from_bytes(self.raw, policy=default)  # type: ignore[return-value]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    strict: StrictServer


@dataclass
class StrictServer:
    """Takes messages until it is left; ``taken`` has them in order, ``sessions`` counts the connections."""

    says: Says = lambda verb, recipient: USUAL[verb]
    features: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None
    waits_for_nobody: bool = False  # RFC 2920 allows a server to ask for a text that has no recipient left
    answers_late: bool = False  # nothing to the envelope before its last verb has come, as a server may that lets verbs be sent at once
    taken: list[Taken] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    sessions: int = 0

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.strict = self
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def recipients(self) -> list[str]:
        """Return to whom messages were taken."""
        return [taken.to for taken in self.taken]


class _Gone(Exception):
    """The connection is over."""


class _Session(socketserver.StreamRequestHandler):
    server: _Server
    _late = ""

    def handle(self) -> None:
        self.server.strict.sessions += 1
        try:
            self._say("CONNECT", "")
            self._talk()
        except (_Gone, OSError):
            return
        finally:
            self.connection.close()  # after STARTTLS it is another one than the server closes by itself

    def _talk(self) -> None:
        recipient, is_valid = "", False
        while line := self.rfile.readline(1 << 16):
            assert line.endswith(b"\r\n"), line
            verb, _, rest = line.decode().rstrip("\r\n").partition(" ")
            verb = verb.upper()
            self.server.strict.verbs.append(verb)
            if verb == "EHLO":
                self._send("\r\n".join(["250-strict.example", *(f"250-{feature}" for feature in self.server.strict.features), "250 HELP"]))
                continue
            if verb == "RCPT":
                recipient = rest.partition("<")[2].partition(">")[0]
            if verb == "DATA" and not is_valid and not self.server.strict.waits_for_nobody:
                self._send("554 5.5.1 no valid recipients")
                continue
            code = self._say(verb, recipient)
            if verb in {"MAIL", "RCPT"}:
                is_valid = code.startswith("2") and (verb == "MAIL" or is_valid)
            if verb == "STARTTLS" and code == "220":
                self.connection = self.server.strict.tls.wrap_socket(self.connection, server_side=True)  # type: ignore[union-attr]
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
            elif verb == "DATA" and code == "354":
                self._take_in(recipient, is_valid=is_valid)
            elif verb == "QUIT":
                return

    def _take_in(self, recipient: str, *, is_valid: bool) -> None:
        lines: list[bytes] = []
        while (line := self.rfile.readline(1 << 16)) != b".\r\n":
            if not line:
                raise _Gone
            assert line.endswith(b"\r\n"), line
            assert len(line) <= 1000, line
            lines.append(line[1:] if line.startswith(b".") else line)
        if not is_valid:
            assert not lines, lines
            self._send("554 5.5.1 no valid recipients")
            return
        said = self.server.strict.says(".", recipient)
        # Kept before anybody is told, and also when nobody ever is.
        if said is None or said.startswith("2"):
            self.server.strict.taken.append(Taken(recipient, b"".join(lines)))
        if said is None:
            raise _Gone
        self._send(said)

    def _say(self, verb: str, recipient: str) -> str:
        said: Any = self.server.strict.says(verb, recipient)
        if said is None:
            raise _Gone
        if self.server.strict.answers_late and verb in {"MAIL", "RCPT"}:
            self._late += f"{said}\r\n"
        else:
            self._send(said)
        return str(said)[:3]

    def _send(self, text: str) -> None:
        self.wfile.write(f"{self._late}{text}\r\n".encode())
        self._late = ""
