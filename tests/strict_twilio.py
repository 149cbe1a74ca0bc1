"""Twilio on loopback: it takes the documented parameters of messages and calls, as Twilio's own library names them, and no others."""

from __future__ import annotations

import base64
import inspect
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from twilio.rest.api.v2010.account.call import CallList
from twilio.rest.api.v2010.account.message import MessageList

from loopback import Loopback
from outcamp.transports.twilio import TwilioAccount

SID, TOKEN = "AC" + "0" * 32, "t0ken"
Reply = tuple[int, Any] | None  # status and body, JSON or bytes as they are; None: end the connection without a word


def documented(create: Callable[..., Any]) -> set[str]:
    """The parameters of a resource in the form that goes over the wire."""
    return {"".join(word.capitalize() for word in name.split("_")) for name in inspect.signature(create).parameters if name != "self"}


PARAMETERS = {"Messages": documented(MessageList.create), "Calls": documented(CallList.create)}


def refuses(code: int, status: int = 400, message: str = "+12025550143 is not what we like") -> Reply:
    """What Twilio says with a code; its words name the number."""
    return status, {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}


def takes(form: dict[str, str]) -> Reply:
    """Take a message or a call."""
    return 201, {"sid": "SM" + form["To"].removeprefix("+").zfill(32), "status": "queued", "error_code": None}


class StrictTwilio(Loopback):
    """Messages and calls of one account; ``asked`` has the form of each request, ``taken`` of each that was taken."""

    def __init__(self, reply: Callable[[dict[str, str]], Reply] = takes) -> None:
        self._reply = reply
        self._lock = threading.Lock()
        self.asked: list[dict[str, str]] = []
        self.taken: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """Where to ask."""
        return f"http://127.0.0.1:{self.port}"

    def account(self, **more: Any) -> TwilioAccount:
        """The connection that leads here."""
        return TwilioAccount(**({"name": "twilio", "sid": SID, "login": SID, "password": TOKEN, "url": self.url} | more))

    def serve(self, http: BaseHTTPRequestHandler) -> None:
        """Read a request, and answer it."""
        body = http.rfile.read(int(http.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True, strict_parsing=True).items()}
        credentials = base64.b64decode((http.headers["Authorization"] or "").removeprefix("Basic ")).decode()
        if credentials != f"{SID}:{TOKEN}":
            self._send(http, refuses(20003, 401))
            return
        reply = self._reply(form)
        with self._lock:
            self.complaints += complaints_about(http.path, form)
            self.asked.append(form)
            if reply is not None and reply[0] == 201:
                self.taken.append(form)
        self._send(http, reply)

    def _send(self, http: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply is None:
            http.close_connection = True
            return
        content = reply[1] if isinstance(reply[1], bytes) else json.dumps(reply[1]).encode()
        http.send_response(reply[0])
        http.send_header("Content-Length", str(len(content)))
        http.end_headers()
        http.wfile.write(content)


def complaints_about(path: str, form: dict[str, str]) -> list[str]:
    """Everything in a request that Twilio's documentation does not allow."""
    resource = path.removeprefix(f"/2010-04-01/Accounts/{SID}/").removesuffix(".json")
    if resource not in PARAMETERS:
        return [f"nothing is at {path}"]
    rules = {
        "a known parameter": set(form) <= PARAMETERS[resource],
        "a recipient": "To" in form,
        "one kind of sender": len({"From", "MessagingServiceSid"} & set(form)) == 1,
        "what to say": len({"Body"} & set(form)) == 1 if resource == "Messages" else len({"Url", "Twiml"} & set(form)) == 1,
        "a period of 1 to 36000 seconds": 1 <= int(form.get("ValidityPeriod", 1)) <= 36000,
        "at most 600 seconds of ringing": 0 < int(form.get("Timeout", 60)) <= 600,
        "a kind of detection": form.get("MachineDetection", "Enable") in {"Enable", "DetectMessageEnd"},
        "absolute addresses": all(urlsplit(form[name]).hostname for name in ("Url", "StatusCallback") if name in form),
    }
    return [f"{path} needs {rule}: {form}" for rule, kept in rules.items() if not kept]
