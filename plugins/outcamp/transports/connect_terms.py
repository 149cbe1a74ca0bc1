"""What a campaign of Amazon Connect is set to do, in the words of a campaign file: its dialler goes by its own settings."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from outcamp.core.calls import call_terms
from outcamp.core.errors import Permanent
from outcamp.transports.connect import ConnectInstance, Voice

_COUNTED_FROM: Final = {"CONNECTED_TO_SYSTEM": "connected", "GREETING_START": "greeting_start", "GREETING_END": "greeting_end"}
_MODES_1: Final = {"progressiveDialerConfig": "progressive", "predictiveDialerConfig": "predictive", "agentlessDialerConfig": "agentless"}
Terms = dict[str, Any]


def terms_of_campaign(campaign: Mapping[str, Any]) -> Terms:
    """Return the terms of a campaign, as ``DescribeCampaign`` of the second version tells them."""
    voice = campaign.get("channelSubtypeConfig", {}).get("telephony", {})
    ((mode, settings),) = voice.get("outboundMode", {None: {}}).items()
    terms = {"mode": mode, "agent_share": settings.get("bandwidthAllocation"), "queue": voice.get("connectQueueId")}
    terms["flow"] = voice.get("defaultOutboundConfig", {}).get("connectContactFlowId")
    if mode == "preview":
        terms["preview_time"] = settings["timeoutConfig"]["durationInSeconds"]
        terms["may_discard"] = "DISCARD" in settings.get("agentActions", [])
    for strategy in settings.get("pacingStrategies", []):
        rate = strategy["abandonmentRate"]
        terms["abandonment.target"] = rate["targetRate"]
        terms["abandonment.within"] = rate.get("connectionThresholdSeconds")
        terms["abandonment.counted_from"] = _COUNTED_FROM.get(rate.get("connectionStartPoint"))
        terms["abandonment.over"] = _seconds(rate.get("evaluationWindow", ""))
    return terms


def terms_of_first_campaign(campaign: Mapping[str, Any]) -> Terms:
    """Return the terms of a campaign of the first version, which takes neither sender nor detection with a request."""
    ((mode, settings),) = campaign["dialerConfig"].items()
    call = campaign["outboundCallConfig"]
    return {
        "mode": _MODES_1.get(mode, mode),
        "agent_share": settings.get("bandwidthAllocation"),
        "queue": call.get("connectQueueId"),
        "flow": call["connectContactFlowId"],
        "sender": call.get("connectSourcePhoneNumber"),
        "detect_machine": call.get("answerMachineDetectionConfig", {}).get("enableAnswerMachineDetection", False),
    }


def wanted_terms(instance: ConnectInstance, voice: Voice) -> Terms:
    """Return the terms that the campaign file asks for; what it leaves open, it takes as it is."""
    terms: Terms = {"mode": "agentless", **call_terms(voice)}
    if voice.sender is not None:
        terms["sender"] = voice.sender
    for name, ids in (("flow", instance.flows), ("queue", instance.queues)):
        if name in terms:
            terms[name] = ids.get(terms[name], terms[name])
    return terms


def check_terms(channel: str, campaign: str, wanted: Terms, known: Terms, elsewhere: Collection[str]) -> None:
    """Refuse a campaign of Amazon Connect whose terms are not those of the campaign file, but for those that have their place elsewhere."""
    for name, value in wanted.items():
        if name in elsewhere or _same(value, known.get(name)):
            continue
        problem = f"channels.{channel}.{name} is {value}, and the campaign {campaign!r} of Amazon Connect has {known.get(name)}."
        raise Permanent(problem, next_step="Make them the same: the dialler goes by its own settings.")


def _seconds(duration: str) -> int | None:
    """Return the seconds of a duration in whole hours, minutes and seconds of ISO 8601: PT1H30M; None for another one."""
    form = re.fullmatch(r"PT(?=.)(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?", duration)
    return form and sum(int(count or 0) * unit for count, unit in zip(form.groups(), (3600, 60, 1), strict=True))


def _same(wanted: Any, known: Any) -> bool:
    """Whether two values are the same; an ARN ends with the id that it is of."""
    return bool(
        wanted == known or (isinstance(wanted, str) and isinstance(known, str) and known.rpartition("/")[2] == wanted.rpartition("/")[2])
    )
