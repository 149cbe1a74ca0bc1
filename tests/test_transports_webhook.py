"""The webhook against a strict receiver on loopback: what is posted, what proves it, and what each answer makes of a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from outcamp.core.dispositions import Channel
from outcamp.core.errors import OutcampError, Permanent, Transient
from outcamp.transports.base import BACKOFF
from outcamp.transports.webhook import Receiver, WebhookTransport, signature
from strict_receiver import SECRET, Reply, StrictReceiver, accepts, says
from submissions import NOW, rows, said, statuses

ADA, BEN = {"endpoint": "ada@example.com"}, {"endpoint": "ben@example.com"}


def to(receiver: StrictReceiver, channel: Channel = Channel.EMAIL) -> WebhookTransport:
    return WebhookTransport(Receiver(receiver.url, SECRET), "spring", channel, "Acme")


def answers_to(reply: Callable[[dict[str, Any]], Reply | None], *people: dict[str, Any]) -> Any:
    """What becomes of people when the receiver replies like this."""
    with StrictReceiver(reply) as receiver:
        return to(receiver).submit(rows(*(people or (ADA, BEN))), NOW)


def refusal(kind: type[OutcampError], reply: Callable[[dict[str, Any]], Reply | None]) -> str:
    with pytest.raises(kind) as raised:
        answers_to(reply)
    return str(raised.value)


def test_a_chunk_is_one_signed_request() -> None:
    """The receiver, which checks the signature by itself, gets the campaign, the chunk's name and each message with its texts."""
    with StrictReceiver() as receiver:
        to(receiver).submit(rows(ADA | {"column.first_name": "Ada", "column.rate": float("inf")}, chunk=3), NOW)
    ((headers, chunk),) = receiver.requests
    assert ("spring/20261201T150000Z-0-1-3", "1796137200") == (headers["Idempotency-Key"], headers["Outcamp-Timestamp"])
    assert {
        "campaign": "spring",
        "submission": "20261201T150000Z-0-1-3",
        "channel": "email",
        "sender": "Acme",
        "sent_at": "2026-12-01T15:00:00+00:00",
        "messages": [
            {
                "reference": "spring/0/1/p0",
                "recipient_id": "p0",
                "endpoint": "ada@example.com",
                "attempt": 1,
                "valid_until": "2026-12-01T18:00:00+00:00",
                "content": {"subject": "Hello", "body": "Hello you"},
                "columns": {"first_name": "Ada", "rate": None},
            }
        ],
    } == chunk


def test_the_signature_is_the_documented_one() -> None:
    """A receiver in any language makes the same one: HMAC-SHA256 in hexadecimal over the timestamp, a dot and the body."""
    assert "v1=3aef069923b329162e71de34136b0ef6ee4b9253867069748da3fc3680c71406" == signature("s3cret", "1", b"{}")


def test_another_secret_is_refused_whole() -> None:
    """Nothing was taken, nobody is in doubt, and trying again cannot help."""
    with StrictReceiver() as receiver, pytest.raises(Permanent) as raised:
        WebhookTransport(Receiver(receiver.url, "wrong"), "spring", Channel.EMAIL).submit(rows(ADA), NOW)
    assert (
        "The webhook refuses the whole chunk: HTTP 401.\n  Next: Read the receiver's log; correct the Airflow connection, or the receiver."
    ) == str(raised.value)
    assert {} == receiver.taken


def test_nothing_goes_unsigned() -> None:
    """A connection without a password is refused before anything is sent."""
    with pytest.raises(Permanent) as raised:
        WebhookTransport(Receiver("https://x.example", ""), "spring", Channel.SMS)
    assert (
        "The webhook's connection has no password, and nothing is sent unsigned.\n"
        "  Next: Put the secret that the receiver checks signatures with into the connection's password."
    ) == str(raised.value)


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"status": "accepted", "message_id": 17}, ("accepted", None)),
        ({"status": "accepted", "disposition": "delivered"}, ("accepted", "delivered")),
        ({"status": "accepted", "disposition": "no_such_thing"}, ("accepted", None)),
        ({"status": "refused", "disposition": "bounced"}, ("refused", "bounced")),
        ({"status": "refused"}, ("refused", "rejected")),
        ({"status": "refused", "disposition": "unknown"}, ("refused", "rejected")),
        ({"status": "refused", "disposition": ["bounced"]}, ("refused", "rejected")),
        ({"status": "throttled", "retry_after": 90}, ("throttled", None)),
        ({"status": "later", "retry_after": 90}, ("later", None)),
        ({"status": "fine"}, ("unknown", None)),
        ({"status": ["accepted"]}, ("unknown", None)),
    ],
)
def test_each_row_has_its_own_answer(row: dict[str, Any], answer: tuple[str, str | None]) -> None:
    """What the receiver says of one row is that row's alone, and words that mean nothing leave it unknown."""
    assert [("accepted", None), answer] == said(answers_to(says(ben=row)))


def test_of_whom_the_receiver_says_nothing_nobody_knows() -> None:
    """Answers are found by their reference; their order does not matter, and one too many does not either."""

    def reply(chunk: dict[str, Any]) -> Reply:
        last = chunk["messages"][-1]["reference"]
        return 200, {}, {"answers": [{"reference": "spring/0/1/eve", "status": "accepted"}, {"reference": last, "status": "accepted"}]}

    assert ["unknown", "accepted"] == statuses(answers_to(reply))


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [
        (429, "120", timedelta(minutes=2)),
        (503, "120", timedelta(minutes=2)),
        (429, None, BACKOFF),
        (429, "soon", BACKOFF),
        (503, "Tue, 01 Dec 2026 15:10:00 GMT", timedelta(minutes=10)),
        (429, "Tue, 01 Dec 2026 14:00:00 GMT", BACKOFF),
        (429, "999999999", timedelta(days=1)),
        (429, "99999999999999999999", BACKOFF),
    ],
)
def test_a_receiver_that_asks_to_wait_has_taken_nothing(status: int, retry_after: str | None, wait: timedelta) -> None:
    """Everybody waits as long as it says, within a day."""
    answers = answers_to(lambda chunk: (status, {} if retry_after is None else {"Retry-After": retry_after}, {}))
    assert [("throttled", None)] * 2 == said(answers)
    assert [NOW + wait] * 2 == answers["until"].to_pylist()


@pytest.mark.parametrize("status", [301, 400, 403, 404, 409, 413, 422])
def test_a_chunk_that_is_refused_whole_fails_for_good(status: int) -> None:
    """Nobody is in doubt, and a person must look; a redirect is not followed, or a secret's signature would go elsewhere."""
    assert refusal(Permanent, lambda chunk: (status, {"Location": "/elsewhere"}, {})).startswith(
        f"The webhook refuses the whole chunk: HTTP {status}."
    )


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_receiver_that_fails_leaves_the_chunk_unknown(status: int) -> None:
    """Whether it took anything nobody knows."""
    assert (
        f"The webhook failed with a chunk: HTTP {status}.\n  Next: its rows are unknown; the rest of the batch is tried again by itself"
    ) == refusal(Transient, lambda chunk: (status, {}, {}))


def test_a_contact_that_breaks_leaves_the_chunk_unknown() -> None:
    """The receiver has the messages, and its answer never came."""
    with StrictReceiver(lambda chunk: None) as receiver, pytest.raises(Transient) as raised:
        to(receiver).submit(rows(ADA), NOW)
    assert (
        "The webhook did not answer a chunk that was on its way: RemoteProtocolError.\n"
        "  Next: its rows are unknown; the rest of the batch is tried again by itself"
    ) == str(raised.value)
    assert ["spring/0/1/p0"] == list(receiver.taken)


@pytest.mark.parametrize("body", [b"fine", b"[]", b'{"answers": 1}', b'{"answers": [{"status": "accepted"}]}', b"{}"])
def test_an_answer_that_is_none_leaves_the_chunk_unknown(body: Any) -> None:
    """The chunk was taken, so it is not tried again."""
    message = refusal(Transient, lambda chunk: (200, {}, body))
    assert message.startswith("The webhook took a chunk, and its answer is not the JSON that docs/transports.md describes.")


def test_an_address_that_is_none_is_refused() -> None:
    """Nothing was taken, and the connection must be corrected."""
    for url in ("ftp://x.example", "x.example"):
        with pytest.raises(Permanent) as raised:
            WebhookTransport(Receiver(url, SECRET), "spring", Channel.SMS).submit(rows({"endpoint": "+12025550143"}, channel="sms"), NOW)
        assert str(raised.value).startswith("The webhook's address is none: ")


def test_what_is_posted_is_json_whatever_the_columns_hold() -> None:
    """Dates, nested values and letters of any script arrive; the receiver reads each request strictly."""
    with StrictReceiver(accepts) as receiver:
        to(receiver).submit(rows(ADA | {"column.since": NOW, "column.tags": ["a", "b"], "column.name": "Zoë \u2028"}), NOW)
    ((_, chunk),) = receiver.requests
    assert {"since": "2026-12-01T15:00:00+00:00", "tags": ["a", "b"], "name": "Zoë \u2028"} == chunk["messages"][0]["columns"]
    assert json.dumps(chunk)
