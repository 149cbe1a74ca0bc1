"""E-mail over Amazon SES, version 2 of its API: each message as it goes over the wire, and tagged with its reference.

What becomes of an accepted message Amazon tells later, as an event of the configuration set.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import idna
import pyarrow as pa

from outcamp.core.references import CARRIED_AS, tag_of
from outcamp.transports.aws import AwsAccount, AwsService, Said, code_of
from outcamp.transports.base import REFERENCE, Capabilities, OutcomesFromOutside
from outcamp.transports.mail import sender_address, wire_form
from outcamp.transports.row_by_row import Refused, Row, row_by_row

REFUSED: Final = {"MessageRejected": "rejected", "BadRequestException": "rejected"}
_LONGEST_TAG: Final = 256


class SesTransport(OutcomesFromOutside):
    """Hands each message to Amazon SES in a request of its own."""

    capabilities = Capabilities(chunk_size=50, texts=True)

    def __init__(self, account: AwsAccount, sender: str, configuration_set: str | None = None) -> None:
        self._sender, self._address = sender, sender_address(sender)
        self._settings = {"ConfigurationSetName": configuration_set} if configuration_set else {}
        self._ses = AwsService(account, "sesv2", "Amazon SES")

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Send each row's message, with the texts in its columns ``content.*``."""
        return row_by_row("Amazon SES", rows, now, lambda row, _: self._send(row, now))

    def _send(self, row: Row, now: datetime) -> str:
        endpoint = _in_ascii(row["endpoint"])
        try:
            _, message = wire_form({**row, "endpoint": endpoint}, self._sender, self._address.rpartition("@")[2], now)
        except (ValueError, TypeError, LookupError):
            raise Refused("rejected") from None
        tag = tag_of(row[REFERENCE])
        request: dict[str, Any] = {
            "FromEmailAddress": self._address,
            "Destination": {"ToAddresses": [endpoint]},
            "Content": {"Raw": {"Data": message}},
            **self._settings,
        }
        if len(tag) <= _LONGEST_TAG:  # a longer one does not travel, and no event leads back to its attempt
            request["EmailTags"] = [{"Name": CARRIED_AS, "Value": tag}]
        return str(self._ses.ask("send_email", _refusal, **request)["MessageId"])


def _in_ascii(endpoint: str) -> str:
    """Return an address as SES takes it: the domain in its ASCII form, the part before it in ASCII anyway."""
    local, _, domain = endpoint.rpartition("@")
    try:
        return endpoint if endpoint.isascii() else f"{local.encode('ascii').decode()}@{idna.encode(domain, uts46=True).decode()}"
    except (UnicodeError, idna.IDNAError):
        raise Refused("rejected") from None


def _refusal(said: Said) -> str | None:
    """Return the disposition that an error means for the row, unless the account is what SES does not like."""
    words = str(said["Error"].get("Message", "")).lower()
    is_about_the_account = "not verified" in words or "configuration set" in words
    return None if is_about_the_account else REFUSED.get(code_of(said))
