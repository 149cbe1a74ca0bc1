"""What a careful reader of a campaign file asks before it is published: what law or custom often wants, and the file does not say."""

from __future__ import annotations

from outcamp.core.campaign import Campaign
from outcamp.core.channels import EmailSettings
from outcamp.core.presets import CALLS_AND_TEXTS, PRESETS


def notes(campaign: Campaign, *, total_limits: bool, is_list_empty: bool) -> tuple[str, ...]:
    """Return notes in words, the gravest first; none of them is an error, and they are no legal advice."""
    time, channels = campaign.contact_time, campaign.channels_used
    rings = [channel for channel in channels if channel in CALLS_AND_TEXTS]
    mails = [block for block in map(campaign.channels.get, channels) if isinstance(block, EmailSettings)]
    asked = {
        "Messages may go at any hour: there is no communication_time.": time is None or not time.active,
        f"No compliance preset is named for {' and '.join(rings)}; there are {', '.join(sorted(PRESETS))}.": rings and not campaign.presets,
        "How often a person may be contacted is not limited: there are no communication_limits.": not campaign.limits and not total_limits,
        "The deployment's total limits are ignored: ignore_total_limits is true.": campaign.ignore_total_limits,
        "The do-not-contact list is empty.": is_list_empty,
        "E-mails have no unsubscribe, which large receivers ask of bulk senders (RFC 8058).": any(not mail.unsubscribe for mail in mails),
        "The campaign repeats without an end: schedule.expires is not set.": campaign.schedule.repeat and not campaign.schedule.expires,
        "Nothing stops the campaign by itself when errors or complaints mount: there are no breakers.": campaign.breakers is None,
        f"{campaign.holdout:.4g} of the people are never contacted: the holdout.": campaign.holdout,
    }
    return tuple(note for note, applies in asked.items() if applies)
