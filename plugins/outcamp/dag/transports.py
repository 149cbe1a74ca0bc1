"""Which transport each channel of a published campaign goes by. What kind a connection is of is known here, and so refused here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from outcamp.core.calls import call_terms
from outcamp.core.channels import OUTBOX, SIMULATOR
from outcamp.core.dispositions import PHONE_CHANNELS, Channel
from outcamp.core.durations import parse_duration
from outcamp.core.errors import NotSupportedYet, Permanent
from outcamp.dag import providers
from outcamp.dag.connections import target_of, url_of
from outcamp.dag.settings import Settings

if TYPE_CHECKING:
    from outcamp.core.manifest import Manifest
    from outcamp.segments.drivers import Target
    from outcamp.store.ledger import Ledger
    from outcamp.transports.base import Transport

# The types of the connections that carry each channel, beside http.
_TYPES: Final = {
    Channel.EMAIL: "smtp or aws",
    Channel.SMS: "aws or twilio",
    Channel.AUTOMATED_VOICE: "aws or twilio",
    Channel.AGENT_VOICE: "aws",
}


def transports_of(manifest: Manifest, settings: Settings, ledger: Ledger) -> dict[Channel, Transport]:
    """Return the transport of each channel; channels that share the simulator share one, so that outcomes are taken in once."""
    campaign = manifest.campaign
    simulator = _simulator(campaign.name, settings, ledger)

    def of(channel: Channel, transport: str) -> Transport:
        if transport == SIMULATOR:
            return simulator
        return _outbox(manifest, channel, settings) if transport == OUTBOX else transport_behind(target_of(transport), manifest, channel)

    return {channel: of(channel, campaign.channels[channel].transport) for channel in campaign.channels_used}


def transport_behind(target: Target, manifest: Manifest, channel: Channel) -> Transport:
    """Return the transport that an Airflow connection stands for; its type, and what its extra says of outcamp, decide which."""
    if channel == Channel.EMAIL and target.kind == "smtp":
        return _smtp(target, manifest.campaign.channels[channel].sender)
    if target.kind == "aws" and channel in providers.OF_AWS:
        return providers.of_aws(target, manifest, channel)
    if providers.is_twilio(target) and channel in providers.OF_TWILIO:
        return providers.of_twilio(target, manifest, channel)
    if target.kind in {"http", "https"} and target.options.get("outcamp") == "webhook":
        return _webhook(target, manifest, channel)
    if target.kind in {"http", "https"} and "outcamp" not in target.options:
        problem = f"channels.{channel}.transport: the http connection {target.name!r} does not say that a webhook of outcamp is behind it."
        raise Permanent(problem, next_step='If one is, add {"outcamp": "webhook"} to the connection\'s extra.')
    problem = (
        f"channels.{channel}.transport: the connection {target.name!r} is of the type {target.kind!r}, which does not carry {channel}."
    )
    built_in = "simulator" if channel == Channel.EMAIL else "outbox or simulator"
    next_step = f"Publish the campaign with a connection of the type {_TYPES[channel]}, a webhook, or transport: {built_in}."
    raise NotSupportedYet(problem, next_step=next_step)


def outbox_folder(home: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the outbox: ``OUTCAMP_OUTBOX``, or one in the project."""
    return Path(environment.get("OUTCAMP_OUTBOX") or home / ".outcamp" / "outbox").expanduser().resolve()


def _simulator(campaign: str, settings: Settings, ledger: Ledger) -> Transport:
    from outcamp.store.simulated import SimulatedOutcomes
    from outcamp.transports.simulator import SimulatorTransport

    return SimulatorTransport(settings.seed, campaign, SimulatedOutcomes(ledger, campaign))


def _outbox(manifest: Manifest, channel: Channel, settings: Settings) -> Transport:
    from outcamp.transports.outbox import OutboxTransport

    if channel not in PHONE_CHANNELS:
        problem = f"channels.{channel}.transport: the outbox does not carry {channel}."
        raise NotSupportedYet(problem, next_step="Publish the campaign with a connection of the type smtp or aws, or a webhook.")
    block = manifest.campaign.channels[channel]
    return OutboxTransport(outbox_folder(settings.home), manifest.campaign.name, block.format or "parquet", call_terms(block))


def _smtp(target: Target, sender: str | None) -> Transport:
    from outcamp.transports.smtp import SmtpTransport
    from outcamp.transports.smtp_session import SmtpServer

    # As Airflow's own SMTP hook reads them: encrypted and verified unless the connection says otherwise.
    implicit = not _yes(target.options.get("disable_ssl"))
    server = SmtpServer(
        host=target.host,
        port=target.port or (465 if implicit else 25),
        login=target.login,
        password=target.password,
        implicit_tls=implicit,
        starttls=not _yes(target.options.get("disable_tls")),
        verify=str(target.options.get("ssl_context", "default")) != "none",
    )
    return SmtpTransport(server, sender or str(target.options.get("from_email") or ""))


def _webhook(target: Target, manifest: Manifest, channel: Channel) -> Transport:
    from outcamp.transports.webhook import Receiver, WebhookTransport

    lifetime = target.options.get("idempotency")
    try:
        receiver = Receiver(url_of(target), target.password, None if lifetime is None else parse_duration(str(lifetime)))
    except ValueError as error:
        problem = f"The connection {target.name!r} declares how long the webhook knows a key again, and {error}"
        raise Permanent(problem, next_step='Write "idempotency": "24 hours" into its extra, or leave it out.') from None
    block = manifest.campaign.channels[channel]
    return WebhookTransport(receiver, manifest.campaign.name, channel, block.sender, call_terms(block))


def _yes(value: object) -> bool:
    return str(value).lower() in {"true", "1", "yes"}
