"""Which transport a channel goes by: the built-in ones, what an Airflow connection stands for, and what is refused, and where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drafts import HEAD, campaign, refusal
from outcamp.core.dispositions import Channel
from outcamp.core.errors import NotSupportedYet, OutcampError, Permanent
from outcamp.core.manifest import Manifest, seal_manifest
from outcamp.core.refused_settings import refused_settings
from outcamp.dag.connections import url_of
from outcamp.dag.settings import read_settings
from outcamp.dag.transports import outbox_folder, transport_behind, transports_of
from outcamp.segments.drivers import Target
from outcamp.store.ledger import Ledger
from outcamp.transports.connect import ConnectTransport
from outcamp.transports.connect_campaign import ConnectCampaignTransport
from outcamp.transports.outbox import OutboxTransport
from outcamp.transports.simulator import SimulatorTransport
from outcamp.transports.smtp import SmtpTransport
from outcamp.transports.twilio import TwilioSmsTransport, TwilioVoiceTransport
from outcamp.transports.webhook import WebhookTransport
from submissions import NOW, rows

EMAIL = HEAD.replace("channel: sms", "channel: email").replace("{sms: {body: Hello}}", "{email: {subject: Hi, body: Hello}}")
VOICE = HEAD.replace("sms: {body: Hello}", "automated_voice: {SETTINGS}").replace("channel: sms", "channel: automated_voice")
HOOK = {"outcamp": "webhook"}


def manifest(head: str = HEAD) -> Manifest:
    return seal_manifest(campaign(head=head), datetime(2026, 12, 1, tzinfo=UTC), {}, {})


def target(kind: str, **more: Any) -> Target:
    return Target("theirs", kind, **({"host": "x.example", "password": "s3cret"} | more))


def refused(kind: type[OutcampError], to: Target, channel: Channel, head: str = HEAD) -> str:
    """What is said about a connection that does not do."""
    with pytest.raises(kind) as raised:
        transport_behind(to, manifest(head), channel)
    return str(raised.value)


def test_built_in_transports_need_no_connection(tmp_path: Path) -> None:
    """The simulator is one for all its channels; the outbox has the format that the campaign asks for."""
    head = """\
name: spring
segment: {file: people.csv}
channel: sms
channels: {sms: {body: Hello}, automated_voice: {}, agent_voice: {transport: outbox, format: csv}}
reattempts:
  - {when: [blocked], channel: automated_voice}
  - {when: [busy], channel: agent_voice}
"""
    settings = read_settings({"OUTCAMP_HOME": str(tmp_path)})
    found = transports_of(manifest(head), settings, Ledger.at("postgresql://localhost/none"))
    assert isinstance(found[Channel.SMS], SimulatorTransport)
    assert found[Channel.SMS] is found[Channel.AUTOMATED_VOICE]
    assert isinstance(found[Channel.AGENT_VOICE], OutboxTransport)
    found[Channel.AGENT_VOICE].submit(rows({"endpoint": "+12025550143"}, channel="agent_voice"), NOW)
    assert [".outcamp/outbox/campaign=spring/20261201T150000Z-0-1-0.csv"] == [
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    ]


def test_the_outbox_may_lie_elsewhere(tmp_path: Path) -> None:
    """OUTCAMP_OUTBOX names its folder."""
    assert tmp_path / "out" == outbox_folder(Path("/home/x"), {"OUTCAMP_OUTBOX": str(tmp_path / "out")})
    assert Path("/home/x/.outcamp/outbox") == outbox_folder(Path("/home/x"), {"OUTCAMP_OUTBOX": ""})


def test_a_connection_of_the_type_smtp_carries_email() -> None:
    """The sender is the campaign's, or the one that the connection knows."""
    assert isinstance(
        transport_behind(target("smtp", options={"from_email": "a@b.example"}), manifest(EMAIL), Channel.EMAIL), SmtpTransport
    )
    message = "channels.email.sender is '', which holds no address.\n  Next: Write \"Name <name@example.com>\"."
    assert message == refused(Permanent, target("smtp"), Channel.EMAIL, EMAIL)


@pytest.mark.parametrize(("channel", "head"), [(Channel.EMAIL, EMAIL), (Channel.SMS, HEAD)])
def test_a_connection_that_says_so_is_a_webhook_for_any_channel(channel: Channel, head: str) -> None:
    """Its extra has the one word, and may declare how long a key is known again."""
    plain = transport_behind(target("http", options=HOOK), manifest(head), channel)
    assert isinstance(plain, WebhookTransport)
    assert plain.capabilities.idempotency is None
    declared = transport_behind(target("http", options=HOOK | {"idempotency": "24 hours"}), manifest(head), channel)
    assert timedelta(days=1) == declared.capabilities.idempotency


@pytest.mark.parametrize(
    ("kind", "extra"), [("twilio", {}), ("generic", {"outcamp": "twilio"}), ("http", {"outcamp": "twilio", "account_sid": "AC1"})]
)
def test_a_connection_to_twilio_carries_texts_and_automated_calls(kind: str, extra: dict[str, Any]) -> None:
    """Airflow has no type for it, so that any other type may say so; its host is Twilio's unless it has one."""
    to = target(kind, login="AC1", options=extra)
    texts = manifest(HEAD.replace("body: Hello", 'body: Hello, sender: "+1"'))
    assert isinstance(transport_behind(to, texts, Channel.SMS), TwilioSmsTransport)
    calls = manifest(VOICE.replace("SETTINGS", 'sender: "+1", flow: "https://x.example"'))
    assert isinstance(transport_behind(to, calls, Channel.AUTOMATED_VOICE), TwilioVoiceTransport)


def test_a_connection_of_the_type_aws_calls_one_by_one_or_into_a_campaign() -> None:
    """Its extra names the instance and the campaign, and the ids of what campaign files name."""
    head = VOICE.replace("SETTINGS", 'sender: "+1", flow: renewal')
    calls = manifest(head)
    extra = {"region_name": "us-east-1", "connect_instance": "i-1", "flows": {"renewal": "flow-7"}}
    single = transport_behind(target("aws", login="AKID", options=extra), calls, Channel.AUTOMATED_VOICE)
    pushed = transport_behind(target("aws", login="AKID", options=extra | {"connect_campaign": "c-1"}), calls, Channel.AUTOMATED_VOICE)
    assert [ConnectTransport, ConnectCampaignTransport] == [type(single), type(pushed)]
    as_text = target("aws", login="AKID", options=extra | {"flows": '{"renewal": "flow-7"}'})
    assert isinstance(transport_behind(as_text, calls, Channel.AUTOMATED_VOICE), ConnectTransport)
    assert (
        'The extra of the connection \'theirs\' has flows, which is no object of JSON.\n  Next: Write it as {"name": "value"}.'
    ) == refused(Permanent, target("aws", login="AKID", options=extra | {"flows": "renewal"}), Channel.AUTOMATED_VOICE, head)


def test_what_a_connection_cannot_carry_is_refused_in_the_task() -> None:
    """Only Airflow knows of what kind a connection is; the message names the channel, the connection, its type and what would do."""
    assert (
        "channels.sms.transport: the connection 'theirs' is of the type 'smtp', which does not carry sms.\n"
        "  Next: Publish the campaign with a connection of the type aws or twilio, a webhook, or transport: outbox or simulator."
    ) == refused(NotSupportedYet, target("smtp"), Channel.SMS)
    assert (
        "channels.email.transport: the connection 'theirs' is of the type 'ftp', which does not carry email.\n"
        "  Next: Publish the campaign with a connection of the type smtp or aws, a webhook, or transport: simulator."
    ) == refused(NotSupportedYet, target("ftp"), Channel.EMAIL, EMAIL)
    assert (
        "channels.sms.transport: the http connection 'theirs' does not say that a webhook of outcamp is behind it.\n"
        '  Next: If one is, add {"outcamp": "webhook"} to the connection\'s extra.'
    ) == refused(Permanent, target("http"), Channel.SMS)
    assert (
        "The connection 'theirs' declares how long the webhook knows a key again, and 'ever' is not a duration.\n"
        '  Next: Write "idempotency": "24 hours" into its extra, or leave it out.'
    ) == refused(Permanent, target("http", options=HOOK | {"idempotency": "ever"}), Channel.SMS)


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({}, "https://x.example"),
        ({"schema": "http", "port": 8080}, "http://x.example:8080"),
        ({"host": "http://x.example/a/b", "port": 81}, "http://x.example:81/a/b"),
        ({"host": "x.example/hooks"}, "https://x.example/hooks"),
    ],
)
def test_the_address_of_a_connection(more: dict[str, Any], url: str) -> None:
    """As in Airflow's own http connections, except that what says nothing is encrypted."""
    assert url == url_of(target("http", **more))


def test_what_no_transport_does_is_told_before_publishing() -> None:
    """Connections of any name may be published; the outbox has no e-mail."""
    said = [
        str(finding)
        for head in (HEAD.replace("body: Hello", "body: Hello, transport: anything"), EMAIL.replace("Hi,", "Hi, transport: outbox,"))
        for finding in refused_settings(campaign(head=head), file="a.yaml")
    ]
    assert [
        "a.yaml: channels.email.transport: The outbox writes files for diallers and carries no e-mail.\n"
        "  Next: Use a connection of the type smtp or aws, or a webhook."
    ] == said
    whole = EMAIL.replace("Hi,", 'Hi, transport: mail, unsubscribe: "https://x.example/u",')
    assert [] == refused_settings(campaign(head=whole))


def test_a_format_belongs_to_the_outbox() -> None:
    """Another transport writes no files."""
    assert (
        'spring.yaml:4: channels.sms.format: The transport simulator has no format. It says "csv".\n'
        "  Next: Remove it, or use transport: outbox."
    ) == refusal("", HEAD.replace("body: Hello", "body: Hello, format: csv"))
