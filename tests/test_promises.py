"""docs/promises.md: each promise names tests that exist, and the checks of the audit are those of the command."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from outcamp.core.dispositions import Channel
from outcamp.steps.audit import CHECKS
from outcamp.transports.aws_sms import AwsSmsTransport
from outcamp.transports.connect import ConnectTransport
from outcamp.transports.connect_campaign import ConnectCampaignTransport
from outcamp.transports.outbox import OutboxTransport
from outcamp.transports.ses import SesTransport
from outcamp.transports.simulator import SimulatorTransport
from outcamp.transports.smtp import SmtpTransport
from outcamp.transports.twilio import TwilioSmsTransport, TwilioVoiceTransport
from outcamp.transports.webhook import Receiver, WebhookTransport

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")


def table_under(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its two lines of heading."""
    rows = re.search(r"((?:^\|.+\n)+)", TEXT[TEXT.index(f"## {heading}\n") :], re.MULTILINE).group(1).splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def names_in(path: Path) -> set[str]:
    """The names of the tests of a file."""
    return {node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_tests_that_exist() -> None:
    """A test that is renamed or removed is missed here."""
    missing = []
    for promise, _, held_by in table_under("Promised"):
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", held_by)
        assert named, promise
        missing += [f"{path}::{test}" for path, test in named if not (ROOT / path).exists() or (test and test not in names_in(ROOT / path))]
    assert [] == missing


def test_the_checks_of_the_audit_are_listed() -> None:
    """Names and sentences are those that the command prints, in its order."""
    assert [[f"`{name}`", sentence] for name, sentence in CHECKS.items()] == table_under("How to look")


def test_every_transport_says_how_much_a_crash_can_leave_in_doubt() -> None:
    """As many rows as a chunk has."""
    webhook = WebhookTransport(Receiver("http://127.0.0.1/", "secret"), "spring", Channel.SMS)
    transports = {
        "`simulator`": SimulatorTransport,
        "`smtp`": SmtpTransport,
        "`outbox`": OutboxTransport,
        "webhook": webhook,
        "Amazon SES": SesTransport,
        "End User Messaging": AwsSmsTransport,
        "Twilio texts": TwilioSmsTransport,
        "Twilio calls": TwilioVoiceTransport,
        "Amazon Connect, single calls": ConnectTransport,
        "Amazon Connect, campaigns": ConnectCampaignTransport,
    }
    said = {name: re.search(r"up to ([\d,]+) rows", crash) for name, _, crash, _ in table_under("Behind each transport")}
    rows = {name: int(found.group(1).replace(",", "")) for name, found in said.items()}
    assert {name: transport.capabilities.chunk_size for name, transport in transports.items()} == rows
