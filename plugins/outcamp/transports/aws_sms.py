"""Text messages over AWS End User Messaging (``pinpoint-sms-voice-v2``), each valid no longer than its recipient's window is open.

What becomes of an accepted message Amazon tells later, as an event of the configuration set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from outcamp.core.references import CARRIED_AS
from outcamp.transports.aws import AwsAccount, AwsService, Said, reason_of
from outcamp.transports.base import CONTENT, REFERENCE, Capabilities, OutcomesFromOutside
from outcamp.transports.row_by_row import Refused, Row, row_by_row, seconds_left

# The reasons that are about the one recipient, or the country of the one recipient.
REFUSED: Final = {
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": "opted_out",
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": "blocked",
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": "blocked",
    "DESTINATION_COUNTRY_BLOCKED": "blocked",
    "COUNTRY_NOT_ENABLED": "blocked",
    "INTERNATIONAL_SENDING_NOT_SUPPORTED": "blocked",
    "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": "blocked",
    "SENDER_ID_NOT_SUPPORTED": "blocked",
    "SENDER_ID_REQUIRES_REGISTRATION": "blocked",
    "PRICE_OVER_THRESHOLD": "failed",
    "MAXIMUM_SIZE_EXCEEDED": "failed",
}
SHORTEST, LONGEST = 5, 72 * 3600  # seconds that a message may wait to be handed on
LONGEST_TEXT: Final = 1600
_NUMBER: Final = re.compile(r"\+?[1-9][0-9]{1,18}")
_CARRIED: Final = re.compile(r"(?!\s)[\s\S]{1,800}(?<!\s)")


class AwsSmsTransport(OutcomesFromOutside):
    """Hands each text message to AWS End User Messaging in a request of its own."""

    capabilities = Capabilities(chunk_size=50, texts=True, validity=True)

    def __init__(self, account: AwsAccount, sender: str | None, settings: Mapping[str, str]) -> None:
        """Take the account, the number, pool or sender that messages come from, and what else each request says."""
        self._settings = dict(settings) | ({"OriginationIdentity": sender} if sender else {})
        self._sms = AwsService(account, "pinpoint-sms-voice-v2", "AWS End User Messaging")

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Send each row's text."""
        return row_by_row("AWS End User Messaging", rows, now, self._send)

    def _send(self, row: Row, now: datetime) -> str:
        text, number = row[CONTENT + "body"], row["endpoint"]
        # Amazon would say both with a code that it has for wrong settings too.
        if not _NUMBER.fullmatch(number):
            raise Refused("invalid_number")
        if not text.strip() or len(text) > LONGEST_TEXT:
            raise Refused("failed")
        request: dict[str, Any] = {"DestinationPhoneNumber": number, "MessageBody": text, **self._settings}
        seconds = seconds_left(row, now, SHORTEST, LONGEST)
        if seconds is not None:
            request["TimeToLive"] = seconds
        if _CARRIED.fullmatch(row[REFERENCE]):  # another one does not travel, and no event leads back to its attempt
            request["Context"] = {CARRIED_AS: row[REFERENCE]}
        return str(self._sms.ask("send_text_message", _refusal, **request)["MessageId"])


def _refusal(said: Said) -> str | None:
    return REFUSED.get(reason_of(said))
