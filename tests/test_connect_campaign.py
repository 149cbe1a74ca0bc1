"""Calls that are pushed into campaigns of Amazon Connect, on a loopback that reads requests by Amazon's own model."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest

from connect_campaigns import FLOW, INSTANCE, PushedInto, campaign_of_connect, described, described_first, voice
from outcamp.core.errors import Permanent
from outcamp.transports.aws import AwsAccount
from outcamp.transports.base import BACKOFF
from outcamp.transports.connect_campaign import ANSWERS, MOST, ConnectCampaignTransport
from strict_aws import Error, Reply, StrictAws, operations_of
from submissions import NOW, rows, said, statuses

ADA, BEN = {"endpoint": "+12025550143"}, {"endpoint": "+12125550143"}
ACCOUNT = AwsAccount("amazon", "AKID", "s3cret", region="us-east-1")
PREDICTIVE = {
    "bandwidthAllocation": 1.0,
    "pacingStrategies": [
        {
            "abandonmentRate": {
                "targetRate": 0.03,
                "connectionThresholdSeconds": 2,
                "connectionStartPoint": "GREETING_END",
                "evaluationWindow": "PT24H",
            }
        }
    ],
}
PREVIEW = {"bandwidthAllocation": 1.0, "timeoutConfig": {"durationInSeconds": 60}, "agentActions": ["DISCARD"]}
AGENTS = 'sender: "+18005550101", flow: renewal-reminder, queue: sales, ring_time: 20 seconds'
PROGRESSIVE = described("progressive", {"bandwidthAllocation": 1.0})
SERVICES = {1: "connectcampaigns", 2: "connectcampaignsv2"}


def pushed(
    pushing: PushedInto,
    *people: dict[str, Any],
    settings: str = AGENTS,
    version: int = 2,
    until: datetime | None = NOW + timedelta(hours=3),
    channel: str = "agent_voice",
) -> Any:
    """The answers of a campaign to these people's calls."""
    with StrictAws(SERVICES[version], pushing) as amazon:
        transport = ConnectCampaignTransport(amazon.account(), INSTANCE, channel, voice(settings, channel), "c", str(version))
        return transport.submit(rows(*people, channel=channel, until=until), NOW)


def test_a_request_says_what_the_campaign_says() -> None:
    """The number, the reference, how it rings, whether a machine is looked for, and until when it is valid."""
    pushing = PushedInto(PROGRESSIVE)
    answers = pushed(pushing, ADA)
    assert (["accepted"], ["d-12025550143"]) == (statuses(answers), answers["message_id"].to_pylist())
    (request,) = pushing.requests
    assert 64 == len(request.pop("clientToken"))
    assert {
        "expirationTime": "2026-12-01T18:00:00Z",
        "channelSubtypeParameters": {
            "telephony": {
                "destinationPhoneNumber": "+12025550143",
                "connectSourcePhoneNumber": "+18005550101",
                "attributes": {"outcamp_reference": "spring/0/1/p0"},
                "answerMachineDetectionConfig": {"enableAnswerMachineDetection": True},
                "ringTimeout": 20,
            }
        },
    } == request


def test_the_first_version_is_spoken_too() -> None:
    """It takes a number, the reference and until when."""
    pushing = PushedInto(described_first("progressiveDialerConfig"))
    assert ["accepted", "accepted"] == statuses(pushed(pushing, ADA, BEN, version=1))
    (request, _) = pushing.requests
    assert {
        "phoneNumber": "+12025550143",
        "expirationTime": "2026-12-01T18:00:00Z",
        "attributes": {"outcamp_reference": "spring/0/1/p0"},
    } == {name: value for name, value in request.items() if name != "clientToken"}


@pytest.mark.parametrize(
    ("left", "expires"),
    [(None, "2026-12-02T03:00:00Z"), (timedelta(days=9), "2026-12-02T03:00:00Z"), (timedelta(seconds=90.5), "2026-12-01T15:01:30Z")],
)
def test_a_request_expires_with_the_window_and_before_its_outcome_is_given_up(left: timedelta | None, expires: str) -> None:
    """A call after the deadline of its outcome could meet a reattempt."""
    pushing = PushedInto(PROGRESSIVE)
    pushed(pushing, ADA, until=None if left is None else NOW + left)
    assert [expires] == [request["expirationTime"] for request in pushing.requests]


def test_a_window_that_is_about_to_close_is_waited_out() -> None:
    """Amazon is not asked."""
    pushing = PushedInto(PROGRESSIVE)
    answers = pushed(pushing, ADA, until=NOW + timedelta(seconds=0.5))
    assert (["later"], []) == (statuses(answers), pushing.requests)


@pytest.mark.parametrize(("code", "answer"), ANSWERS.items())
def test_a_failure_is_its_rows_alone(code: str, answer: dict[str, Any]) -> None:
    """The answers are found by their tokens, in whatever order Amazon gives them."""
    answers = pushed(PushedInto(PROGRESSIVE, {BEN["endpoint"]: code}), ADA, BEN, {"endpoint": "x"})
    assert [("accepted", None), (answer["status"], answer.get("disposition")), ("refused", "invalid_number")] == said(answers)
    assert [NOW + BACKOFF if answer["status"] == "throttled" else None] == answers["until"].to_pylist()[1:2]


def test_of_whom_amazon_says_nothing_nobody_knows() -> None:
    """The request was taken, and it may be among those that were."""
    assert ["unknown", "unknown"] == statuses(pushed(PushedInto(PROGRESSIVE, put=lambda: {"successfulRequests": []}), ADA, BEN))


@pytest.mark.parametrize(
    ("reply", "status"),
    [(Error("ThrottlingException", 429), "throttled"), (Error("InternalServerException", 500), "unknown"), (None, "unknown")],
)
def test_what_amazon_says_of_a_whole_request(reply: Reply, status: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is asked once, and the log names nobody."""
    with caplog.at_level(logging.DEBUG, "outcamp"):
        answers = pushed(PushedInto(PROGRESSIVE, put=lambda: reply), ADA, BEN)
    assert [status, status] == statuses(answers)
    assert "+1202" not in caplog.text


def test_a_row_that_was_not_asked_for_is_in_no_doubt() -> None:
    """Whatever becomes of the request."""
    assert [("unknown", None), ("refused", "invalid_number")] == said(
        pushed(PushedInto(PROGRESSIVE, put=lambda: None), ADA, {"endpoint": "x"})
    )


@pytest.mark.parametrize("reply", [Error("InternalServerException", 500), None])
def test_a_campaign_that_cannot_be_looked_at_is_asked_later(reply: Reply) -> None:
    """Nothing was on its way yet."""
    pushing = PushedInto(reply)
    assert (["throttled"], []) == (statuses(pushed(pushing, ADA)), pushing.requests)


@pytest.mark.parametrize(
    "code", ["InvalidCampaignStateException", "ConflictException", "ResourceNotFoundException", "AccessDeniedException"]
)
def test_a_campaign_that_takes_nothing_fails_for_good(code: str) -> None:
    """It does not run, is not there, or may not be used."""
    with pytest.raises(Permanent, match=f"Amazon Connect takes nothing through the connection 'amazon': {code}"):
        pushed(PushedInto(PROGRESSIVE, put=lambda: Error(code, 409)), ADA)


def test_a_campaign_that_refuses_everybody_costs_nobody_an_attempt() -> None:
    """All numbers were looked at before: such a campaign takes no calls from outside."""
    codes = {person["endpoint"]: "InvalidInput" for person in (ADA, BEN)}
    with pytest.raises(Permanent) as raised:
        pushed(PushedInto(PROGRESSIVE, codes), ADA, BEN)
    assert (
        "The campaign 'c' of Amazon Connect takes none of 2 requests: InvalidInput.\n"
        "  Next: See in Amazon Connect whether the campaign takes calls from outside."
    ) == str(raised.value)


@pytest.mark.parametrize(
    ("settings", "channel", "theirs", "version"),
    [
        (AGENTS + ", agent_share: 1.0", "agent_voice", PROGRESSIVE, 2),
        (
            AGENTS + ", mode: predictive, abandonment: {target: 3%, counted_from: greeting_end}",
            "agent_voice",
            described("predictive", PREDICTIVE),
            2,
        ),
        (AGENTS + ", mode: preview, preview_time: 1 minute, may_discard: true", "agent_voice", described("preview", PREVIEW), 2),
        (AGENTS + ", mode: agentless", "agent_voice", described("agentless", {}), 2),
        ('sender: "+1"', "automated_voice", described("agentless", {}), 2),
        (AGENTS + ", mode: predictive", "agent_voice", described_first("predictiveDialerConfig"), 1),
    ],
)
def test_a_campaign_that_is_set_as_the_file_says_takes_calls(settings: str, channel: str, theirs: dict[str, Any], version: int) -> None:
    """Every mode, with its parameters; what the file leaves open is taken as it is."""
    assert ["accepted"] == statuses(pushed(PushedInto(theirs), ADA, settings=settings, version=version, channel=channel))


@pytest.mark.parametrize(
    ("settings", "theirs", "version", "problem"),
    [
        ("mode: predictive", PROGRESSIVE, 2, "mode is predictive, and the campaign 'c' of Amazon Connect has progressive"),
        ("flow: other", PROGRESSIVE, 2, f"flow is other, and the campaign 'c' of Amazon Connect has {FLOW}"),
        ("", campaign_of_connect(), 2, "mode is progressive, and the campaign 'c' of Amazon Connect has None"),
        ("queue: other", PROGRESSIVE, 2, "queue is other, and the campaign 'c' of Amazon Connect has queue-3"),
        ("agent_share: 0.5", PROGRESSIVE, 2, "agent_share is 0.5, and the campaign 'c' of Amazon Connect has 1.0"),
        (
            "mode: predictive, abandonment: {target: 5%}",
            described("predictive", PREDICTIVE),
            2,
            "abandonment.target is 0.05, and the campaign 'c' of Amazon Connect has 0.03",
        ),
        (
            "mode: predictive, abandonment: {target: 3%, counted_from: greeting_end, over: 90 minutes}",
            described("predictive", PREDICTIVE),
            2,
            "abandonment.over is 5400, and the campaign 'c' of Amazon Connect has 86400",
        ),
        (
            "mode: preview, preview_time: 30 seconds",
            described("preview", PREVIEW),
            2,
            "preview_time is 30, and the campaign 'c' of Amazon Connect has 60",
        ),
        (
            'sender: "+1"',
            described_first("progressiveDialerConfig"),
            1,
            "sender is +1, and the campaign 'c' of Amazon Connect has +18005550101",
        ),
        (
            "flow: flow-7",
            described_first("progressiveDialerConfig", detects=False),
            1,
            "detect_machine is True, and the campaign 'c' of Amazon Connect has False",
        ),
    ],
)
def test_a_campaign_that_is_set_otherwise_is_refused(settings: str, theirs: dict[str, Any], version: int, problem: str) -> None:
    """No setting of the campaign file is passed over in silence, and nothing was taken."""
    pushing = PushedInto(theirs)
    with pytest.raises(Permanent) as raised:
        pushed(pushing, ADA, settings=settings, version=version)
    assert f"channels.agent_voice.{problem}.\n  Next: Make them the same: the dialler goes by its own settings." == str(raised.value)
    assert [] == pushing.requests


def test_a_chunk_is_what_amazon_takes_at_once() -> None:
    """In both versions, as the models of the SDK say."""
    members = [
        operations_of(service)[operation].input_shape.members[name]
        for service, operation, name in [
            ("connectcampaigns", "PutDialRequestBatch", "dialRequests"),
            ("connectcampaignsv2", "PutOutboundRequestBatch", "outboundRequests"),
        ]
    ]
    assert [MOST, MOST] == [member.metadata["max"] for member in members]
    codes = [
        operations_of(SERVICES[version])[operation].service_model.shape_for("FailureCode").enum
        for version, operation in [(1, "PutDialRequestBatch"), (2, "PutOutboundRequestBatch")]
    ]
    assert set(ANSWERS) == {code for one in codes for code in one}


def test_a_version_that_is_none_is_refused() -> None:
    """There are two."""
    with pytest.raises(Permanent) as raised:
        ConnectCampaignTransport(ACCOUNT, INSTANCE, "agent_voice", voice(AGENTS, "agent_voice"), "c", "3")
    assert (
        "The connection 'amazon' asks for version 3 of Amazon Connect's campaigns, and there are 1 and 2.\n"
        "  Next: Correct connect_version in its extra, or leave it out for 2."
    ) == str(raised.value)
