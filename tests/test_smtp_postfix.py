"""E-mail to a real Postfix: over STARTTLS, pipelined, by several connections, into mailboxes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from outcamp.core.errors import Permanent
from outcamp.transports.smtp import SmtpTransport
from outcamp.transports.smtp_session import SmtpServer
from postfix import AS_ROOT, PROGRAM, Postfix, postfix
from submissions import NOW, rows, said, statuses

LARGEST = 50_000
ADA, BEN = {"endpoint": "ada@example.com"}, {"endpoint": "ben@example.com"}


@pytest.fixture(scope="module")
def server() -> Iterator[Postfix]:
    """The server, with mailboxes for Ada and Ben."""
    if PROGRAM is None or (AS_ROOT and not os.environ.get("CI")):
        pytest.skip("Postfix is missing, or may not be started; Debian: apt-get install postfix")
    with postfix(["ada", "ben"], largest=LARGEST) as running:
        yield running


@pytest.fixture
def transport(server: Postfix, monkeypatch: pytest.MonkeyPatch) -> SmtpTransport:
    """A transport that trusts the server's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    return SmtpTransport(SmtpServer("localhost", server.port, implicit_tls=False), "Acme <news@acme.example>")


def test_each_message_lies_in_its_mailbox_once(server: Postfix, transport: SmtpTransport) -> None:
    """What was accepted was delivered, each attempt once, as it was written."""
    text = "Gr\u00fc\u00dfe\n.\n..\nFrom here\n"
    people = [{**(ADA if number % 2 else BEN), "recipient_id": f"r{number}", "body": f"{text}{number}\n"} for number in range(100)]
    answers = [transport.submit(rows(*people[start : start + 50]), NOW) for start in (0, 50)]
    assert {"accepted": 100} == Counter(status for answer in answers for status in statuses(answer))
    found = {mail["Message-ID"]: mail.get_content() for name in ("ada", "ben") for mail in server.mailbox(name, 50)}
    expected = {f"<spring/0/1/r{number}@acme.example>": f"{text}{number}\n" for number in range(100)}
    assert expected == {name: content.replace("\r\n", "\n") for name, content in found.items()}
    assert list(expected) == [name for answer in answers for name in answer["message_id"].to_pylist()]


def test_what_postfix_does_not_take_is_that_row_s_alone(transport: SmtpTransport) -> None:
    """Nobody of that name, a domain that it may yet get to serve, and a message that is too long; the others go."""
    people = {
        "nobody@example.com": ("refused", "bounced"),
        "ada@example.com": ("accepted", "delivered"),
        "ada@elsewhere.example": ("later", None),
        "ben@example.com": ("accepted", "delivered"),
    }
    assert list(people.values()) == said(transport.submit(rows(*({"endpoint": endpoint} for endpoint in people)), NOW))
    long = ADA | {"body": "long " * LARGEST}
    assert [("refused", "rejected"), ("accepted", "delivered")] == said(transport.submit(rows(long, BEN), NOW))


def test_a_certificate_that_nobody_knows_is_not_trusted(server: Postfix) -> None:
    """Nothing is handed in."""
    transport = SmtpTransport(SmtpServer("localhost", server.port, implicit_tls=False), "Acme <news@acme.example>")
    with pytest.raises(Permanent, match="The certificate of the SMTP server localhost is not trusted"):
        transport.submit(rows(ADA), NOW)
