"""Twilio: status callbacks of text messages and calls, and texts that come in. Our reference is in the query of the callback."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from outcamp.core.opt_outs import is_opt_out
from outcamp.segments.provider_records.base import Outcome, row

# MessageStatus. The others (accepted, scheduled, queued, sending, sent ...) are no outcome.
TEXTS: Final[Mapping[str, str]] = {
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
# ErrorCode of a text that was not delivered; any other is what its status says.
TEXT_ERRORS: Final[Mapping[str, str]] = {
    "21211": "invalid_number",
    "21217": "invalid_number",
    "21614": "invalid_number",
    "21635": "invalid_number",
    "30005": "invalid_number",
    "21610": "opted_out",
    "21612": "unreachable",
    "30003": "unreachable",
    "30006": "unreachable",
    "21408": "blocked",
    "21608": "blocked",
    "30004": "blocked",
    "30007": "blocked",
    "30018": "blocked",
    "30032": "blocked",
    "30034": "blocked",
    "30450": "blocked",
    "30036": "expired",
}
# CallStatus. The others (queued, initiated, ringing, in-progress) are no outcome. A call that was canceled may have rung: it counts.
CALLS: Final[Mapping[str, str]] = {
    "completed": "answered",
    "busy": "busy",
    "no-answer": "no_answer",
    "canceled": "no_answer",
    "failed": "failed",
}
# AnsweredBy of a completed call; human, unknown and none at all are answered.
ANSWERED_BY: Final[Mapping[str, str]] = {
    "machine_start": "voicemail",
    "machine_end_beep": "voicemail",
    "machine_end_silence": "voicemail",
    "machine_end_other": "voicemail",
    "fax": "fax",
}
# SipResponseCode of a failed call that says that there is no such number.
NO_SUCH_NUMBER: Final[Mapping[str, str]] = {"404": "invalid_number", "484": "invalid_number", "604": "invalid_number"}


def is_ours(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is a callback of Twilio's."""
    return "CallSid" in record or "MessageSid" in record or "SmsSid" in record


def outcome_of(record: Mapping[str, Any], received_at: datetime) -> Outcome | None:
    """Return what became of the text or the call, or that somebody asks for no more texts."""
    if "MessageStatus" not in record and "Body" in record:
        return _of_reply(record, received_at)
    reference = record.get("reference")
    disposition = _of_call(record) if "CallSid" in record else _of_text(record)
    if disposition is None or not reference:
        return None
    return row(disposition, _instant(record, received_at), reference=reference)


def _of_text(record: Mapping[str, Any]) -> str | None:
    disposition = TEXTS.get(str(record.get("MessageStatus")))
    return TEXT_ERRORS.get(str(record.get("ErrorCode")), disposition) if disposition == "failed" else disposition


def _of_call(record: Mapping[str, Any]) -> str | None:
    status = str(record.get("CallStatus"))
    if status == "completed":
        return ANSWERED_BY.get(str(record.get("AnsweredBy")), CALLS[status])
    if status == "failed":
        return NO_SUCH_NUMBER.get(str(record.get("SipResponseCode")), CALLS[status])
    return CALLS.get(status)


def _of_reply(record: Mapping[str, Any], received_at: datetime) -> Outcome | None:
    asks = record.get("OptOutType") == "STOP" or is_opt_out(str(record["Body"]))
    return row("opted_out", received_at, channel="sms", endpoint=record.get("From")) if asks else None


def _instant(record: Mapping[str, Any], received_at: datetime) -> datetime:
    try:
        at = parsedate_to_datetime(str(record["Timestamp"]))
    except (KeyError, ValueError):
        return received_at
    return at if at.tzinfo else received_at
