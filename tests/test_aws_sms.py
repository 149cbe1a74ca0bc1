"""Text messages over AWS End User Messaging, on a loopback that reads requests by Amazon's own model."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from outcamp.core.errors import Permanent
from outcamp.transports.aws_sms import REFUSED, AwsSmsTransport
from strict_aws import Error, Reply, StrictAws
from submissions import NOW, rows, said, statuses

ADA = {"endpoint": "+12025550143"}


@pytest.fixture(autouse=True)
def no_time_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message's validity counts from when it is asked for: here always from NOW."""
    monkeypatch.setattr("outcamp.transports.row_by_row.uptime", lambda: 0.0)


def amazon(reply: Reply) -> StrictAws:
    """A service that always says the same."""
    return StrictAws("pinpoint-sms-voice-v2", lambda operation, request: reply)


def asked_for(person: dict[str, Any], until: datetime | None = NOW + timedelta(hours=3), **settings: str) -> dict[str, Any]:
    """The request that one person's message makes."""
    with amazon({"MessageId": "0100"}) as service:
        answers = AwsSmsTransport(service.account(), "+18005550100", settings).submit(rows(person, channel="sms", until=until), NOW)
        assert (["accepted"], ["0100"]) == (statuses(answers), answers["message_id"].to_pylist())
    ((_, request),) = service.asked
    return request


def test_a_message_says_who_sends_what_to_whom_and_until_when() -> None:
    """And carries its reference along; the connection's settings are in each request."""
    assert {
        "DestinationPhoneNumber": "+12025550143",
        "OriginationIdentity": "+18005550100",
        "MessageBody": "Hello you",
        "TimeToLive": 3 * 3600,
        "Context": {"outcamp_reference": "spring/0/1/p0"},
        "ConfigurationSetName": "events",
        "MessageType": "PROMOTIONAL",
        "MaxPrice": "0.05",
    } == asked_for(ADA, ConfigurationSetName="events", MessageType="PROMOTIONAL", MaxPrice="0.05")


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (timedelta(seconds=5), 5),
        (timedelta(seconds=89.9), 89),
        (timedelta(days=3), 259200),
        (timedelta(days=30), 259200),
        (None, None),
    ],
)
def test_a_message_is_valid_as_long_as_the_window_is_open(left: timedelta | None, seconds: int | None) -> None:
    """In whole seconds, never longer, and within what Amazon takes; without an end Amazon's own applies."""
    assert seconds == asked_for(ADA, None if left is None else NOW + left).get("TimeToLive")


@pytest.mark.parametrize("left", [timedelta(seconds=4.9), timedelta(0), timedelta(seconds=-1)])
def test_a_window_that_is_about_to_close_is_waited_out(left: timedelta) -> None:
    """Amazon cannot promise to drop a message in less than five seconds."""
    with amazon({"MessageId": "0100"}) as service:
        answers = AwsSmsTransport(service.account(), None, {}).submit(rows(ADA, channel="sms", until=NOW + left), NOW)
    assert (["later"], [max(NOW, NOW + left)], []) == (statuses(answers), answers["until"].to_pylist(), service.asked)


@pytest.mark.parametrize("recipient_id", ["x" * 800, "ada "])
def test_a_reference_that_amazon_does_not_carry_stays_at_home(recipient_id: str) -> None:
    """The message goes all the same."""
    assert "Context" not in asked_for(ADA | {"recipient_id": recipient_id})


@pytest.mark.parametrize(("reason", "disposition"), REFUSED.items())
def test_a_reason_about_the_recipient_refuses_the_row(reason: str, disposition: str) -> None:
    """Whatever the code that it comes with."""
    with amazon(Error("ConflictException", members={"Reason": reason})) as service:
        answers = AwsSmsTransport(service.account(), None, {}).submit(rows(ADA, channel="sms"), NOW)
    assert [("refused", disposition)] == said(answers)


@pytest.mark.parametrize(
    ("person", "disposition"),
    [({"endpoint": "+0"}, "invalid_number"), ({"endpoint": ""}, "invalid_number"), (ADA | {"body": "x" * 1601}, "failed")],
)
def test_what_amazon_would_not_take_is_not_asked_for(person: dict[str, Any], disposition: str) -> None:
    """It would say so with a code that it has for wrong settings too, and nobody's number may stop a campaign."""
    with amazon({"MessageId": "0100"}) as service:
        answers = AwsSmsTransport(service.account(), None, {}).submit(rows(person, channel="sms"), NOW)
    assert ([("refused", disposition)], []) == (said(answers), service.asked)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"),
        ("ValidationException", "FIELD_VALIDATION_FAILED"),
        ("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"),
    ],
)
def test_a_reason_about_the_account_fails_for_good(code: str, reason: str) -> None:
    """Nothing was taken; code and reason are named, and no recipient."""
    with amazon(Error(code, members={"Reason": reason})) as service, pytest.raises(Permanent) as raised:
        AwsSmsTransport(service.account(), None, {}).submit(rows(ADA, channel="sms"), NOW)
    assert (
        f"AWS End User Messaging takes nothing through the connection 'amazon': {code} {reason}.\n"
        "  Next: Correct the Airflow connection, its rights at Amazon, or the channel's settings."
    ) == str(raised.value)


@pytest.mark.parametrize("reply", [Error("InternalServerException", 500), None])
def test_what_has_no_answer_is_unknown_and_asked_once(reply: Reply) -> None:
    """A repeated request could send twice."""
    with amazon(reply) as service:
        answers = AwsSmsTransport(service.account(), None, {}).submit(rows(ADA, channel="sms"), NOW)
    assert (["unknown"], 1) == (statuses(answers), len(service.asked))
