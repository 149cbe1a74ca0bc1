"""What Airflow connections to providers stand for: the account, and the provider's transport of each channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, cast

from outcamp.core.dispositions import Channel
from outcamp.core.errors import NotSupportedYet
from outcamp.dag.connections import url_of

if TYPE_CHECKING:
    from outcamp.core.channels import AutomatedVoiceSettings
    from outcamp.core.manifest import Manifest
    from outcamp.segments.drivers import Target
    from outcamp.transports.aws import AwsAccount
    from outcamp.transports.base import Transport
    from outcamp.transports.connect import Voice
    from outcamp.transports.twilio import TwilioAccount


def of_aws(target: Target, manifest: Manifest, channel: Channel) -> Transport:
    """Return the transport that a connection of the type aws stands for on a channel; its extra may hold that transport's settings."""
    return OF_AWS[channel](aws_account(target), target, manifest, channel)


def is_twilio(target: Target) -> bool:
    """Whether a connection leads to Twilio: Airflow has no type of its own for it, so another one may say so in its extra."""
    return target.kind == "twilio" or (target.kind in {"generic", "http", "https"} and target.options.get("outcamp") == "twilio")


def of_twilio(target: Target, manifest: Manifest, channel: Channel) -> Transport:
    """Return the transport that a connection to Twilio stands for on a channel."""
    from outcamp.transports.twilio import URL, TwilioAccount

    account = TwilioAccount(
        name=target.name,
        sid=str(target.options.get("account_sid") or target.login),
        login=target.login,
        password=target.password,
        url=url_of(target) if target.host else URL,
        status_callback=target.options.get("status_callback"),
    )
    return OF_TWILIO[channel](account, manifest)


def aws_account(target: Target) -> AwsAccount:
    """Return the account that a connection of the type aws names, in the words of Airflow's own provider of Amazon."""
    from outcamp.transports.aws import AwsAccount

    extra = target.options
    if extra.get("assume_role_method", "assume_role") != "assume_role":
        problem = f"The connection {target.name!r} has the assume_role_method {extra['assume_role_method']!r}, which is not known yet."
        raise NotSupportedYet(problem, next_step="Use a key or a profile that may take on the role by itself.")
    services = {name: settings.get("endpoint_url") for name, settings in target.object_of("service_config").items()}
    return AwsAccount(
        name=target.name,
        key_id=target.login or extra.get("aws_access_key_id", ""),
        secret=target.password or extra.get("aws_secret_access_key", ""),
        token=extra.get("aws_session_token"),
        region=extra.get("region_name"),
        endpoint_url=extra.get("endpoint_url"),
        profile=extra.get("profile_name"),
        role_arn=extra.get("role_arn"),
        role_options=target.object_of("assume_role_kwargs"),
        endpoints={name: url for name, url in services.items() if url},
    )


def _ses(account: AwsAccount, target: Target, manifest: Manifest, channel: Channel) -> Transport:
    from outcamp.transports.ses import SesTransport

    configuration_set = target.options.get("configuration_set")
    return SesTransport(account, manifest.campaign.channels[channel].sender or "", configuration_set and str(configuration_set))


def _aws_sms(account: AwsAccount, target: Target, manifest: Manifest, channel: Channel) -> Transport:
    from outcamp.transports.aws_sms import AwsSmsTransport

    names = {"ConfigurationSetName": "configuration_set", "MessageType": "message_type", "MaxPrice": "max_price"}
    settings = {name: str(target.options[setting]) for name, setting in names.items() if setting in target.options}
    return AwsSmsTransport(account, manifest.campaign.channels[channel].sender, settings)


def _connect(account: AwsAccount, target: Target, manifest: Manifest, channel: Channel) -> Transport:
    from outcamp.transports.connect import ConnectInstance, ConnectTransport
    from outcamp.transports.connect_campaign import ConnectCampaignTransport

    voice = cast("Voice", manifest.campaign.channels[channel])
    extra = target.options
    instance = ConnectInstance(str(extra.get("connect_instance", "")), target.object_of("flows"), target.object_of("queues"))
    if "connect_campaign" not in extra:
        return ConnectTransport(account, instance, channel, voice)
    return ConnectCampaignTransport(account, instance, channel, voice, str(extra["connect_campaign"]), str(extra.get("connect_version", 2)))


def _twilio_sms(account: TwilioAccount, manifest: Manifest) -> Transport:
    from outcamp.transports.twilio import TwilioSmsTransport

    return TwilioSmsTransport(account, manifest.campaign.channels[Channel.SMS].sender)


def _twilio_voice(account: TwilioAccount, manifest: Manifest) -> Transport:
    from outcamp.transports.twilio import TwilioVoiceTransport

    voice = cast("AutomatedVoiceSettings", manifest.campaign.channels[Channel.AUTOMATED_VOICE])
    return TwilioVoiceTransport(account, voice.sender, voice.flow, voice.ring_time, detect_machine=voice.detect_machine)


OF_AWS: Final[Mapping[Channel, Callable[[AwsAccount, Target, Manifest, Channel], Transport]]] = {
    Channel.EMAIL: _ses,
    Channel.SMS: _aws_sms,
    Channel.AUTOMATED_VOICE: _connect,
    Channel.AGENT_VOICE: _connect,
}
OF_TWILIO: Final[Mapping[Channel, Callable[[TwilioAccount, Manifest], Transport]]] = {
    Channel.SMS: _twilio_sms,
    Channel.AUTOMATED_VOICE: _twilio_voice,
}
