"""The demo's mail server: speaks enough SMTP to take messages in on loopback, and keeps every one that it was given."""

from __future__ import annotations

import json
import socketserver
import threading
from pathlib import Path
from typing import Any, Self

MOST_BYTES = 1 << 20


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    inbox: Inbox


class Inbox:
    """Takes messages in, and writes each to a line of its log: recipient, Message-ID and the text. ``gone.`` addresses do not exist."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self.count = 0
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.inbox = self
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            self._log.close()

    def keep(self, recipient: str, text: str) -> None:
        """Write a message down before its sender is told that it was taken."""
        message_id = next((line.partition(":")[2].strip() for line in text.splitlines() if line.lower().startswith("message-id:")), "")
        with self._lock:
            self._log.write(json.dumps({"to": recipient, "message_id": message_id, "text": text}) + "\n")
            self._log.flush()
            self.count += 1


class _Session(socketserver.StreamRequestHandler):
    """One connection."""

    server: _Server

    def handle(self) -> None:
        """Answer line by line until the client says QUIT or is gone."""
        recipients: list[str] = []
        self._say("220 inbox.example outcamp demo")
        while line := self.rfile.readline(MOST_BYTES):
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    self._say("250-inbox.example\r\n250-8BITMIME\r\n250 SMTPUTF8")
                case "MAIL" | "RSET":
                    recipients.clear()
                    self._say("250 fine")
                case "RCPT":
                    address = rest.partition("<")[2].partition(">")[0]
                    if address.startswith("gone."):
                        self._say("550 5.1.1 nobody of that name")
                    else:
                        recipients.append(address)
                        self._say("250 fine")
                case "DATA" if recipients:
                    self._say("354 go on")
                    self._take_in(recipients)
                    self._say("250 kept")
                case "QUIT":
                    self._say("221 bye")
                    return
                case "NOOP":
                    self._say("250 fine")
                case _:
                    self._say("503 not now")

    def _take_in(self, recipients: list[str]) -> None:
        lines: list[str] = []
        while (line := self.rfile.readline(MOST_BYTES)) not in {b".\r\n", b""}:
            # The client doubles a dot at the beginning of a line.
            lines.append(line.removeprefix(b".").decode("utf-8", "replace").rstrip("\r\n"))
        for recipient in recipients:
            self.server.inbox.keep(recipient, "\n".join(lines))

    def _say(self, text: str) -> Any:
        self.wfile.write(text.encode() + b"\r\n")
