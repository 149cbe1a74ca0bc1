"""Campaigns of Amazon Connect as a test sets them: what their API tells of them, and what they say to calls that are pushed into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drafts import campaign
from outcamp.core.dispositions import Channel
from outcamp.transports.connect import ConnectInstance, Voice
from strict_aws import Reply

INSTANCE = ConnectInstance("11111111-2222", {"renewal-reminder": "flow-7"}, {"sales": "queue-3"})
FLOW, QUEUE = "arn:aws:connect:us-east-1:123456789012:instance/1/contact-flow/flow-7", "queue-3"
CALL = {"connectContactFlowId": FLOW, "connectSourcePhoneNumber": "+18005550101"}


def voice(settings: str, channel: str = "automated_voice") -> Voice:
    """The settings of a voice channel, as a campaign file writes them."""
    head = f"name: spring\nsegment: {{file: people.csv}}\nchannel: {channel}\nchannels: {{{channel}: {{{settings}}}}}\n"
    found: Any = campaign(head=head).channels[Channel(channel)]
    return found


def described(mode: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What the second version tells of a campaign."""
    telephony = {"connectQueueId": QUEUE, "outboundMode": {mode: settings}, "defaultOutboundConfig": CALL}
    return campaign_of_connect(channelSubtypeConfig={"telephony": telephony})


def described_first(mode: str, *, detects: bool = True) -> dict[str, Any]:
    """What the first version tells of a campaign."""
    call = CALL | {"connectQueueId": QUEUE, "answerMachineDetectionConfig": {"enableAnswerMachineDetection": detects}}
    return campaign_of_connect(dialerConfig={mode: {"bandwidthAllocation": 1.0}}, outboundCallConfig=call)


def campaign_of_connect(**more: Any) -> dict[str, Any]:
    """What both versions tell of a campaign, and more."""
    arn = "arn:aws:connect-campaigns:us-east-1:123456789012:campaign/c"
    return {"campaign": {"id": "c", "arn": arn, "name": "spring", "connectInstanceId": "1", **more}}


class PushedInto:
    """A campaign of Amazon Connect that takes what it is given, or says a code of a number."""

    def __init__(self, known: Reply, codes: dict[str, str] | None = None, put: Callable[[], Reply] | None = None) -> None:
        self.known, self.codes, self.put = known, codes or {}, put
        self.requests: list[dict[str, Any]] = []
        self.taken: list[str] = []

    def __call__(self, operation: str, request: dict[str, Any]) -> Reply:
        if operation == "DescribeCampaign":
            return self.known
        self.requests = request.get("outboundRequests") or request["dialRequests"]
        if self.put is not None:
            return self.put()
        taken, failed = [], []
        for one in reversed(self.requests):
            code = self.codes.get(number_of(one))
            if code is None:
                taken.append({"clientToken": one["clientToken"], "id": "d-" + number_of(one)[1:]})
            else:
                failed.append({"clientToken": one["clientToken"], "failureCode": code})
        self.taken += [number_of(one) for one in self.requests if number_of(one) not in self.codes]
        return {"successfulRequests": taken, "failedRequests": failed}


def number_of(request: dict[str, Any]) -> str:
    return str(request.get("phoneNumber") or request["channelSubtypeParameters"]["telephony"]["destinationPhoneNumber"])
