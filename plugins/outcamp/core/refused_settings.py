"""Settings that are good by themselves and mean nothing beside others of the campaign: they are refused, never ignored."""

from __future__ import annotations

from outcamp.core.campaign import Campaign
from outcamp.core.channels import OUTBOX
from outcamp.core.dispositions import PHONE_CHANNELS
from outcamp.core.errors import Finding


def refused_settings(campaign: Campaign, simulated: bool = False, file: str = "") -> list[Finding]:
    """Return a finding for each setting that the campaign's segment or channel has no use for.

    Args:
        campaign: The campaign to look at.
        simulated: In a simulation, the simulator and a given list stand for the transports and the segment.
        file: How the findings name the campaign's file; ``Document.located`` adds their lines.
    """
    return [] if simulated else _segment(campaign, file) + _transports(campaign, file)


def _segment(campaign: Campaign, file: str) -> list[Finding]:
    repeat = campaign.schedule.repeat
    if not campaign.is_external or repeat is None:
        return []
    problem = "An external campaign has no starts of its own, so it cannot repeat."
    next_step = "Leave it out: an external campaign starts whenever recipients are pushed."
    return [Finding(file, "schedule.repeat", problem, value=str(repeat), next_step=next_step)]


def _transports(campaign: Campaign, file: str) -> list[Finding]:
    """Return what no transport does. What kind a connection is of only Airflow knows: a task refuses one that cannot carry its channel."""
    problem = "The outbox writes files for diallers and carries no e-mail."
    next_step = "Use a connection of the type smtp or aws, or a webhook."
    return [
        Finding(file, f"channels.{channel}.transport", problem, value=OUTBOX, next_step=next_step)
        for channel, settings in campaign.channels.items()
        if settings.transport == OUTBOX and channel not in PHONE_CHANNELS
    ]
