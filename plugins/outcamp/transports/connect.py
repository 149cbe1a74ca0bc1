"""Calls that Amazon Connect starts one by one: automated ones, and those whose flow puts who answers into an agents' queue.

A dialler that waits for agents (progressive, predictive, preview) is a campaign of Amazon Connect: see ``connect_campaign``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from outcamp.core.channels import AgentVoiceSettings, AutomatedVoiceSettings
from outcamp.core.errors import Permanent
from outcamp.core.references import CARRIED_AS
from outcamp.transports.aws import AwsAccount, AwsService, Said, code_of
from outcamp.transports.base import REFERENCE, Capabilities, OutcomesFromOutside
from outcamp.transports.row_by_row import Refused, Row, row_by_row

Voice = AgentVoiceSettings | AutomatedVoiceSettings

REFUSED: Final = {"DestinationNotAllowedException": "failed"}
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_CARRIED: Final = re.compile(r".{1,10000}")


@dataclass(frozen=True)
class ConnectInstance:
    """An instance of Amazon Connect, and how campaign files name what it has.

    Attributes:
        instance: its id.
        flows: the ids of flows by the names that campaign files give them; a name that is not here is an id itself.
        queues: the same for queues.
    """

    instance: str
    flows: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)


class ConnectTransport(OutcomesFromOutside):
    """Starts each call by a request of its own."""

    # A repeated token is the same call, but perhaps only until it has ended: that is no promise for a repeated submission.
    capabilities = Capabilities(chunk_size=50)

    def __init__(self, account: AwsAccount, instance: ConnectInstance, channel: str, voice: Voice) -> None:
        self._request = _request(account, instance, channel, voice)
        self._connect = AwsService(account, "connect", "Amazon Connect")

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Start a call to each row's number."""
        return row_by_row("Amazon Connect", rows, now, lambda row, _: self._call(row))

    def _call(self, row: Row) -> str:
        if not is_number(row["endpoint"]):  # Amazon would say so with a code that it has for wrong settings too
            raise Refused("invalid_number")
        request = self._request | {
            "DestinationPhoneNumber": row["endpoint"],
            "ClientToken": token_of(row),
            "Attributes": attributes_of(row),
        }
        return str(self._connect.ask("start_outbound_voice_contact", _refusal, **request)["ContactId"])


def is_number(endpoint: str) -> bool:
    """Whether Amazon would take this for a telephone number."""
    return _NUMBER.fullmatch(endpoint) is not None


def token_of(row: Row) -> str:
    """Return the key by which Amazon knows a repeated request for the same attempt."""
    return hashlib.sha256(row[REFERENCE].encode()).hexdigest()


def attributes_of(row: Row) -> dict[str, str]:
    """Return what flows, agents and records of the call know about its attempt: the reference, where Amazon can carry it."""
    return {CARRIED_AS: row[REFERENCE]} if _CARRIED.fullmatch(row[REFERENCE]) else {}


def _request(account: AwsAccount, instance: ConnectInstance, channel: str, voice: Voice) -> dict[str, Any]:
    """Return what all calls have in common."""
    mode = voice.mode if isinstance(voice, AgentVoiceSettings) else "agentless"
    queue = voice.queue if isinstance(voice, AgentVoiceSettings) else None
    if not instance.instance:
        next_step = "Write the id of the instance as connect_instance into the connection's extra."
        raise Permanent(f"The connection {account.name!r} names no instance of Amazon Connect.", next_step=next_step)
    if mode != "agentless":
        problem = (
            f"channels.{channel}.mode is {mode}, and the connection {account.name!r} names no campaign of Amazon Connect that dials so."
        )
        next_step = "Write the campaign's id as connect_campaign into the connection's extra, or use mode: agentless."
        raise Permanent(problem, next_step=next_step)
    if not voice.flow:
        problem = f"channels.{channel}.flow is missing, and Amazon Connect must know what to do when somebody answers."
        raise Permanent(problem, next_step="Name a flow of the instance.")
    if not voice.sender and not queue:
        problem = f"channels.{channel}.sender is missing, and Amazon Connect must know from which number to call."
        raise Permanent(problem, next_step="Write a number of the instance, or for agent_voice a queue that has one.")
    return {
        "InstanceId": instance.instance,
        "ContactFlowId": instance.flows.get(voice.flow, voice.flow),
        "RingTimeoutInSeconds": int(voice.ring_time.total_seconds()),
        # Amazon asks for this kind of traffic where a machine is looked for, and for the other where not.
        "TrafficType": "CAMPAIGN" if voice.detect_machine else "GENERAL",
        "AnswerMachineDetectionConfig": {"EnableAnswerMachineDetection": voice.detect_machine},
        **({"SourcePhoneNumber": voice.sender} if voice.sender else {}),
        **({"QueueId": instance.queues.get(queue, queue)} if queue else {}),
    }


def _refusal(said: Said) -> str | None:
    return REFUSED.get(code_of(said))
