"""outcamp test: one message through the real transport to an address of one's own, which no book knows of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drafts import PEOPLE, make_project
from outcamp.cli.main import main
from strict_receiver import SECRET, Reply, StrictReceiver, accepts

HEAD = """\
name: spring
segment: {file: people.csv}
channel: sms
channels:
  sms: {transport: hook, body: "Hi {{ first_name }}"}
  email: {transport: hook, subject: Hello, body: "Dear {{ first_name }}"}
  automated_voice: {}
reattempts: [{when: [blocked], channel: email, wait: 1 hour}, {when: [unreachable], channel: automated_voice, wait: 1 hour}]
"""


@pytest.fixture
def home(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a draft and a list of two."""
    make_project(tmp_path, HEAD, f"{PEOPLE}2,+12025550144,ben@example.com,\n")
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    return tmp_path


@pytest.fixture
def sent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[dict[str, Any]]]]:
    """Runs the verb against a receiver, and returns the exit code and the messages that the receiver got."""
    assert home

    def run(*words: str, reply: Callable[[dict[str, Any]], Reply | None] = accepts) -> tuple[int, list[dict[str, Any]]]:
        with StrictReceiver(reply) as receiver:
            where = {"conn_type": "http", "host": "http://127.0.0.1/outcamp", "port": receiver.port}
            definition = where | {"password": SECRET, "extra": {"outcamp": "webhook"}}
            monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps(definition))
            code = main(["test", "spring", *words])
        return code, [chunk | {"message": one} for _, chunk in receiver.requests for one in chunk["messages"]]

    return run


def tables(uri: str) -> list[tuple[Any, ...]]:
    """The tables of the ledger's database."""
    with psycopg.connect(uri) as connection:
        return connection.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'outcamp%'").fetchall()


def test_one_message_goes_through_the_real_transport(
    sent: Callable[..., Any], database_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is made with the first row's columns, goes to the address alone, and is marked; the ledger is not even opened."""
    code, (got,) = sent("--to", "+1 (212) 555-0143")
    assert 0 == code
    message = got["message"]
    assert ("+12125550143", {"body": "Hi Ada"}) == (message["endpoint"], message["content"])
    assert message["reference"].startswith("spring/test/1/test-")
    assert (
        "TEST of spring by sms (hook) to +12125550143, with the columns of 1: accepted.\n"
        "  It is in no book: it counts for nobody, and no outcome of it is taken in.\n"
    ) == capsys.readouterr().out
    assert [] == tables(database_uri)


def test_another_channel_and_somebody_elses_columns(sent: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Both may be chosen; machines get JSON that says that it is a test."""
    code, (got,) = sent("--to", "me@example.com", "--channel", "email", "--recipient", "1", "--json")
    assert (0, {"subject": "Hello", "body": "Dear Ada"}) == (code, got["message"]["content"])
    said = json.loads(capsys.readouterr().out)
    expected = {"test": True, "channel": "email", "to": "me@example.com", "made_for": "1", "status": "accepted"}
    assert expected == {name: said[name] for name in expected}


def test_a_second_test_is_another_message(sent: Callable[..., Any]) -> None:
    """A provider that knows a reference again must not take the second for the first."""
    (first,), (second,) = (sent("--to", "+12125550143")[1] for _ in range(2))
    assert first["message"]["reference"] != second["message"]["reference"]
    assert first["submission"] != second["submission"]


def test_a_refusal_is_a_finding(sent: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The answer is shown as the transport gave it."""

    def refuses(chunk: dict[str, Any]) -> Reply:
        refused = {"status": "refused", "disposition": "blocked", "message_id": "SM1"}
        return 200, {}, {"answers": [{"reference": one["reference"], **refused} for one in chunk["messages"]]}

    assert 1 == sent("--to", "+12125550143", reply=refuses)[0]
    assert "with the columns of 1: refused as blocked.\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--to", "12"],
            "--to is '12', which is no valid phone number, and the channel is sms.\n"
            "  Next: Write it with + and the country's code: +12025550143.\n",
        ),
        (
            ["--to", "me", "--channel", "email"],
            "--to is 'me', which is no valid e-mail address, and the channel is email.\n  Next: Write one address: ada@example.com.\n",
        ),
        (["--to", "+12125550143", "--channel", "smss"], "spring does not use the channel 'smss'.\n  Next: Did you mean 'sms'?\n"),
        (
            ["--to", "+12125550143", "--channel", "fax"],
            "spring does not use the channel 'fax'.\n  Next: It uses sms, email, automated_voice.\n",
        ),
        (
            ["--to", "+12125550143", "--channel", "automated_voice"],
            "channels.automated_voice.transport is the simulator, which reaches nobody: there is nothing to test.\n"
            "  Next: outcamp preview spring RECIPIENT shows the message.\n",
        ),
        (
            ["--to", "+12125550143", "--recipient", "9"],
            "The segment of spring has no recipient '9'.\n  Next: Check the id; it is compared as text.\n",
        ),
    ],
)
def test_what_cannot_be_tested_is_wrong_use(
    sent: Callable[..., Any], words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent, and the message names what is wrong."""
    assert (2, []) == sent(*words)
    assert message == capsys.readouterr().err


def test_a_message_that_cannot_be_made_is_told(sent: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A part that lacks a column keeps the whole message back."""
    assert (1, []) == sent("--to", "+12125550143", "--recipient", "2")
    assert (
        "The message of '2' cannot be made: body: 'first_name' is undefined.\n"
        "  Next: outcamp preview spring 2 shows it; --recipient takes somebody else's columns.\n"
    ) == capsys.readouterr().err


def test_an_empty_segment_has_nobody_to_make_a_message_with(
    sent: Callable[..., Any], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The columns of the list alone make no message."""
    (home / "people.csv").write_text("recipient_id,phone,email,first_name\n", encoding="utf-8")
    assert (2, []) == sent("--to", "+12125550143")
    assert "The segment of spring is empty.\n  Next: A message is made with somebody's columns: add a row.\n" == capsys.readouterr().err
