"""What providers tell of messages and calls is our outcome, or none; and the document says which."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.dispositions import REPORTED, Channel
from outcamp.core.errors import DataError
from outcamp.core.references import CARRIED_AS, tag_of
from outcamp.segments.outcome_files import stream
from outcamp.segments.provider_records import connect, end_user_messaging, outcome_of, ses, twilio

NOW = datetime(2026, 12, 1, 15, 5, tzinfo=UTC)
AT = "2026-12-01T15:01:02.345Z"
REFERENCE = "spring/0/1/ada"
# Of each table: its heading, the table, and the channels whose dispositions it may name.
TABLES = {
    "Twilio, `MessageStatus` of a text": (twilio.TEXTS, (Channel.SMS,)),
    "Twilio, `ErrorCode` of a text": (twilio.TEXT_ERRORS, (Channel.SMS,)),
    "Twilio, `CallStatus`": (twilio.CALLS, (Channel.AUTOMATED_VOICE,)),
    "Twilio, `AnsweredBy` of a completed call": (twilio.ANSWERED_BY, (Channel.AUTOMATED_VOICE,)),
    "Twilio, `SipResponseCode` of a failed call": (twilio.NO_SUCH_NUMBER, (Channel.AUTOMATED_VOICE,)),
    "Amazon SES, `eventType`": (ses.EVENTS, (Channel.EMAIL, Channel.SMS)),
    "Amazon SES, `bounceSubType` of a `Transient` bounce": (ses.BOUNCES, (Channel.EMAIL,)),
    "AWS End User Messaging, `eventType`": (end_user_messaging.EVENTS, (Channel.SMS,)),
    "Amazon Connect, `AnsweringMachineDetectionStatus`": (connect.DETECTED, (Channel.AGENT_VOICE,)),
    "Amazon Connect, `DisconnectReason`": (connect.DISCONNECTED, (Channel.AGENT_VOICE,)),
}


def mail(kind: str, reference: str | None = REFERENCE, **said: Any) -> dict[str, Any]:
    """An event of SES."""
    tags = {"ses:configuration-set": ["outcamp"]} | ({CARRIED_AS: [tag_of(reference)]} if reference else {})
    about = {"timestamp": "2026-12-01T15:00:00.000Z", "messageId": "m-1", "destination": ["ada@example.com"], "tags": tags}
    return {"eventType": kind, "mail": about, kind.lower(): said}


def text(kind: str, **more: Any) -> dict[str, Any]:
    """An event of a text message by AWS."""
    at = int(datetime(2026, 12, 1, 15, 1, 2, 345_000, tzinfo=UTC).timestamp() * 1000)
    return {"eventType": kind, "eventTimestamp": at, "isFinal": True, "context": {CARRIED_AS: REFERENCE}} | more


def contact(**more: Any) -> dict[str, Any]:
    """A contact record of Amazon Connect."""
    about = {"ContactId": "c-1", "InitiationMethod": "API", "Channel": "VOICE", "Attributes": {CARRIED_AS: REFERENCE}}
    return about | {"DisconnectTimestamp": AT, "Queue": None, "Agent": None} | more


def twilio_text(status: str, code: int | None = None) -> dict[str, str]:
    """A status callback of a text."""
    said = {"MessageSid": "SM1", "MessageStatus": status, "To": "+12025550143", "reference": REFERENCE}
    return said | ({} if code is None else {"ErrorCode": str(code)})


def twilio_call(status: str, **more: str) -> dict[str, str]:
    """A status callback of a call."""
    return {"CallSid": "CA1", "CallStatus": status, "Timestamp": "Tue, 01 Dec 2026 15:01:02 +0000", "reference": REFERENCE} | more


@pytest.mark.parametrize(
    ("record", "disposition"),
    [
        (twilio_text("delivered"), "delivered"),
        (twilio_text("read"), "delivered"),
        (twilio_text("undelivered", 30003), "unreachable"),
        (twilio_text("undelivered", 30005), "invalid_number"),
        (twilio_text("undelivered", 30007), "blocked"),
        (twilio_text("failed", 21610), "opted_out"),
        (twilio_text("failed", 30036), "expired"),
        (twilio_text("undelivered", 39999), "failed"),
        (twilio_text("failed"), "failed"),
        (twilio_call("completed"), "answered"),
        (twilio_call("completed", AnsweredBy="human"), "answered"),
        (twilio_call("completed", AnsweredBy="machine_end_beep"), "voicemail"),
        (twilio_call("completed", AnsweredBy="fax"), "fax"),
        (twilio_call("completed", AnsweredBy="unknown"), "answered"),
        (twilio_call("busy"), "busy"),
        (twilio_call("no-answer"), "no_answer"),
        (twilio_call("failed", SipResponseCode="404"), "invalid_number"),
        (twilio_call("failed", SipResponseCode="503"), "failed"),
        (mail("Delivery", timestamp=AT), "delivered"),
        (mail("Bounce", bounceType="Permanent", timestamp=AT), "bounced"),
        (mail("Bounce", bounceType="Transient", bounceSubType="MailboxFull", timestamp=AT), "soft_bounced"),
        (mail("Complaint", complaintFeedbackType="abuse", timestamp=AT), "complained"),
        (mail("Reject", reason="Bad content"), "rejected"),
        (mail("Subscription", timestamp=AT, newTopicPreferences={"unsubscribeAll": True}), "opted_out"),
        ({"detail-type": "Email Delivered", "source": "aws.ses", "detail": mail("Delivery", timestamp=AT)}, "delivered"),
        (text("TEXT_DELIVERED"), "delivered"),
        (text("TEXT_CARRIER_BLOCKED"), "blocked"),
        (text("TEXT_CARRIER_UNREACHABLE"), "unreachable"),
        (text("TEXT_TTL_EXPIRED"), "expired"),
        (text("TEXT_NEW"), "TEXT_NEW"),
        (contact(AnsweringMachineDetectionStatus="HUMAN_ANSWERED", Agent={"ARN": "a"}, Queue={"ARN": "q"}), "answered"),
        (contact(AnsweringMachineDetectionStatus="HUMAN_ANSWERED", Queue={"ARN": "q"}), "abandoned"),
        (contact(AnsweringMachineDetectionStatus="VOICEMAIL_NO_BEEP", Queue={"ARN": "q"}), "voicemail"),
        (contact(AnsweringMachineDetectionStatus="AMD_NOT_APPLICABLE", DisconnectReason="TELECOM_BUSY"), "busy"),
        (contact(DisconnectReason="CUSTOMER_DISCONNECT", ConnectedToSystemTimestamp=AT), "answered"),
        (contact(DisconnectReason="TELECOM_PROBLEM"), "no_answer"),
        (contact(DisconnectReason="EXPIRED"), "failed"),
    ],
    ids=str,
)
def test_a_record_is_an_outcome_of_its_attempt(record: Mapping[str, Any], disposition: str) -> None:
    """Each word of the provider is one of ours, by the reference that went out; a word that nobody knows is kept as it is."""
    found = outcome_of(record, NOW)
    assert found is not None
    assert (REFERENCE, disposition) == (found["reference"], found["disposition"])


@pytest.mark.parametrize(
    ("record", "at"),
    [
        (twilio_text("delivered"), NOW.isoformat()),
        (twilio_call("busy"), "2026-12-01T15:01:02+00:00"),
        (twilio_call("busy", Timestamp="lunchtime"), NOW.isoformat()),
        (mail("Delivery", timestamp=AT), AT),
        (mail("Reject"), "2026-12-01T15:00:00.000Z"),
        (text("TEXT_DELIVERED"), "2026-12-01T15:01:02.345000+00:00"),
        (contact(DisconnectReason="TELECOM_BUSY"), AT),
    ],
    ids=str,
)
def test_it_happened_when_the_provider_says(record: Mapping[str, Any], at: str) -> None:
    """Or when it came in, where the provider does not say."""
    assert at == (outcome_of(record, NOW) or {}).get("disposed_at")


@pytest.mark.parametrize(
    "record",
    [
        twilio_text("queued"),
        twilio_text("sent"),
        twilio_call("ringing"),
        twilio_text("delivered") | {"reference": ""},
        {"MessageSid": "SM1", "From": "+12025550143", "Body": "thanks!"},
        mail("Send"),
        mail("Open"),
        mail("DeliveryDelay"),
        mail("Complaint", complaintFeedbackType="not-spam"),
        mail("Bounce", bounceType="Transient", bounceSubType="General", timestamp=AT),
        mail("Bounce", bounceType="Transient", timestamp=AT),
        mail("Bounce", bounceType="Undetermined", bounceSubType="Undetermined", timestamp=AT),
        mail("Bounce", bounceType="Something new", bounceSubType="MailboxFull", timestamp=AT),
        mail("Subscription", newTopicPreferences={"unsubscribeAll": False}),
        mail("Delivery", None, timestamp=AT),
        mail("Delivery", timestamp=AT) | {"mail": {"tags": {CARRIED_AS: ["no-tag_of-ours"]}}},
        text("TEXT_PENDING"),
        text("TEXT_UNKNOWN"),
        text("TEXT_SUCCESSFUL", isFinal=False),
        text("TEXT_DELIVERED", context={}),
        {"inboundMessageId": "i-1", "originationNumber": "+12025550143", "messageBody": "thanks"},
        contact(DisconnectTimestamp=None),
        contact(Attributes={}),
        {"something": "else"},
        {},
    ],
    ids=str,
)
def test_what_is_no_outcome_is_none(record: Mapping[str, Any]) -> None:
    """It is still on its way, asks for nothing, or is not of ours."""
    assert None is outcome_of(record, NOW)


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ({"MessageSid": "SM1", "From": "+12025550143", "Body": "Stop."}, ("opted_out", "sms", "+12025550143")),
        ({"SmsSid": "SM1", "From": "+12025550143", "Body": "Baja", "OptOutType": "STOP"}, ("opted_out", "sms", "+12025550143")),
        (
            {"inboundMessageId": "i-1", "originationNumber": "+12025550143", "messageBody": "STOP"},
            ("opted_out", "sms", "+12025550143"),
        ),
        (mail("Complaint", None, complainedRecipients=[{"emailAddress": "ada@example.com"}]), ("complained", "email", "ada@example.com")),
        (mail("Bounce", None, bounceType="Permanent"), ("bounced", "email", "ada@example.com")),
        (
            mail("Complaint", None, complainedRecipients=[{"emailAddress": "a@example.com"}, {"emailAddress": "b@example.com"}]),
            ("complained", "email", None),
        ),
    ],
    ids=str,
)
def test_a_wish_without_a_reference_names_the_endpoint(record: Mapping[str, Any], row: tuple[str, str, str | None]) -> None:
    """So that it can be suppressed; of several who may be meant, nobody is."""
    found = outcome_of(record, NOW) or {}
    assert (None, row) == (found.get("reference"), (found.get("disposition"), found.get("channel"), found.get("endpoint")))


def test_a_file_of_records_is_a_file_of_outcomes(tmp_path: Path) -> None:
    """By its ending; records that tell no outcome are passed over, and what has no time of its own has the file's."""
    path = tmp_path / "connect.records.jsonl"
    records = [contact(DisconnectReason="TELECOM_BUSY"), contact(Attributes={}), mail("Bounce", None, bounceType="Permanent")]
    path.write_text("\n".join([*map(json.dumps, records), "", json.dumps(twilio_text("failed"))]), encoding="utf-8")
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    (table,) = stream(path)
    rows = table.select(["recipient_id", "endpoint", "disposition", "disposed_at", "unreadable"]).to_pylist()
    assert [
        ("ada", None, "busy", None),
        (None, "ada@example.com", "bounced", None),
        ("ada", None, "failed", None),
    ] == [(row["recipient_id"], row["endpoint"], row["disposition"], row["unreadable"]) for row in rows]
    assert NOW == rows[2]["disposed_at"]


@pytest.mark.parametrize("line", ["{", "[]", "7", "\x00", "[" * 100_000])
def test_a_file_of_records_with_another_line_is_refused(tmp_path: Path, line: str) -> None:
    """By its number; and one that is not there."""
    path = tmp_path / "ses.records.jsonl"
    with pytest.raises(DataError, match=r"ses.records.jsonl: there is no such file\n  Next: check the path"):
        list(stream(path))
    path.write_text(f"{{}}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"ses.records.jsonl: line 2 is no JSON object\n  Next: write one record of the provider a line"):
        list(stream(path))


NAMES = sorted(
    {name for record in (twilio_text("failed", 1), twilio_call("busy"), mail("Bounce"), text("TEXT_SPAM"), contact()) for name in record}
    | {"bounce", "complaint", "subscription", "tags", "destination", "bouncedRecipients", "emailAddress", "timestamp", CARRIED_AS}
    | {"detail-type", "detail", "inboundMessageId", "messageBody", "Body", "From", "Timestamp", "AnsweredBy", "notificationType"}
)
WORDS = st.sampled_from(["Bounce", "Complaint", "Subscription", "TEXT_DELIVERED", "busy", "completed", "failed", REFERENCE, AT, "STOP"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4), max_leaves=8
)


@given(record=st.dictionaries(st.sampled_from(NAMES), values, max_size=8))
def test_no_record_stops_the_reader(record: dict[str, Any]) -> None:
    """Whatever stands where something else is expected, it is an outcome of texts or none."""
    found = outcome_of(record, NOW)
    assert found is None or {str} == {type(value) for value in found.values()}


def test_every_table_names_dispositions_of_its_channel() -> None:
    """A word that the channel does not have would be kept aside for ever."""
    for heading, (table, channels) in TABLES.items():
        known = {code for channel in channels for code in REPORTED[channel]}
        assert set() == set(table.values()) - known, heading


def test_the_document_shows_every_table() -> None:
    """docs/outcomes.md has them as they are in the code."""
    lines = [line for heading, (table, _) in TABLES.items() for line in _shown(heading, table)]
    document = (Path(__file__).parents[1] / "docs" / "outcomes.md").read_text(encoding="utf-8")
    shown = document.partition("<!-- providers -->\n")[2].partition("<!-- /providers -->")[0].splitlines()
    assert lines == shown


def _shown(heading: str, table: Mapping[str, str]) -> list[str]:
    codes: dict[str, list[str]] = {}
    for word, disposition in table.items():
        codes.setdefault(disposition, []).append(f"`{word}`")
    return [f"| {heading} | outcome |", "|---|---|", *(f"| {', '.join(words)} | `{code}` |" for code, words in codes.items()), ""]
