"""What a campaign of Amazon Connect is set to do, in the words of a campaign file: its dialler goes by its own settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from outcamp.core.channels import AgentVoiceSettings
from outcamp.core.errors import Permanent
from outcamp.transports.connect import ConnectInstance, Voice

_COUNTED_FROM: Final = {"CONNECTED_TO_SYSTEM": "connected", "GREETING_START": "greeting_start", "GREETING_END": "greeting_end"}
_MODES_1: Final = {"progressiveDialerConfig": "progressive", "predictiveDialerConfig": "predictive", "agentlessDialerConfig": "agentless"}
Terms = dict[str, Any]


def terms_of_campaign(campaign: Mapping[str, Any]) -> Terms:
    """Return the terms of a campaign, as ``DescribeCampaign`` of the second version tells them."""
    voice = campaign.get("channelSubtypeConfig", {}).get("telephony", {})
    ((mode, settings),) = voice.get("outboundMode", {"": {}}).items()
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
        terms["abandonment.over"] = rate.get("evaluationWindow")
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
    terms: Terms = {"mode": "agentless", "sender": voice.sender, "detect_machine": voice.detect_machine}
    terms["flow"] = voice.flow and instance.flows.get(voice.flow, voice.flow)
    if isinstance(voice, AgentVoiceSettings):
        terms |= {"mode": voice.mode, "agent_share": voice.agent_share, "may_discard": voice.may_discard}
        terms["queue"] = voice.queue and instance.queues.get(voice.queue, voice.queue)
        terms["preview_time"] = voice.preview_time and voice.preview_time.total_seconds()
        if voice.abandonment is not None:
            wanted = voice.abandonment
            terms["abandonment.target"], terms["abandonment.counted_from"] = wanted.target, wanted.counted_from
            terms["abandonment.within"] = wanted.within.total_seconds()
            terms["abandonment.over"] = f"PT{wanted.over.total_seconds() / 3600:g}H"
    return terms


def check_terms(channel: str, campaign: str, wanted: Terms, known: Terms, always: Callable[[str], bool]) -> None:
    """Refuse a campaign of Amazon Connect whose terms are not those of the campaign file; ``always`` says which go with each request."""
    for name, value in wanted.items():
        if value is None or always(name) or _same(value, known.get(name)):
            continue
        problem = f"channels.{channel}.{name} is {value}, and the campaign {campaign!r} of Amazon Connect has {known.get(name)}."
        raise Permanent(problem, next_step="Make them the same: the dialler goes by its own settings.")


def _same(wanted: Any, known: Any) -> bool:
    """Whether two values are the same; an ARN ends with the id that it is of."""
    return bool(
        wanted == known or (isinstance(wanted, str) and isinstance(known, str) and known.rpartition("/")[2] == wanted.rpartition("/")[2])
    )
