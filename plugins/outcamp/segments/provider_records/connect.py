"""Amazon Connect: contact records, as it streams them. Our reference is in the contact's attributes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from outcamp.core.references import CARRIED_AS
from outcamp.segments.provider_records.base import Outcome, part, row

# AnsweringMachineDetectionStatus. What it could not tell counts as answered: somebody or something took the call.
DETECTED: Final[Mapping[str, str]] = {
    "HUMAN_ANSWERED": "answered",
    "ANSWERED": "answered",
    "AMD_UNRESOLVED": "answered",
    "AMD_UNRESOLVED_SILENCE": "answered",
    "VOICEMAIL_BEEP": "voicemail",
    "VOICEMAIL_NO_BEEP": "voicemail",
    "AMD_UNANSWERED": "no_answer",
    "SIT_TONE_BUSY": "busy",
    "SIT_TONE_INVALID_NUMBER": "invalid_number",
    "SIT_TONE_DETECTED": "failed",
    "FAX_MACHINE_DETECTED": "fax",
}
# DisconnectReason, where nothing was detected. Of any other, the call was answered if it was ever connected.
DISCONNECTED: Final[Mapping[str, str]] = {
    "TELECOM_BUSY": "busy",
    "TELECOM_NUMBER_INVALID": "invalid_number",
    "TELECOM_UNANSWERED": "no_answer",
    "TELECOM_TIMEOUT": "no_answer",
    "TELECOM_POTENTIAL_BLOCKING": "no_answer",
    "OUTBOUND_DESTINATION_ENDPOINT_ERROR": "failed",
    "OUTBOUND_RESOURCE_ERROR": "failed",
    "OUTBOUND_ATTEMPT_FAILED": "failed",
    "OUTBOUND_PREVIEW_DISCARDED": "failed",
    "EXPIRED": "failed",
}


def is_ours(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is one of a contact."""
    return "ContactId" in record and "InitiationMethod" in record


def outcome_of(record: Mapping[str, Any], received_at: datetime) -> Outcome | None:  # noqa: ARG001 - the record says when
    """Return what became of the call; a record of a contact that goes on, or that we did not begin, tells nothing."""
    reference = part(record, "Attributes").get(CARRIED_AS)
    if reference is None or not record.get("DisconnectTimestamp"):
        return None
    return row(_disposition(record), str(record["DisconnectTimestamp"]), reference=reference)


def _disposition(record: Mapping[str, Any]) -> str:
    detected = DETECTED.get(str(record.get("AnsweringMachineDetectionStatus")))
    if detected is None:
        reason = str(record.get("DisconnectReason"))
        detected = DISCONNECTED.get(reason) or ("answered" if record.get("ConnectedToSystemTimestamp") else "no_answer")
    queued, spoken_to = part(record, "Queue"), part(record, "Agent")
    # Whoever answered, was put into a queue and never reached an agent was left waiting.
    return "abandoned" if detected == "answered" and queued and not spoken_to else detected
