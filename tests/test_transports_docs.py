"""docs/transports.md says what the transports declare, and what its receiver answers is understood."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from outcamp.core.channels import AgentVoiceSettings, ChannelSettings
from outcamp.core.dispositions import PHONE_CHANNELS, Channel
from outcamp.transports import aws, aws_sms, connect, ses, smtp, twilio
from outcamp.transports.aws_sms import AwsSmsTransport
from outcamp.transports.connect import ConnectTransport
from outcamp.transports.connect_campaign import ANSWERS, ConnectCampaignTransport
from outcamp.transports.outbox import OutboxTransport
from outcamp.transports.ses import SesTransport
from outcamp.transports.simulator import SimulatorTransport
from outcamp.transports.smtp import SmtpTransport
from outcamp.transports.twilio import TwilioSmsTransport, TwilioVoiceTransport
from outcamp.transports.webhook import Receiver, WebhookTransport
from strict_receiver import KEYS, SECRET, StrictReceiver
from submissions import NOW, rows, said

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "transports.md").read_text(encoding="utf-8")
PROVIDERS = (DOCS / "providers.md").read_text(encoding="utf-8")
SHOWN = [json.loads(block) for block in re.findall(r"```json\n(.+?)```", TEXT, re.DOTALL)]


def table(first_cell: str, text: str = TEXT) -> list[list[str]]:
    """The cells of the table whose heading begins with this cell, without its two lines of heading."""
    lines = text[text.index(f"| {first_cell} |") :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_capabilities_are_those_that_are_declared() -> None:
    """Chunk, texts and validity of each transport."""
    webhook = WebhookTransport(Receiver("https://x.example", SECRET), "spring", Channel.SMS)
    declared = [
        one.capabilities
        for one in (
            SimulatorTransport,
            OutboxTransport,
            SmtpTransport,
            SesTransport,
            AwsSmsTransport,
            ConnectTransport,
            ConnectCampaignTransport,
            TwilioSmsTransport,
            TwilioVoiceTransport,
            webhook,
        )
    ]
    yes = {True: "yes", False: "no"}
    assert [[str(one.chunk_size), yes[one.texts], yes[one.validity]] for one in declared] == [row[2:5] for row in table("transport")]
    assert [one.at_once for one in declared] == [row[5] == "at once" for row in table("transport")]
    assert ", ".join(sorted(PHONE_CHANNELS)) == table("transport")[1][1]


def test_every_setting_of_a_voice_channel_has_its_fate() -> None:
    """What each transport makes of it stands in the table."""
    named = [name for row in table("setting") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(set(AgentVoiceSettings.model_fields) - set(ChannelSettings.model_fields)) == sorted(named)


def test_the_codes_of_smtp_are_those_of_its_file() -> None:
    """The table stands beside the code too."""
    lines = [line for line in smtp.__doc__.splitlines() if line.startswith("|")][2:]
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines] == table("the server says")


def test_the_answers_of_amazon_are_those_of_its_file() -> None:
    """The table stands beside the code too."""
    lines = [line for line in aws.__doc__.splitlines() if line.startswith("|")][2:]
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines] == table("Amazon says", PROVIDERS)


def test_the_refusals_of_the_providers_are_those_of_their_files() -> None:
    """Every code that a provider has for a message, and the disposition that it is."""
    tables: dict[str, dict[Any, str]] = {
        "SES says": ses.REFUSED,
        "End User Messaging says": aws_sms.REFUSED,
        "Amazon Connect says of a call": connect.REFUSED,
        "Twilio says of a message": twilio.REFUSED_TEXTS,
        "Twilio says of a call": twilio.REFUSED_CALLS,
    }
    for name, codes in tables.items():
        assert [[f"`{code}`", f"`{disposition}`"] for code, disposition in codes.items()] == table(name, PROVIDERS)


def test_the_failures_of_connects_campaigns_are_those_of_their_file() -> None:
    """What each code makes of its row."""
    words = [
        [f"`{code}`", ": ".join([one["status"], *(f"`{one[name]}`" for name in ("disposition",) if name in one)])]
        for code, one in ANSWERS.items()
    ]
    assert words == table("a campaign says", PROVIDERS)


def test_the_codes_by_which_twilio_asks_to_wait_are_those_of_its_file() -> None:
    """They stand in one sentence."""
    (sentence,) = re.findall(r"the codes (.+?) make", PROVIDERS)
    assert list(twilio.THROTTLED) == [int(code) for code in re.findall(r"`(\d+)`", sentence)]


def test_the_request_that_is_shown_is_the_one_that_is_made() -> None:
    """Its keys are those of a real one."""
    with StrictReceiver() as receiver:
        transport = WebhookTransport(Receiver(receiver.url, SECRET), "spring", Channel.SMS)
        transport.submit(rows({"endpoint": "+12025550143"}, channel="sms"), NOW)
    ((headers, chunk),) = receiver.requests
    assert (set(chunk), KEYS) == (set(SHOWN[0]), set(SHOWN[0]["messages"][0]))
    assert {row[0].strip("`") for row in table("header")} <= set(headers)


def test_the_answer_that_is_shown_is_understood() -> None:
    """Accepted, refused, throttled."""
    with StrictReceiver(lambda chunk: (200, {}, SHOWN[1])) as receiver:
        transport = WebhookTransport(Receiver(receiver.url, SECRET), "spring", Channel.SMS)
        people = [{"endpoint": "+12025550143", "recipient_id": name} for name in ("ada", "ben", "cleo")]
        assert [("accepted", None), ("refused", "invalid_number"), ("throttled", None)] == said(
            transport.submit(rows(*people, channel="sms"), NOW)
        )
