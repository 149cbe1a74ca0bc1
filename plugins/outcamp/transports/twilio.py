"""Twilio: its API, asked once for each row, and the text messages and calls that are made by it.

What becomes of an accepted message or call Twilio tells later, at the address ``status_callback``.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import pyarrow as pa

from outcamp.core.errors import Permanent
from outcamp.transports.base import CONTENT, REFERENCE, Capabilities, OutcomesFromOutside
from outcamp.transports.row_by_row import WIDTH, InDoubt, NotTaken, Refused, Row, row_by_row, seconds_left

URL: Final = "https://api.twilio.com"
# Nothing is taken now, and something may be later: rates, full queues, concurrent calls, the day's limit, maintenance.
THROTTLED: Final = (20429, 14107, 21611, 63038, 10004, 21730)
REFUSED_TEXTS: Final = {
    21211: "invalid_number",
    21217: "invalid_number",
    21614: "invalid_number",
    21635: "invalid_number",
    21610: "opted_out",
    21612: "unreachable",
    21408: "blocked",
    21608: "blocked",
    21602: "failed",
    21617: "failed",
}
REFUSED_CALLS: Final = {
    21211: "invalid_number",
    21217: "invalid_number",
    13223: "invalid_number",
    13224: "invalid_number",
    21214: "failed",
    21215: "failed",
    21216: "failed",
    21219: "failed",
}
SHORTEST, LONGEST = 1, 36_000  # seconds that a message may wait in Twilio's queue
_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_ABOUT_THE_RECIPIENT: Final = "'To'"  # how Twilio's words name the recipient's number


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show the token
class TwilioAccount:
    """Whose messages and calls they are, as an Airflow connection says it.

    Attributes:
        name: of the connection.
        sid: the account's; the login is the same, or an API key's.
        status_callback: where Twilio tells what became of a message or call; it gets our reference in its query.
    """

    name: str
    sid: str
    login: str
    password: str
    url: str = URL
    status_callback: str | None = None


class TwilioApi:
    """The account's resources. Twilio knows no key by which a repeated request would be the same message, so nothing is repeated."""

    def __init__(self, account: TwilioAccount) -> None:
        self._account = account
        if not (account.sid and account.login and account.password):
            next_step = "Put the account's SID into the connection's login, and its token into the password."
            raise Permanent(f"The connection {account.name!r} does not hold Twilio's SID and token.", next_step=next_step)
        if account.status_callback is not None and not is_address(account.status_callback):
            problem = (
                f"The status_callback in the extra of the connection {account.name!r} is {account.status_callback!r}, which is no address."
            )
            raise Permanent(problem, next_step="Write https://, the host and the path.")
        limits = httpx.Limits(max_connections=WIDTH)
        timeout = httpx.Timeout(30, connect=10)
        try:
            self._http = httpx.Client(base_url=account.url, auth=(account.login, account.password), limits=limits, timeout=timeout)
        except httpx.InvalidURL as error:
            raise Permanent(
                f"Twilio's address in the connection {account.name!r} is none: {error}", next_step="Correct its host."
            ) from None
        weakref.finalize(self, self._http.close)

    def create(self, resource: str, refused: Mapping[int, str], row: Row, **form: Any) -> str:
        """Create a message or a call for a row, and return its SID."""
        if self._account.status_callback is not None:
            form["StatusCallback"] = with_reference(self._account.status_callback, row)
        try:
            response = self._http.post(f"/2010-04-01/Accounts/{self._account.sid}/{resource}.json", data=form)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise NotTaken(str(error) or type(error).__name__) from None
        except httpx.UnsupportedProtocol as error:
            raise Permanent(
                f"Twilio's address in the connection {self._account.name!r} is none: {error}", next_step="Correct its host."
            ) from None
        except httpx.HTTPError as error:
            raise InDoubt(type(error).__name__) from None
        return self._read(response, refused)

    def _read(self, response: httpx.Response, refused: Mapping[int, str]) -> str:
        status = response.status_code
        said = _json(response)
        if response.is_success and "sid" in said:
            return str(said["sid"])
        code: Any = said.get("code")
        if status == 429 or code in THROTTLED:
            raise NotTaken(f"HTTP {status}, code {code}")
        if not 400 <= status < 500 or status == 408:
            raise InDoubt(f"HTTP {status}")
        if code in refused:
            raise Refused(refused[code])
        if status == 400 and _ABOUT_THE_RECIPIENT in str(said.get("message")):  # Twilio invents new codes
            raise Refused("failed")
        problem = f"Twilio takes nothing through the connection {self._account.name!r}: HTTP {status}, code {code}."
        raise Permanent(problem, next_step="Look the code up in Twilio's documentation; correct the connection, or the channel's settings.")


class TwilioSmsTransport(OutcomesFromOutside):
    """Hands each text message to Twilio, valid no longer than its recipient's window is open."""

    capabilities = Capabilities(chunk_size=50, texts=True, validity=True)

    def __init__(self, account: TwilioAccount, sender: str | None) -> None:
        self._api = TwilioApi(account)
        self._sender = _sender("sms", sender, "a number, a sender ID, or the SID of a messaging service (MG...)")

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Send each row's text."""
        return row_by_row("Twilio", rows, now, self._send)

    def _send(self, row: Row, now: datetime) -> str:
        seconds = seconds_left(row, now, SHORTEST, LONGEST)
        form = {"To": row["endpoint"], "Body": row[CONTENT + "body"], **self._sender}
        return self._api.create("Messages", REFUSED_TEXTS, row, **form, **({} if seconds is None else {"ValidityPeriod": seconds}))


class TwilioVoiceTransport(OutcomesFromOutside):
    """Lets Twilio call each row's number and run the flow: an address of TwiML, or TwiML itself."""

    capabilities = Capabilities(chunk_size=50)

    def __init__(self, account: TwilioAccount, sender: str | None, flow: str | None, ring_time: timedelta, *, detect_machine: bool) -> None:
        self._api = TwilioApi(account)
        self._flow = flow or ""
        if not self._flow.startswith("<") and not is_address(self._flow):
            problem = f"channels.automated_voice.flow is {flow!r}, and Twilio runs TwiML."
            raise Permanent(
                problem, next_step="Write the address of a TwiML document (https://...), or the document itself (<Response>...)."
            )
        self._settings = {
            **_sender("automated_voice", sender, "a number of the account"),
            "Timeout": int(ring_time.total_seconds()),
            **({"MachineDetection": "Enable"} if detect_machine else {}),
        }

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Have each row's number called."""
        return row_by_row("Twilio", rows, now, lambda row, _: self._call(row))

    def _call(self, row: Row) -> str:
        flow = {"Twiml": self._flow} if self._flow.startswith("<") else {"Url": with_reference(self._flow, row)}
        return self._api.create("Calls", REFUSED_CALLS, row, To=row["endpoint"], **self._settings, **flow)


def is_address(text: str) -> bool:
    """Whether a text is an address that Twilio can ask."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)


def with_reference(url: str, row: Row) -> str:
    """Return an address that says in its query which attempt it is asked for."""
    return str(httpx.URL(url).copy_merge_params({"reference": row[REFERENCE]}))


def _sender(channel: str, sender: str | None, what: str) -> dict[str, str]:
    if not sender:
        raise Permanent(f"channels.{channel}.sender is missing, and Twilio needs one.", next_step=f"Write {what}.")
    return {"MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From": sender}


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        said = response.json()
    except ValueError:
        return {}
    return said if isinstance(said, Mapping) else {}
