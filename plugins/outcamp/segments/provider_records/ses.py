"""Amazon SES: events of a configuration set, and feedback notifications. Our reference is in the message's tags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from outcamp.core.references import CARRIED_AS, reference_of_tag
from outcamp.segments.provider_records.base import Outcome, part, row

# eventType or notificationType. The others (Send, DeliveryDelay, Open, Click) are no outcome.
EVENTS: Final[Mapping[str, str]] = {
    "Delivery": "delivered",
    "Complaint": "complained",
    "Reject": "rejected",
    "Rendering Failure": "rejected",
    "Subscription": "opted_out",
}
# bounceSubType of a Transient bounce: nobody has the message. Any other one may be the answer of somebody who is on holiday and has it.
BOUNCES: Final[Mapping[str, str]] = dict.fromkeys(
    ("MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected"), "soft_bounced"
)


def is_ours(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is an event of SES."""
    return isinstance(record.get("mail"), Mapping) and _kind(record) is not None


def outcome_of(record: Mapping[str, Any], received_at: datetime) -> Outcome | None:
    """Return what became of the message; one that carries no reference may still say which address is dead, or wants no more."""
    kind = str(_kind(record))
    said = part(record, kind.lower())
    if kind == "Bounce":
        disposition = _bounce(said)
    elif kind in EVENTS and not _is_no_news(kind, said):
        disposition = EVENTS[kind]
    else:
        disposition = None
    if disposition is None:
        return None
    reference = _reference(record)
    if reference is None and disposition not in {"bounced", "complained", "opted_out"}:
        return None  # mail of somebody else, by the same configuration set
    at = said.get("timestamp") or part(record, "mail").get("timestamp")
    return row(
        disposition,
        str(at or received_at.isoformat()),
        reference=reference,
        channel="email",
        endpoint=None if reference else _address(record, said),
    )


def _kind(record: Mapping[str, Any]) -> object:
    return record.get("eventType") or record.get("notificationType")


def _bounce(said: Mapping[str, Any]) -> str | None:
    """Only a bounce that is permanent says that the address is dead; one that proves nothing is no outcome."""
    if said.get("bounceType") == "Permanent":
        return "bounced"
    return BOUNCES.get(str(said.get("bounceSubType"))) if said.get("bounceType") == "Transient" else None


def _is_no_news(kind: str, said: Mapping[str, Any]) -> bool:
    """A click on "this is no spam" comes as a complaint, and whoever stays in some topics has not unsubscribed."""
    if kind == "Complaint":
        return said.get("complaintFeedbackType") == "not-spam"
    return kind == "Subscription" and part(said, "newTopicPreferences").get("unsubscribeAll") is not True


def _reference(record: Mapping[str, Any]) -> str | None:
    values = part(part(record, "mail"), "tags").get(CARRIED_AS)
    try:
        return reference_of_tag(str(values[0])) if isinstance(values, list) and values else None
    except ValueError:
        return None


def _address(record: Mapping[str, Any], said: Mapping[str, Any]) -> object:
    """Return whose message it is; of several who may be meant, none."""
    people = said.get("bouncedRecipients") or said.get("complainedRecipients") or part(record, "mail").get("destination")
    if not isinstance(people, list) or len(people) != 1:
        return None
    return people[0].get("emailAddress") if isinstance(people[0], Mapping) else people[0]
