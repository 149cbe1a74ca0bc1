"""Settings that outcamp understands and has no behaviour for yet: they are refused, never ignored."""

from __future__ import annotations

from outcamp.core.campaign import Campaign
from outcamp.core.channels import OUTBOX
from outcamp.core.dispositions import PHONE_CHANNELS
from outcamp.core.errors import Finding


def not_supported_yet(campaign: Campaign, simulated: bool = False, file: str = "") -> list[Finding]:
    """Return a finding for each setting that has no behaviour yet.

    Args:
        campaign: The campaign to look at.
        simulated: In a simulation, the simulator and a given list stand for the transports and the segment.
        file: How the findings name the campaign's file; ``Document.located`` adds their lines.
    """
    found: list[tuple[str, object, str]] = []
    if not simulated:
        found += _segment(campaign) + _transports(campaign)
    return [
        Finding(file, field, "This setting is not supported yet.", value=None if value is None else str(value), next_step=next_step)
        for field, value, next_step in found
    ]


def _segment(campaign: Campaign) -> list[tuple[str, object, str]]:
    if campaign.is_external and campaign.schedule.repeat is not None:
        return [("schedule.repeat", campaign.schedule.repeat, "Leave it out: an external campaign starts whenever recipients are pushed.")]
    return []


def _transports(campaign: Campaign) -> list[tuple[str, object, str]]:
    """Return what no transport does. What kind a connection is of only Airflow knows: a task refuses one that cannot carry its channel."""
    found: list[tuple[str, object, str]] = []
    for channel, settings in campaign.channels.items():
        if settings.transport == OUTBOX and channel not in PHONE_CHANNELS:
            found.append((f"channels.{channel}.transport", OUTBOX, "Use a connection of the type smtp or aws, or a webhook."))
    return found
