"""What holds for every transport: one answer a row, in its place, true, whatever the rows hold and the other side does."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import strict_twilio
from connect_campaigns import PushedInto, described
from outcamp.core.channels import AutomatedVoiceSettings
from outcamp.core.dispositions import DISPOSITIONS, NEVER_REACHED, Channel
from outcamp.core.errors import Permanent
from outcamp.steps.simulation_input import script_of
from outcamp.store.ledger import Ledger
from outcamp.store.simulated import SimulatedOutcomes
from outcamp.transports.aws_sms import AwsSmsTransport
from outcamp.transports.base import ANSWERS, OUTCOMES, Transport
from outcamp.transports.connect import ConnectInstance, ConnectTransport
from outcamp.transports.connect_campaign import ConnectCampaignTransport
from outcamp.transports.outbox import OutboxTransport
from outcamp.transports.scripted import ScriptedTransport
from outcamp.transports.ses import SesTransport
from outcamp.transports.simulator import SimulatorTransport
from outcamp.transports.smtp import SmtpTransport
from outcamp.transports.smtp_session import SmtpServer
from outcamp.transports.twilio import TwilioSmsTransport, TwilioVoiceTransport
from outcamp.transports.webhook import Receiver, WebhookTransport
from strict_aws import Error, Reply, StrictAws
from strict_receiver import SECRET, StrictReceiver, says
from strict_smtp import USUAL, StrictServer
from strict_twilio import StrictTwilio
from submissions import NOW, rows, statuses

CALLS = AutomatedVoiceSettings(sender="+18005550101", flow="flow-7")


@dataclass
class Door:
    """A transport, its channel, and to whom the other side would say that messages came, each as often as they did."""

    transport: Transport
    channel: str
    received: Callable[[], list[str]]

    def person(self, name: str, **more: Any) -> dict[str, Any]:
        """Somebody with an endpoint of the channel; the other side refuses gone, and asks to wait for busy."""
        phones = {"ada": "+12025550143", "ben": "+12125550143", "gone": "+13105550143", "busy": "+14155550143"}
        return {"endpoint": f"{name}@example.com" if self.channel == "email" else phones[name]} | more

    def submit(self, *people: dict[str, Any], chunk: int = 0) -> list[dict[str, Any]]:
        """Submit these people, and return the answers, whose form is always right."""
        answers = self.transport.submit(rows(*people, channel=self.channel, chunk=chunk), NOW)
        assert (ANSWERS, len(people)) == (answers.schema, answers.num_rows)
        assert set(statuses(answers)) <= {"accepted", "refused", "throttled", "later", "unknown"}
        found: list[dict[str, Any]] = answers.to_pylist()
        return found


def of_smtp(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    def says_what(verb: str, recipient: str) -> str:
        special = {("RCPT", "gone"): "550 5.1.1 nobody", ("RCPT", "busy"): "451 4.7.1 try again later"}
        return special.get((verb, recipient.partition("@")[0]), USUAL[verb])

    server = stack.enter_context(StrictServer(says_what))
    transport = SmtpTransport(SmtpServer("127.0.0.1", server.port, implicit_tls=False, starttls=False), "Acme <news@acme.example>")
    return Door(transport, "email", server.recipients)


def of_webhook(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    reply = says(gone={"status": "refused", "disposition": "bounced"}, busy={"status": "throttled", "retry_after": 90})
    receiver = stack.enter_context(StrictReceiver(reply))
    transport = WebhookTransport(Receiver(receiver.url, SECRET, timedelta(days=1)), "spring", Channel.EMAIL)
    return Door(transport, "email", lambda: [one["endpoint"] for one in receiver.taken.values()])


def of_ses(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    def says_what(operation: str, request: dict[str, Any]) -> Reply:
        codes = {"gone": Error("MessageRejected"), "busy": Error("TooManyRequestsException", 429)}
        return codes.get(_to(request).partition("@")[0], {"MessageId": "0100"})

    def _to(request: dict[str, Any]) -> str:
        return str(request["Destination"]["ToAddresses"][0])

    amazon = stack.enter_context(StrictAws("sesv2", says_what))
    return Door(SesTransport(amazon.account(), "Acme <news@acme.example>"), "email", lambda: sorted(map(_to, amazon.taken())))


def of_aws_sms(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    def says_what(operation: str, request: dict[str, Any]) -> Reply:
        gone = Error("ConflictException", members={"Reason": "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"})
        codes = {"+13105550143": gone, "+14155550143": Error("ThrottlingException")}
        return codes.get(request["DestinationPhoneNumber"], {"MessageId": "0100"})

    amazon = stack.enter_context(StrictAws("pinpoint-sms-voice-v2", says_what))
    transport = AwsSmsTransport(amazon.account(), "+18005550100", {})
    return Door(transport, "sms", lambda: sorted(one["DestinationPhoneNumber"] for one in amazon.taken()))


def of_connect(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    def says_what(operation: str, request: dict[str, Any]) -> Reply:
        codes = {"+13105550143": Error("DestinationNotAllowedException", 403), "+14155550143": Error("LimitExceededException", 429)}
        return codes.get(request["DestinationPhoneNumber"], {"ContactId": "c-1"})

    amazon = stack.enter_context(StrictAws("connect", says_what))
    transport = ConnectTransport(amazon.account(), ConnectInstance("i-1"), "automated_voice", CALLS)
    return Door(transport, "automated_voice", lambda: sorted(one["DestinationPhoneNumber"] for one in amazon.taken()))


def of_connect_campaign(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    campaign = PushedInto(described("agentless", {}), {"+13105550143": "InvalidInput", "+14155550143": "RequestThrottled"})
    amazon = stack.enter_context(StrictAws("connectcampaignsv2", campaign))
    transport = ConnectCampaignTransport(amazon.account(), ConnectInstance("i-1"), "automated_voice", CALLS, "c")
    return Door(transport, "automated_voice", lambda: campaign.taken)


def of_twilio(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    twilio = stack.enter_context(StrictTwilio(_twilio_says))
    return Door(TwilioSmsTransport(twilio.account(), "+18005550100"), "sms", lambda: sorted(one["To"] for one in twilio.taken))


def of_twilio_voice(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    twilio = stack.enter_context(StrictTwilio(_twilio_says))
    transport = TwilioVoiceTransport(twilio.account(), "+18005550100", "https://x.example", timedelta(seconds=30), detect_machine=True)
    return Door(transport, "automated_voice", lambda: sorted(one["To"] for one in twilio.taken))


def _twilio_says(form: dict[str, str]) -> strict_twilio.Reply:
    codes = {"+13105550143": strict_twilio.refuses(21211), "+14155550143": strict_twilio.refuses(20429, 429)}
    return codes.get(form["To"], strict_twilio.takes(form))


def of_outbox(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    def received() -> list[str]:
        files = sorted((folder / "campaign=spring").glob("*"))
        return [endpoint for file in files for endpoint in pq.read_table(file, partitioning=None)["endpoint"].to_pylist()]

    return Door(OutboxTransport(folder, "spring"), "sms", received)


def of_outbox_as_csv(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    def received() -> list[str]:
        files = sorted((folder / "campaign=spring").glob("*"))
        return [row["endpoint"] for file in files for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines(keepends=True))]

    return Door(OutboxTransport(folder, "spring", "csv"), "sms", received)


def of_simulator(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    ledger = stack.enter_context(closing(Ledger.at(database_uri())))
    ledger.migrate()
    return Door(SimulatorTransport(1, "spring", SimulatedOutcomes(ledger, "spring")), "sms", list)


def of_script(stack: ExitStack, folder: Path, database_uri: Callable[[], str]) -> Door:
    return Door(ScriptedTransport(script_of(None), lambda coming: coming["disposed_at"].combine_chunks()), "sms", list)


ANSWERING = [
    of_smtp,
    of_webhook,
    of_ses,
    of_aws_sms,
    of_connect,
    of_connect_campaign,
    of_twilio,
    of_twilio_voice,
]  # those that may refuse a row, or ask to wait
REACHING = [*ANSWERING, of_outbox, of_outbox_as_csv]  # those behind which somebody is
ALL = [*REACHING, of_simulator, of_script]


@pytest.fixture
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    with ExitStack() as stack:
        yield request.param(stack, tmp_path, lambda: request.getfixturevalue("database_uri"))


def behind(makers: list[Any]) -> pytest.MarkDecorator:
    """Run a test for each of these transports."""
    return pytest.mark.parametrize("door", makers, indirect=True, ids=lambda maker: maker.__name__.removeprefix("of_"))


@behind(ALL)
def test_each_row_has_its_answer(door: Door) -> None:
    """Accepted rows say nothing more than what is true, and what they say is of the channel."""
    for answer in door.submit(door.person("ada"), door.person("ben")):
        assert ("accepted", None) == (answer["status"], answer["until"])
        assert answer["disposition"] is None or answer["disposition"] in DISPOSITIONS[Channel(door.channel)]
        assert (answer["disposition"] is None) == (answer["disposed_at"] is None)
        assert answer["disposition"] is not None or not door.transport.capabilities.at_once


@behind(ALL)
def test_outcomes_have_their_form(door: Door) -> None:
    """Also a transport that reports nothing says so in columns, and may be told to forget."""
    door.submit(door.person("ada"))
    assert OUTCOMES == door.transport.outcomes(NOW).schema
    door.transport.acknowledge(NOW)


@behind(REACHING)
def test_what_is_accepted_is_there_and_once(door: Door) -> None:
    """The other side has exactly the rows whose answer says so, in their order, or sorted where several requests are on their way."""
    answers = door.submit(door.person("ada"), door.person("ben"))
    assert ["accepted", "accepted"] == [answer["status"] for answer in answers]
    assert [door.person(name)["endpoint"] for name in ("ada", "ben")] == door.received()


@behind(ANSWERING)
def test_a_refused_row_says_its_code_and_keeps_nobody_else_back(door: Door) -> None:
    """The answers stay in the order of the rows, and the code is one that proves that nobody was reached."""
    answers = door.submit(door.person("ada"), door.person("gone"), door.person("ben"))
    assert ["accepted", "refused", "accepted"] == [answer["status"] for answer in answers]
    assert answers[1]["disposition"] in NEVER_REACHED[Channel(door.channel)]
    assert answers[1]["disposed_at"] == NOW
    assert [door.person(name)["endpoint"] for name in ("ada", "ben")] == door.received()


@behind(ANSWERING)
def test_a_throttled_row_was_not_taken(door: Door) -> None:
    """It says when it may be tried again, and the other side does not have it; whoever was accepted is there."""
    people = [door.person("ada"), door.person("busy"), door.person("ben")]
    answers = door.submit(*people)
    assert answers[1]["status"] in {"throttled", "later"}
    assert {"accepted", answers[1]["status"]} == {answer["status"] for answer in answers}
    assert all(answer["until"] > NOW for answer in answers if answer["status"] != "accepted")
    there = [person["endpoint"] for person, answer in zip(people, answers, strict=True) if answer["status"] == "accepted"]
    assert there == door.received()


@behind([of_webhook, of_outbox, of_outbox_as_csv])
def test_a_chunk_that_comes_again_is_there_once(door: Door) -> None:
    """Where a transport declares a key, or its file has a name, the same chunk is the same messages."""
    people = [door.person("ada"), door.person("ben")]
    assert door.submit(*people) == door.submit(*people)
    assert [person["endpoint"] for person in people] == door.received()
    door.submit(door.person("ben", recipient_id="another"), chunk=1)
    assert 3 == len(door.received())


@behind(ALL)
def test_no_log_names_a_recipient(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Neither id, endpoint nor text, at any level, and whatever the other side says."""
    caplog.set_level(logging.DEBUG)
    people = [door.person(name, recipient_id=f"who-is-{name}") for name in ("ada", "gone", "ada", "busy")]
    door.submit(*people)
    words = {word for person in people for word in (person["endpoint"], person["recipient_id"])} | {"Hello you"}
    assert [] == [word for word in words if word in caplog.text]


BAD = [
    {
        "recipient_id": 'x"\r\nBcc: eve@example.com\r\n\r\n<p>',
        "subject": "a\r\nBcc: eve@example.com",
        "body": "b\r\n.\r\nMAIL FROM:<eve@x.y>",
    },
    {"recipient_id": "=cmd|'/c calc'!A1", "body": "=1+1", "subject": "\x00\u2028x"},
    {"recipient_id": "ü/😀" * 80, "body": "ß" * 4000 + "\n" + "x" * 3000, "subject": "ö" * 400},
    {"recipient_id": "nan", "column.rate": float("nan"), "body": '", "status": "accepted'},
    {"recipient_id": "", "body": "\ufeff\r\n" * 3, "subject": ""},
]


@behind(ALL)
@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_strange_row_stays_what_it_is(door: Door, bad: dict[str, Any]) -> None:
    """Nothing that a recipient's columns hold becomes a header, a command, a cell or a row of its own, and nobody else is disturbed."""
    answers = door.submit(door.person("ada"), door.person("ben", **bad), door.person("ada", recipient_id="last"))
    assert ("accepted", "accepted") == (answers[0]["status"], answers[2]["status"])
    assert answers[1]["status"] in {"accepted", "refused"}
    ada, ben = door.person("ada")["endpoint"], door.person("ben")["endpoint"]
    assert sorted(door.received()) in ([], [ada, ada, ben], [ada, ada])


@behind([of_smtp, of_webhook, of_ses])
@pytest.mark.parametrize("endpoint", ["ada@example.com\r\nRCPT TO:<eve@example.com>", "ada@example.com, eve@example.com", "", "@", "<>"])
def test_an_endpoint_that_is_none_reaches_nobody_else(door: Door, endpoint: str) -> None:
    """The filter lets none through; were one to come, it would be refused or taken as it is written."""
    door.submit(door.person("ada"), {"endpoint": endpoint}, door.person("ben"))
    assert [door.person("ada")["endpoint"], door.person("ben")["endpoint"]] == [one for one in door.received() if one != endpoint]


def test_nobody_listens(tmp_path: Path) -> None:
    """Where certainly nothing was taken, everybody waits, and nobody is in doubt."""
    with ExitStack() as stack:
        doors = [maker(stack, tmp_path, str) for maker in ANSWERING]
    for door in doors:
        answers = door.submit(door.person("ada"), door.person("ben"))
        assert ["throttled", "throttled"] == [answer["status"] for answer in answers]
        assert NOW + timedelta(minutes=5) == answers[0]["until"]
    (tmp_path / "file").touch()
    outbox = OutboxTransport(tmp_path / "file", "spring")
    with pytest.raises(Permanent) as raised:
        outbox.submit(rows({"endpoint": "+12025550143"}, channel="sms"), NOW)
    assert (
        f"The outbox {tmp_path}/file/campaign=spring cannot be written: Not a directory.\n"
        "  Next: Let the workers write there, or name another folder in OUTCAMP_OUTBOX."
    ) == str(raised.value)
