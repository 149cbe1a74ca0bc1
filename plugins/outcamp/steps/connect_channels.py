"""The channels of an Amazon Connect campaign as blocks of a campaign file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

CONNECTION: Final = "connect"  # the Airflow connection that calls go by
_COUNTED_FROM: Final = {"CONNECTED_TO_SYSTEM": "connected", "GREETING_START": "greeting_start", "GREETING_END": "greeting_end"}


class Piece:
    """A part of a description, from which what is understood is taken; what is left over can be told."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said

    def take(self, name: str) -> Any:
        """Return what stands there, and take it out; None where nothing does."""
        return self._said.pop(name, None)

    def piece(self, name: str) -> Piece:
        """Return the part of that name, empty where there is none."""
        inner = self._said.get(name)
        if not isinstance(inner, dict):
            return Piece({})
        self._said[name] = inner = dict(inner)
        return Piece(inner)

    def names(self) -> list[str]:
        """Return what has not been taken."""
        return list(self._said)

    def leftovers(self, path: str = "") -> Iterator[tuple[str, Any]]:
        """Yield what nobody has taken, by its path."""
        for name, value in self._said.items():
            where = f"{path}.{name}" if path else name
            if isinstance(value, dict):
                yield from Piece(value).leftovers(where)
            elif value not in (None, []):
                yield where, value


def channel_blocks(config: Piece, notes: list[str]) -> dict[str, dict[str, Any]]:
    """Return a block for each channel that both have, in the order of the description; what must be done by hand is noted."""
    blocks: dict[str, dict[str, Any]] = {}
    for name in config.names():
        if name == "telephony":
            channel, block = _calls(config.piece(name), notes)
            blocks[channel] = block
        elif name == "sms":
            blocks["sms"] = _texts(config.piece(name), notes)
        elif name == "email":
            blocks["email"] = _mails(config.piece(name), notes)
    return blocks


def _calls(telephony: Piece, notes: list[str]) -> tuple[str, dict[str, Any]]:
    modes, call = telephony.piece("outboundMode"), telephony.piece("defaultOutboundConfig")
    mode = next(iter(modes.names()), "agentless")
    settings = modes.piece(mode)
    machine = call.piece("answerMachineDetectionConfig")
    block = {
        "transport": CONNECTION,
        "sender": call.take("connectSourcePhoneNumber"),
        "flow": call.take("connectContactFlowId"),
        "ring_time": f"{seconds} seconds" if (seconds := call.take("ringTimeout")) else None,
        "detect_machine": machine.take("enableAnswerMachineDetection"),
        "queue": telephony.take("connectQueueId"),
    }
    notes.append(f"Calls go by the Airflow connection {CONNECTION!r}: make it, or write another one.")
    if mode == "agentless":
        del block["queue"]
        return "automated_voice", _without_nothing(block)
    block |= {"mode": mode, "agent_share": settings.take("bandwidthAllocation")}
    if mode == "predictive":
        strategies = settings.take("pacingStrategies") or []
        rates = [one["abandonmentRate"] for one in strategies if "abandonmentRate" in one]
        block["abandonment"] = _abandonment(rates[0]) if rates else None
    if mode == "preview":
        block["preview_time"] = f"{seconds} seconds" if (seconds := settings.piece("timeoutConfig").take("durationInSeconds")) else None
        block["may_discard"] = "DISCARD" in (settings.take("agentActions") or [])
    return "agent_voice", _without_nothing(block)


def _abandonment(rate: dict[str, Any]) -> dict[str, Any]:
    hours = str(rate.get("evaluationWindow", "PT24H")).removeprefix("PT").removesuffix("H")
    start = rate.get("connectionStartPoint", "CONNECTED_TO_SYSTEM")
    return {
        "target": f"{rate['targetRate'] * 100:g}%",
        "within": f"{rate.get('connectionThresholdSeconds', 2)} seconds",
        "counted_from": _COUNTED_FROM.get(start, start),
        "over": f"{hours} hours",
    }


def _texts(sms: Piece, notes: list[str]) -> dict[str, Any]:
    settings = sms.piece("defaultOutboundConfig")
    number = settings.take("connectSourcePhoneNumberArn")
    notes.append(f"Texts come from {number}: write its number as sender, and the transport that sends them.")
    notes.append(f"Write include/templates/imported.sms.j2: the text of {settings.take('wisdomTemplateArn')}.")
    return {"body": "imported.sms.j2"}


def _mails(email: Piece, notes: list[str]) -> dict[str, Any]:
    settings = email.piece("defaultOutboundConfig")
    address, name = settings.take("connectSourceEmailAddress"), settings.take("sourceEmailAddressDisplayName")
    notes.append("Write the transport that sends the e-mails.")
    notes.append(f"Write include/templates/imported.subject.j2 and imported.email.j2: the texts of {settings.take('wisdomTemplateArn')}.")
    return _without_nothing(
        {"sender": f"{name} <{address}>" if name else address, "subject": "imported.subject.j2", "body": "imported.email.j2"}
    )


def _without_nothing(block: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if value is not None}
