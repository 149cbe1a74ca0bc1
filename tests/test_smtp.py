"""E-mail over SMTP against a real server on loopback, with each recipient's own text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from drafts import campaign
from outcamp.cli.demo_inbox import Inbox
from outcamp.core.dispositions import Channel
from outcamp.core.errors import Permanent, Transient
from outcamp.core.manifest import seal_manifest
from outcamp.steps.content import RenderedTransport
from outcamp.transports.smtp import SmtpServer, SmtpTransport

NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
SENDER = "Acme <news@acme.example>"
HEAD = """\
name: spring
segment: {file: people.csv}
channel: email
channels:
  email:
    transport: inbox
    subject: "{{ first_name }}, hello"
    body: hello.j2
    html: "<p>Hello {{ first_name }}</p>"
"""


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path / "inbox.jsonl") as inbox:
        yield inbox


def transport(inbox: Inbox) -> RenderedTransport:
    manifest = seal_manifest(
        campaign(head=HEAD), NOW, {}, {"hello.j2": "Hello {{ first_name }}{% if city is defined %} in {{ city }}{% endif %}!"}
    )
    server = SmtpServer("127.0.0.1", inbox.port, implicit_tls=False, starttls=False)
    return RenderedTransport(SmtpTransport(server, SENDER), manifest, Channel.EMAIL)


def people(*rows: tuple[str, str | None, str | None]) -> pa.Table:
    columns = [f"p{number}" for number in range(len(rows))]
    return pa.table(
        {
            "occurrence_id": [7] * len(rows),
            "recipient_id": columns,
            "attempt": pa.array([1] * len(rows), pa.int16()),
            "channel": ["email"] * len(rows),
            "endpoint": [endpoint for endpoint, _, _ in rows],
            "column.first_name": pa.array([name for _, name, _ in rows], pa.string()),
            "column.city": pa.array([city for _, _, city in rows], pa.string()),
        }
    )


def received(tmp_path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (tmp_path / "inbox.jsonl").read_text(encoding="utf-8").splitlines()]


def test_each_recipient_gets_their_own_text(inbox: Inbox, tmp_path: Path) -> None:
    """Subject, plain text and HTML are rendered for each recipient, and only HTML is escaped."""
    answers = transport(inbox).submit(people(("ada@example.com", "Ada & co", None), ("ben@example.com", "Ben", "Ulm")), NOW)
    assert ["accepted", "accepted"] == answers["status"].to_pylist()
    assert ["delivered", "delivered"] == answers["disposition"].to_pylist()
    first, second = received(tmp_path)
    assert ("ada@example.com", "<7.p0.1@acme.example>") == (first["to"], first["message_id"])
    assert "Subject: Ada & co, hello" in first["text"]
    assert "\nHello Ada & co!\n" in first["text"]
    assert "<p>Hello Ada &amp; co</p>" in first["text"]
    assert "\nHello Ben in Ulm!\n" in second["text"]


def test_a_missing_value_sends_nothing_to_that_recipient(inbox: Inbox, tmp_path: Path) -> None:
    """A recipient without the value that the text needs is refused, the others are written to, and each answer has its place."""
    answers = transport(inbox).submit(
        people(("ada@example.com", None, None), ("ben@example.com", "Ben", None), ("cy@example.com", None, None)), NOW
    )
    assert ["refused", "accepted", "refused"] == answers["status"].to_pylist()
    assert ["rejected", "delivered", "rejected"] == answers["disposition"].to_pylist()
    assert ["ben@example.com"] == [message["to"] for message in received(tmp_path)]


def test_an_address_that_the_server_refuses_has_bounced(inbox: Inbox, tmp_path: Path) -> None:
    """What the server says of one recipient does not keep the others from their message."""
    answers = transport(inbox).submit(people(("gone.ada@example.com", "Ada", None), ("ben@example.com", "Ben", None)), NOW)
    assert [("refused", "bounced"), ("accepted", "delivered")] == list(
        zip(answers["status"].to_pylist(), answers["disposition"].to_pylist(), strict=True)
    )
    assert ["ben@example.com"] == [message["to"] for message in received(tmp_path)]


def test_a_line_that_begins_with_a_dot_arrives_as_it_was_written(inbox: Inbox, tmp_path: Path) -> None:
    """SMTP ends a message with a dot, so such lines travel with two."""
    plain = SmtpTransport(SmtpServer("127.0.0.1", inbox.port, implicit_tls=False, starttls=False), SENDER)
    texts = (
        people(("ada@example.com", "Ada", None)).append_column("content.subject", [["Hi"]]).append_column("content.body", [["one\n.two\n"]])
    )
    plain.submit(texts, NOW)
    assert "\none\n.two" in received(tmp_path)[0]["text"]


def test_a_server_that_does_not_answer_is_tried_again(tmp_path: Path) -> None:
    """Nobody listening is a trouble that may pass."""
    with Inbox(tmp_path / "inbox.jsonl") as inbox:
        port = inbox.port
    plain = SmtpTransport(SmtpServer("127.0.0.1", port, implicit_tls=False, starttls=False), SENDER)
    with pytest.raises(Transient) as raised:
        plain.submit(people(("ada@example.com", "Ada", None)), NOW)
    assert str(raised.value).startswith(f"The SMTP server 127.0.0.1:{port} failed: ")
    assert str(raised.value).endswith("\n  Next: it is tried again by itself")


def test_a_sender_without_an_address_is_refused() -> None:
    """The error names the setting and the form that is right."""
    with pytest.raises(Permanent) as raised:
        SmtpTransport(SmtpServer("127.0.0.1", 25), "Acme")
    assert "channels.email.sender is 'Acme', which holds no address.\n  Next: Write \"Name <name@example.com>\"." == str(raised.value)
