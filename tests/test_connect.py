"""Calls by Amazon Connect, started one by one, on a loopback that reads requests by Amazon's own model."""

from __future__ import annotations

from typing import Any

import pytest

from connect_campaigns import INSTANCE, voice
from outcamp.core.errors import Permanent
from outcamp.transports.aws import AwsAccount
from outcamp.transports.connect import REFUSED, ConnectInstance, ConnectTransport
from strict_aws import Error, Reply, StrictAws
from submissions import NOW, rows, said, statuses

ADA = {"endpoint": "+12025550143"}
ACCOUNT = AwsAccount("amazon", "AKID", "s3cret", region="us-east-1")
AUTOMATED = 'sender: "+18005550101", flow: renewal-reminder, ring_time: 20 seconds'


def started(settings: str, channel: str = "automated_voice", person: dict[str, Any] = ADA) -> dict[str, Any]:
    """The request that one person's call makes."""
    with StrictAws("connect", lambda operation, request: {"ContactId": "c-1"}) as amazon:
        answers = ConnectTransport(amazon.account(), INSTANCE, channel, voice(settings, channel)).submit(rows(person, channel=channel), NOW)
        assert (["accepted"], ["c-1"]) == (statuses(answers), answers["message_id"].to_pylist())
    ((operation, request),) = amazon.asked
    assert operation == "StartOutboundVoiceContact"
    return request


def start_answer(reply: Reply) -> tuple[str, str | None]:
    """What becomes of a call to whose start Amazon says this."""
    with StrictAws("connect", lambda operation, request: reply) as amazon:
        ((status, disposition),) = said(
            ConnectTransport(amazon.account(), INSTANCE, "automated_voice", voice(AUTOMATED)).submit(rows(ADA), NOW)
        )
    assert 1 == len(amazon.asked)
    return status, disposition


def test_an_automated_call_says_what_the_campaign_says() -> None:
    """The flow by its id, how long it rings, whether a machine is looked for, and the reference, which is the request's key too."""
    request = started(AUTOMATED)
    assert 64 == len(request.pop("ClientToken"))
    assert {
        "InstanceId": "11111111-2222",
        "ContactFlowId": "flow-7",
        "DestinationPhoneNumber": "+12025550143",
        "SourcePhoneNumber": "+18005550101",
        "RingTimeoutInSeconds": 20,
        "TrafficType": "CAMPAIGN",
        "AnswerMachineDetectionConfig": {"EnableAnswerMachineDetection": True},
        "Attributes": {"outcamp_reference": "spring/0/1/p0"},
    } == request


def test_a_call_for_an_agent_has_its_queue() -> None:
    """The queue's own number calls where the campaign names none; a name that the connection does not know is an id."""
    request = started("flow: flow-9, queue: sales, mode: agentless, detect_machine: false", "agent_voice")
    assert ("flow-9", "queue-3", "GENERAL", None) == (
        request["ContactFlowId"],
        request["QueueId"],
        request["TrafficType"],
        request.get("SourcePhoneNumber"),
    )


def test_the_same_attempt_has_the_same_key() -> None:
    """And another one another."""
    assert started(AUTOMATED)["ClientToken"] == started(AUTOMATED)["ClientToken"]
    assert started(AUTOMATED)["ClientToken"] != started(AUTOMATED, person=ADA | {"recipient_id": "ben"})["ClientToken"]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        *((Error(code, 403), ("refused", disposition)) for code, disposition in REFUSED.items()),
        (Error("LimitExceededException", 429), ("throttled", None)),
        (Error("InternalServiceException", 500), ("unknown", None)),
        (None, ("unknown", None)),
    ],
)
def test_what_amazon_says_of_a_call(reply: Reply, answer: tuple[str, str | None]) -> None:
    """Each call is asked for once."""
    assert answer == start_answer(reply)


def test_a_number_that_is_none_is_not_asked_for() -> None:
    """Amazon has the same code for wrong settings, and nobody's number may stop a campaign."""
    with StrictAws("connect", lambda operation, request: {"ContactId": "c-1"}) as amazon:
        transport = ConnectTransport(amazon.account(), INSTANCE, "automated_voice", voice(AUTOMATED))
        assert [("refused", "invalid_number")] == said(transport.submit(rows({"endpoint": "12025550143"}), NOW))
    assert [] == amazon.asked


@pytest.mark.parametrize(
    "code", ["InvalidParameterException", "InvalidRequestException", "ResourceNotFoundException", "OutboundContactNotPermittedException"]
)
def test_wrong_settings_fail_for_good(code: str) -> None:
    """Nothing was taken, and nothing that Amazon says of a recipient is repeated."""
    with pytest.raises(Permanent) as raised:
        start_answer(Error(code))
    assert str(raised.value).startswith(f"Amazon Connect takes nothing through the connection 'amazon': {code}.")


@pytest.mark.parametrize(
    ("settings", "channel", "instance", "message"),
    [
        (
            AUTOMATED,
            "automated_voice",
            ConnectInstance(""),
            "The connection 'amazon' names no instance of Amazon Connect.\n"
            "  Next: Write the id of the instance as connect_instance into the connection's extra.",
        ),
        (
            "queue: sales, flow: x",
            "agent_voice",
            INSTANCE,
            "channels.agent_voice.mode is progressive, and the connection 'amazon' names no campaign of Amazon Connect that dials so.\n"
            "  Next: Write the campaign's id as connect_campaign into the connection's extra, or use mode: agentless.",
        ),
        (
            'sender: "+18005550101"',
            "automated_voice",
            INSTANCE,
            "channels.automated_voice.flow is missing, and Amazon Connect must know what to do when somebody answers.\n"
            "  Next: Name a flow of the instance.",
        ),
        (
            "flow: x",
            "automated_voice",
            INSTANCE,
            "channels.automated_voice.sender is missing, and Amazon Connect must know from which number to call.\n"
            "  Next: Write a number of the instance, or for agent_voice a queue that has one.",
        ),
    ],
)
def test_what_a_single_call_needs(settings: str, channel: str, instance: ConnectInstance, message: str) -> None:
    """It is told before anything is sent."""
    with pytest.raises(Permanent) as raised:
        ConnectTransport(ACCOUNT, instance, channel, voice(settings, channel))
    assert message == str(raised.value)
