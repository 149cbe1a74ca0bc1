"""AWS End User Messaging: events of text messages, and texts that come in. Our reference is in the message's context."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from outcamp.core.opt_outs import is_opt_out
from outcamp.core.references import CARRIED_AS
from outcamp.segments.provider_records.base import Outcome, part, row

# eventType. TEXT_QUEUED, TEXT_SENT and TEXT_PENDING are no outcome, and after TEXT_UNKNOWN there may be one: it counts until the deadline.
EVENTS: Final[Mapping[str, str]] = {
    "TEXT_DELIVERED": "delivered",
    "TEXT_SUCCESSFUL": "delivered",
    "TEXT_INVALID": "invalid_number",
    "TEXT_INVALID_MESSAGE": "failed",
    "TEXT_UNREACHABLE": "unreachable",
    "TEXT_CARRIER_UNREACHABLE": "unreachable",
    "TEXT_BLOCKED": "blocked",
    "TEXT_CARRIER_BLOCKED": "blocked",
    "TEXT_PROTECT_BLOCKED": "blocked",
    "TEXT_SPAM": "blocked",
    "TEXT_TTL_EXPIRED": "expired",
}
NO_OUTCOME_YET: Final = frozenset({"TEXT_QUEUED", "TEXT_SENT", "TEXT_PENDING", "TEXT_UNKNOWN"})


def is_ours(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is an event of a text message, or a text that came in."""
    return str(record.get("eventType")).startswith("TEXT_") or "inboundMessageId" in record


def outcome_of(record: Mapping[str, Any], received_at: datetime) -> Outcome | None:
    """Return what became of the text, or that somebody asks for no more texts."""
    if "inboundMessageId" in record:
        asks = is_opt_out(str(record.get("messageBody")))
        return row("opted_out", received_at, channel="sms", endpoint=record.get("originationNumber")) if asks else None
    reference, kind = part(record, "context").get(CARRIED_AS), str(record["eventType"])
    if reference is None or record.get("isFinal") is False or kind in NO_OUTCOME_YET:
        return None
    return row(EVENTS.get(kind, kind), _instant(record, received_at), reference=reference, channel="sms")


def _instant(record: Mapping[str, Any], received_at: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(int(record["eventTimestamp"]) / 1000, UTC)
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        return received_at
