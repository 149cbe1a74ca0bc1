"""Text messages and calls over Twilio, on a loopback that takes its documented parameters: what is asked, and what each answer means."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from outcamp.core.errors import Permanent
from outcamp.transports.base import BACKOFF
from outcamp.transports.twilio import REFUSED_CALLS, REFUSED_TEXTS, THROTTLED, TwilioAccount, TwilioSmsTransport, TwilioVoiceTransport
from strict_twilio import Reply, StrictTwilio, refuses, takes
from submissions import NOW, rows, said, statuses

ADA = {"endpoint": "+12025550143"}
SENDER = "+18005550100"
TWIML = "<Response><Say>Hello</Say></Response>"


@pytest.fixture(autouse=True)
def no_time_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message's validity counts from when it is asked for: here always from NOW."""
    monkeypatch.setattr("outcamp.transports.row_by_row.uptime", lambda: 0.0)


def voice(account: TwilioAccount, flow: str | None = TWIML, *, detect_machine: bool = True) -> TwilioVoiceTransport:
    """Calls that ring for half a minute."""
    return TwilioVoiceTransport(account, SENDER, flow, timedelta(seconds=30), detect_machine=detect_machine)


def text_for(
    person: dict[str, Any], until: datetime | None = NOW + timedelta(hours=3), sender: str = SENDER, **account: Any
) -> dict[str, str]:
    """The request that one person's message makes."""
    with StrictTwilio() as twilio:
        answers = TwilioSmsTransport(twilio.account(**account), sender).submit(rows(person, channel="sms", until=until), NOW)
        assert ["accepted"] == statuses(answers)
    (form,) = twilio.asked
    return form


def answer_to(reply: Reply, *, calls: bool = False) -> tuple[str, str | None]:
    """What becomes of a row to which Twilio says this."""
    with StrictTwilio(lambda form: reply) as twilio:
        transport = voice(twilio.account()) if calls else TwilioSmsTransport(twilio.account(), SENDER)
        ((status, disposition),) = said(transport.submit(rows(ADA, channel="automated_voice" if calls else "sms"), NOW))
    assert 1 == len(twilio.asked)
    return status, disposition


def test_a_message_says_who_sends_what_to_whom_and_until_when() -> None:
    """And where Twilio tells what became of it, with our reference."""
    form = text_for(ADA | {"recipient_id": "a&b=ü"}, status_callback="https://x.example/twilio?team=a")
    assert {
        "To": "+12025550143",
        "From": SENDER,
        "Body": "Hello you",
        "ValidityPeriod": "10800",
        "StatusCallback": "https://x.example/twilio?team=a&reference=spring%2F0%2F1%2Fa%26b%3D%C3%BC",
    } == form


def test_a_messaging_service_chooses_the_sender() -> None:
    """Its SID stands where a number would."""
    service = "MG" + "a" * 32
    form = text_for(ADA, sender=service)
    assert (service, None) == (form["MessagingServiceSid"], form.get("From"))


@pytest.mark.parametrize(
    ("left", "seconds"),
    [(timedelta(seconds=1.9), "1"), (timedelta(hours=9), "32400"), (timedelta(days=3), "36000"), (None, None)],
)
def test_a_message_waits_in_the_queue_as_long_as_the_window_is_open(left: timedelta | None, seconds: str | None) -> None:
    """In whole seconds, never longer, and within what Twilio takes; without an end Twilio's own applies."""
    assert seconds == text_for(ADA, None if left is None else NOW + left).get("ValidityPeriod")


def test_a_window_that_is_about_to_close_is_waited_out() -> None:
    """Twilio knows no shorter time than a second."""
    with StrictTwilio() as twilio:
        until = NOW + timedelta(seconds=0.9)
        answers = TwilioSmsTransport(twilio.account(), SENDER).submit(rows(ADA, channel="sms", until=until), NOW)
    assert (["later"], [until], []) == (statuses(answers), answers["until"].to_pylist(), twilio.asked)


def test_a_call_runs_the_twiml_of_the_flow() -> None:
    """It rings as long as the campaign says, and looks for a machine."""
    with StrictTwilio() as twilio:
        assert ["accepted"] == statuses(voice(twilio.account()).submit(rows(ADA, channel="automated_voice"), NOW))
    assert [{"To": "+12025550143", "From": SENDER, "Timeout": "30", "MachineDetection": "Enable", "Twiml": TWIML}] == twilio.asked


def test_a_call_runs_what_an_address_answers() -> None:
    """The address is told the reference; without detection none is asked for."""
    with StrictTwilio() as twilio:
        voice(twilio.account(), "https://x.example/flow", detect_machine=False).submit(rows(ADA, channel="automated_voice"), NOW)
    url = "https://x.example/flow?reference=spring%2F0%2F1%2Fp0"
    assert [{"To": "+12025550143", "From": SENDER, "Timeout": "30", "Url": url}] == twilio.asked


@pytest.mark.parametrize(("code", "disposition"), REFUSED_TEXTS.items())
def test_a_code_about_a_message_refuses_the_row(code: int, disposition: str) -> None:
    """It has the disposition that the code means."""
    assert ("refused", disposition) == answer_to(refuses(code))


@pytest.mark.parametrize(("code", "disposition"), REFUSED_CALLS.items())
def test_a_code_about_a_call_refuses_the_row(code: int, disposition: str) -> None:
    """It has the disposition that the code means."""
    assert ("refused", disposition) == answer_to(refuses(code), calls=True)


def test_a_code_that_is_new_refuses_the_row_when_it_is_about_the_recipient() -> None:
    """One number that Twilio has a new word for may not stop a campaign."""
    assert ("refused", "failed") == answer_to(refuses(29999, message="'To' number cannot be a premium number"))


@pytest.mark.parametrize("reply", [refuses(20429, 429), (429, b"slow down"), *(refuses(code) for code in THROTTLED)])
def test_twilio_may_ask_to_wait(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    """The rest waits too; whoever reads the log learns the code and nobody's number."""
    with StrictTwilio(lambda form: reply) as twilio, caplog.at_level(logging.DEBUG, "outcamp"):
        answers = TwilioSmsTransport(twilio.account(), SENDER).submit(rows(*[ADA] * 30, channel="sms"), NOW)
    assert ({"throttled"}, {NOW + BACKOFF}) == (set(statuses(answers)), set(answers["until"].to_pylist()))
    assert len(twilio.asked) <= 8
    (record,) = caplog.records
    assert record.getMessage().startswith(f"Twilio takes no more until {NOW + BACKOFF}: HTTP 4")
    assert "+1202" not in record.getMessage()


@pytest.mark.parametrize("reply", [refuses(20500, 500), (502, b"<html>"), (408, {}), (302, {}), (200, b"fine"), (201, []), None])
def test_what_twilio_does_not_answer_is_unknown_and_asked_once(reply: Reply) -> None:
    """Twilio knows no key: a repeated request could send twice."""
    assert ("unknown", None) == answer_to(reply)


@pytest.mark.parametrize(("code", "status"), [(20003, 401), (20404, 404), (21212, 400), (21606, 400), (None, 403)])
def test_a_code_about_the_account_fails_for_good(code: int | None, status: int) -> None:
    """Nothing was taken; the code is named, and no recipient."""
    with StrictTwilio(lambda form: (status, {"code": code, "message": "+12025550143"})) as twilio, pytest.raises(Permanent) as raised:
        TwilioSmsTransport(twilio.account(), SENDER).submit(rows(ADA, ADA, channel="sms"), NOW)
    assert (
        f"Twilio takes nothing through the connection 'twilio': HTTP {status}, code {code}.\n"
        "  Next: Look the code up in Twilio's documentation; correct the connection, or the channel's settings."
    ) == str(raised.value)


def test_the_account_is_the_connections() -> None:
    """A wrong token is refused by Twilio, a missing one before; neither is ever shown."""
    with StrictTwilio() as twilio:
        with pytest.raises(Permanent, match="HTTP 401, code 20003"):
            TwilioSmsTransport(twilio.account(password="wr0ng"), SENDER).submit(rows(ADA, channel="sms"), NOW)
        with pytest.raises(Permanent) as raised:
            TwilioSmsTransport(twilio.account(password=""), SENDER)
        assert "t0ken" not in repr(twilio.account())
    assert (
        "The connection 'twilio' does not hold Twilio's SID and token.\n"
        "  Next: Put the account's SID into the connection's login, and its token into the password."
    ) == str(raised.value)


def test_what_a_campaign_must_say_for_twilio() -> None:
    """A sender, and a flow that is TwiML or the address of some."""
    account = TwilioAccount("twilio", "AC1", "AC1", "t0ken")
    with pytest.raises(Permanent) as without_sender:
        TwilioSmsTransport(account, None)
    with pytest.raises(Permanent) as with_a_name:
        voice(account, "renewal-reminder")
    with pytest.raises(Permanent) as with_a_path:
        TwilioSmsTransport(replace(account, status_callback="/twilio"), SENDER)
    assert [
        "channels.sms.sender is missing, and Twilio needs one.\n"
        "  Next: Write a number, a sender ID, or the SID of a messaging service (MG...).",
        "channels.automated_voice.flow is 'renewal-reminder', and Twilio runs TwiML.\n"
        "  Next: Write the address of a TwiML document (https://...), or the document itself (<Response>...).",
        "The status_callback in the extra of the connection 'twilio' is '/twilio', which is no address.\n"
        "  Next: Write https://, the host and the path.",
    ] == [str(raised.value) for raised in (without_sender, with_a_name, with_a_path)]


@pytest.mark.parametrize("url", ["ftp://x.example", "x.example"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Nothing was taken, and the connection must be corrected."""
    with pytest.raises(Permanent, match="Twilio's address in the connection 'twilio' is none"):
        TwilioSmsTransport(TwilioAccount("twilio", "AC1", "AC1", "t0ken", url), SENDER).submit(rows(ADA, channel="sms"), NOW)


def test_the_answers_have_twilios_ids_in_the_order_of_the_rows() -> None:
    """Many requests are on their way at once."""
    people = [{"endpoint": f"+1202555{number:04}"} for number in range(40)]
    with StrictTwilio(takes) as twilio:
        answers = TwilioSmsTransport(twilio.account(), SENDER).submit(rows(*people, channel="sms"), NOW)
    assert ["SM" + one["endpoint"][1:].zfill(32) for one in people] == answers["message_id"].to_pylist()
