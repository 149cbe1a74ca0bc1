"""E-mail over SMTP against strict servers on loopback: what is on the wire, and what each word of the server makes of a row."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

import pytest

from certificates import self_signed
from outcamp.core.errors import Permanent
from outcamp.transports.base import BACKOFF
from outcamp.transports.smtp import SmtpTransport
from outcamp.transports.smtp_session import SmtpServer
from strict_smtp import USUAL, Says, StrictServer
from submissions import NOW, rows, said, statuses

SENDER = "Acme <news@acme.example>"
ADA, BEN, CY = ({"endpoint": f"{name}@example.com"} for name in ("ada", "ben", "cy"))


def to(server: StrictServer, **settings: Any) -> SmtpTransport:
    """A transport to a server, without encryption unless the settings say so."""
    return SmtpTransport(SmtpServer("127.0.0.1", server.port, **({"implicit_tls": False, "starttls": False} | settings)), SENDER)


def when(verb: str, says: str | None, name: str = "") -> Says:
    """The server says this to a verb, for one recipient or all; None: it hangs up."""
    return lambda heard, recipient: says if heard == verb and recipient.startswith(name) else USUAL[heard]


# One verb after the other; all at once; and a server that then waits for a text, though nobody is left who gets it.
WAYS = pytest.mark.parametrize(
    "way",
    [{}, {"features": ("PIPELINING",), "answers_late": True}, {"features": ("PIPELINING",), "waits_for_nobody": True}],
    ids=["one by one", "at once", "waiting for nobody"],
)


def taken(person: dict[str, Any], **features: Any) -> StrictServer:
    """The server after it took one message."""
    with StrictServer(**features) as server:
        assert ["accepted"] == statuses(to(server).submit(rows(person), NOW))
    return server


# What is on the wire.


def test_text_and_html_go_as_two_forms_of_one_message() -> None:
    """A mail program finds each recipient's texts, the sender, the subject and the instant."""
    (mail,) = taken(ADA | {"body": "Grüße\n.\n", "html": "<p>Grüße</p>", "subject": "Für Ada"}).taken
    plain, html = mail.message.iter_parts()
    assert ("Grüße\r\n.\r\n", "<p>Grüße</p>\r\n") == (plain.get_content(), html.get_content())
    assert (SENDER, "ada@example.com", "Für Ada") == tuple(mail.message[name] for name in ("From", "To", "Subject"))
    assert mail.message["Date"].datetime == NOW
    assert mail.raw.isascii()


def test_html_alone_is_a_message() -> None:
    """Without a plain text the message is the HTML."""
    (mail,) = taken(ADA | {"body": None, "html": "<p>Hi</p>"}).taken
    assert ("text/html", "<p>Hi</p>\r\n") == (mail.message.get_content_type(), mail.message.get_content())


@pytest.mark.parametrize(
    ("recipient_id", "message_id"),
    [
        ("p0", "<spring/0/1/p0@acme.example>"),
        ("a b>\r\nX: y", "<spring/0/1/a%20b%3E%0D%0AX%3A%20y@acme.example>"),
        ("x" * 300, "<ec26ea6581419496248ea793fc78f1fea1c3c9a4e256a004a3b00386347dc543@acme.example>"),
    ],
)
def test_the_message_id_is_the_attempt(recipient_id: str, message_id: str) -> None:
    """Whoever sees a message twice can tell; the answer says the same id."""
    with StrictServer() as server:
        answers = to(server).submit(rows(ADA | {"recipient_id": recipient_id}), NOW)
    assert [message_id] == answers["message_id"].to_pylist()
    assert f"Message-ID: {message_id}".encode() in server.taken[0].raw.split(b"\r\n")


def test_one_click_takes_an_address_over_https(tmp_path: Path) -> None:
    """The unsubscribe button of RFC 8058: both headers, whole on their lines; a mailto address has only the first one."""
    address = "https://acme.example/u?who=" + "x" * 400
    raw = taken(ADA | {"unsubscribe": address}).taken[0].raw.split(b"\r\n")
    assert f"List-Unsubscribe: <{address}>".encode() in raw
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
    mailto = taken(ADA | {"unsubscribe": "mailto:stop@acme.example"}).taken[0].message
    assert ("<mailto:stop@acme.example>", None) == (mailto["List-Unsubscribe"], mailto["List-Unsubscribe-Post"])
    assert taken(ADA).taken[0].message["List-Unsubscribe"] is None


@pytest.mark.parametrize(
    "address", ["https://x.y/\r\nBcc: eve@example.com", "https://x.y/>, <mailto:a@b.c", "javascript:alert(1)", "https://"]
)
def test_an_unsubscribe_address_that_is_none_sends_nothing(address: str) -> None:
    """Such a row is refused before the server hears of it."""
    with StrictServer() as server:
        assert [("refused", "rejected"), ("accepted", "delivered")] == said(
            to(server).submit(rows(ADA | {"unsubscribe": address}, BEN), NOW)
        )
    assert ["ben@example.com"] == server.recipients()


def test_a_subject_is_one_line() -> None:
    """Line ends and control characters of a recipient's columns are blanks there."""
    (mail,) = taken(ADA | {"subject": "Hi\r\nBcc: eve@example.com\x00\u2028!"}).taken
    assert ("Hi Bcc: eve@example.com !", None) == (mail.message["Subject"], mail.message["Bcc"])


def test_letters_of_an_address_need_a_server_that_reads_them() -> None:
    """A local part outside of ASCII goes to a server with SMTPUTF8, and is refused before another one."""
    umlaut = {"endpoint": "jürgen@example.com"}
    assert ["jürgen@example.com"] == taken(umlaut, features=("SMTPUTF8", "8BITMIME")).recipients()
    with StrictServer() as server:
        assert [("refused", "rejected"), ("accepted", "delivered")] == said(to(server).submit(rows(umlaut, ADA), NOW))


# What the server says.


@WAYS
@pytest.mark.parametrize(
    ("verb", "says", "answer"),
    [
        ("RCPT", "550 5.1.1 nobody of that name", ("refused", "bounced")),
        ("RCPT", "452 4.2.2 mailbox full", ("refused", "soft_bounced")),
        ("RCPT", "451 4.7.1 greylisted", ("later", None)),
        (".", "554 5.7.1 this looks like spam", ("refused", "rejected")),
        (".", "451 4.4.1 no answer from there", ("refused", "soft_bounced")),
        ("DATA", "554 5.5.1 no", ("refused", "rejected")),
        ("RCPT", "251 will forward", ("accepted", "delivered")),
        ("RCPT", "252 we shall see", ("accepted", "delivered")),
    ],
)
def test_a_word_about_one_recipient_is_that_row_s_alone(verb: str, says: str, answer: tuple[str, str], way: dict[str, Any]) -> None:
    """The others have their messages, over the same connection."""
    with StrictServer(when(verb, says, "ben"), **way) as server:
        answers = to(server).submit(rows(ADA, BEN, CY), NOW)
    assert [("accepted", "delivered"), answer, ("accepted", "delivered")] == said(answers)
    assert 1 == server.sessions


@WAYS
@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("RCPT", "421 4.3.2 closing"),
        ("RCPT", "452 4.3.1 no room"),
        (".", "451 4.7.0 later"),
        ("DATA", "421 closing"),
        ("RCPT", None),
        ("DATA", None),
        ("RCPT", "nonsense"),
        ("RCPT", "199 well"),
        ("DATA", "250 what text?"),
        ("DATA", "350 a bit more"),
    ],
)
def test_a_server_that_asks_to_wait_has_taken_nothing_more(verb: str, says: str | None, way: dict[str, Any]) -> None:
    """The row, and all that follow, wait; whoever went before has gone. Without the text no server has it, whatever it says."""
    with StrictServer(when(verb, says, "ben"), **way) as server:
        answers = to(server).submit(rows(ADA, BEN, CY), NOW)
    assert [("accepted", "delivered"), ("throttled", None), ("throttled", None)] == said(answers)
    assert [None, NOW + BACKOFF, NOW + BACKOFF] == answers["until"].to_pylist()
    assert ["ada@example.com"] == server.recipients()


@WAYS
@pytest.mark.parametrize("says", [None, "nonsense", "350 a bit more"])
def test_only_the_row_whose_text_was_on_its_way_is_unknown(says: str | None, way: dict[str, Any]) -> None:
    """Of the one that the server had in hand when the contact broke nobody knows; the others are not in doubt."""
    with StrictServer(when(".", says, "ben"), **way) as server:
        answers = to(server).submit(rows(ADA, BEN, CY), NOW)
    assert ["accepted", "unknown", "throttled"] == statuses(answers)


@pytest.mark.parametrize(
    ("verb", "says"), [("CONNECT", "554 no"), ("CONNECT", None), ("MAIL", "450 4.1.8 not now"), ("AUTH", "454 4.7.0 later")]
)
def test_a_server_that_does_not_begin_takes_nobody(verb: str, says: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """Everybody waits, and the log says why, without naming a recipient."""
    with StrictServer(when(verb, says), features=("AUTH PLAIN",)) as server, caplog.at_level(logging.WARNING):
        answers = to(server, login="ann", password="s3cret").submit(rows(ADA, BEN), NOW)
    assert ["throttled", "throttled"] == statuses(answers)
    assert f"The SMTP server 127.0.0.1:{server.port} takes no more until 2026-12-01 15:05:00+00:00: " in caplog.text
    assert not [word for word in ("ada@", "s3cret") if word in caplog.text]


def test_what_the_server_writes_about_a_recipient_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Of a reply only the codes reach the log."""
    with StrictServer(when("RCPT", "452 4.3.1 no room for <ada@example.com>")) as server, caplog.at_level(logging.WARNING):
        to(server).submit(rows(ADA), NOW)
    assert caplog.text.rstrip().endswith(": 452 4.3.1")


def test_a_connection_serves_many_chunks() -> None:
    """The next chunk goes over the connection that is there; one that was lost meanwhile is made again."""
    calls: list[str] = []

    def says(verb: str, recipient: str) -> str | None:
        calls.append(verb)
        return None if verb == "NOOP" and calls.count("NOOP") == 2 else USUAL[verb]

    with StrictServer(says) as server:
        transport = to(server)
        for person in (ADA, BEN, CY):
            transport.submit(rows(person), NOW)
    assert (["ada@example.com", "ben@example.com", "cy@example.com"], 2) == (server.recipients(), server.sessions)


def test_the_server_is_told_when_the_transport_ends() -> None:
    """A connection ends with QUIT, whatever ended the task."""
    with StrictServer() as server:
        transport = to(server)
        transport.submit(rows(ADA), NOW)
        del transport
    assert "QUIT" == server.verbs[-1]


# Several connections.


PEOPLE = [{"endpoint": f"p{number}@example.com"} for number in range(24)]


@WAYS
def test_a_large_chunk_goes_over_several_connections(way: dict[str, Any]) -> None:
    """Each message goes once, the answers keep the order of the rows, and the connections serve the next chunk."""
    with StrictServer(when("RCPT", "550 5.1.1 nobody", "p7@"), **way) as server:
        transport = to(server)
        for _ in range(2):
            answers = transport.submit(rows(*PEOPLE), NOW)
            assert [("refused", "bounced") if number == 7 else ("accepted", "delivered") for number in range(24)] == said(answers)
            assert [f"<spring/0/1/p{number}@acme.example>" for number in range(24)] == answers["message_id"].to_pylist()
    first, second = server.recipients()[:23], server.recipients()[23:]
    everybody = sorted(one["endpoint"] for one in PEOPLE if one != PEOPLE[7])
    assert (everybody, everybody, 4) == (sorted(first), sorted(second), server.sessions)


def test_a_server_that_takes_few_connections_gets_few() -> None:
    """That it refuses a third one delays nobody."""
    connects: list[str] = []

    def says(verb: str, recipient: str) -> str:
        connects.extend(["one"] if verb == "CONNECT" else [])
        return "421 4.7.0 too many connections" if verb == "CONNECT" and len(connects) > 2 else USUAL[verb]

    with StrictServer(says) as server:
        assert {"accepted"} == set(statuses(to(server).submit(rows(*PEOPLE), NOW)))
    assert (sorted(one["endpoint"] for one in PEOPLE), 3) == (sorted(server.recipients()), server.sessions)


def test_a_server_that_is_slow_to_begin_gets_what_two_minutes_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """After half a minute no more connections are opened, and the time that those took counts: who is late is looked at again."""
    times = iter([0.0, 29.0, 31.0])
    monkeypatch.setattr("outcamp.transports.smtp.uptime", lambda: next(times))
    monkeypatch.setattr("outcamp.transports.row_by_row.uptime", lambda: 121.0)
    with StrictServer() as server:
        answers = statuses(to(server).submit(rows(*PEOPLE), NOW))
    assert (["later"] * 24, [], 2) == (answers, server.recipients(), server.sessions)


def test_a_contact_that_breaks_stops_the_other_connections() -> None:
    """In doubt is who was in hand at that moment, one for a connection; whoever waits was not handed in, and nobody has no answer."""
    with StrictServer(when(".", None)) as server:
        answers = statuses(to(server).submit(rows(*PEOPLE), NOW))
    in_hand = [one["endpoint"] for one, status in zip(PEOPLE, answers, strict=True) if status == "unknown"]
    assert (sorted(in_hand), {"unknown", "throttled"}) == (sorted(server.recipients()), set(answers))
    assert 1 <= len(in_hand) <= 4


# What nobody but a person can mend.


def refusal(transport: SmtpTransport) -> str:
    """What is said about a chunk of which nothing was taken."""
    with pytest.raises(Permanent) as raised:
        transport.submit(rows(ADA, BEN), NOW)
    return str(raised.value)


def test_a_sender_that_the_server_refuses_fails_before_anybody_is_in_doubt() -> None:
    """Nothing of the chunk was taken; where somebody was answered already, the others wait and meet the refusal first."""
    with StrictServer(when("MAIL", "550 5.7.1 not yours")) as server:
        message = refusal(to(server))
    assert (
        "The SMTP server 127.0.0.1 does not let news@acme.example send: 550 5.7.1.\n"
        "  Next: Correct channels.email.sender, or the login of the Airflow connection."
    ) == message
    calls: list[str] = []

    def later(verb: str, recipient: str) -> str:
        calls.append(verb)
        return "550 5.7.1 not yours" if verb == "MAIL" and calls.count("MAIL") == 2 else USUAL[verb]

    with StrictServer(later) as server:
        answers = to(server).submit(rows(ADA, BEN), NOW)
    assert (["accepted", "throttled"], NOW) == (statuses(answers), answers["until"][1].as_py())


def test_a_login_that_is_wrong_fails() -> None:
    """The message names the server, and not the password."""
    with StrictServer(when("AUTH", "535 5.7.8 wrong"), features=("AUTH PLAIN",)) as server:
        message = refusal(to(server, login="ann", password="s3cret"))
    assert "The SMTP server 127.0.0.1 refuses the login.\n  Next: Correct the Airflow connection." == message


def test_a_server_without_encryption_is_not_spoken_to_in_clear() -> None:
    """What the connection asks for is not given up quietly."""
    with StrictServer() as server:
        message = refusal(to(server, starttls=True))
    assert "The SMTP server 127.0.0.1 cannot do what the connection asks for: STARTTLS extension not supported by server." in message
    assert [] == [verb for verb in server.verbs if verb not in {"EHLO", "QUIT"}]


def test_a_sender_without_an_address_is_refused() -> None:
    """The error names the setting and the form that is right."""
    for sender in ("Acme", "Acme <a@b.c>\nBcc: <eve@example.com>"):
        with pytest.raises(Permanent) as raised:
            SmtpTransport(SmtpServer("127.0.0.1", 25), sender)
        assert f'channels.email.sender is {sender!r}, which holds no address.\n  Next: Write "Name <name@example.com>".' == str(
            raised.value
        )


# Encryption.


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path)


def test_starttls_checks_the_certificate(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is trusted is spoken to in secret; one that is not, only where the connection says that it does not matter."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with StrictServer(features=("STARTTLS",), tls=context) as server:
        careful = SmtpServer("localhost", server.port, implicit_tls=False)
        with pytest.raises(Permanent) as raised:
            SmtpTransport(careful, SENDER).submit(rows(ADA), NOW)
        assert (
            "The certificate of the SMTP server localhost is not trusted: self-signed certificate.\n"
            "  Next: Correct the host, or give the certificate's issuer to this machine."
        ) == str(raised.value)
        careless = SmtpServer("localhost", server.port, implicit_tls=False, verify=False)
        assert ["accepted"] == statuses(SmtpTransport(careless, SENDER).submit(rows(ADA), NOW))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ["accepted"] == statuses(SmtpTransport(careful, SENDER).submit(rows(BEN), NOW))
    assert ["ada@example.com", "ben@example.com"] == server.recipients()
