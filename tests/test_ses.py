"""E-mail over Amazon SES, against a loopback that reads requests by Amazon's own model: what is asked, and what each answer means."""

from __future__ import annotations

import base64
import email
import email.policy
import logging
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.errors import Permanent
from outcamp.core.references import reference_of_tag, tag_of
from outcamp.transports.base import BACKOFF
from outcamp.transports.ses import REFUSED, SesTransport
from strict_aws import Error, Reply, StrictAws
from submissions import NOW, rows, said, statuses

SENDER = "Acme <news@acme.example>"
ADA, BEN = ({"endpoint": f"{name}@example.com"} for name in ("ada", "ben"))


def ses(reply: Any = None) -> StrictAws:
    """Amazon SES, which takes everything, or says what a test lets it say of a recipient."""

    def answer(operation: str, request: dict[str, Any]) -> Reply:
        (endpoint,) = request["Destination"]["ToAddresses"]
        return reply(endpoint) if reply else {"MessageId": f"id-{endpoint}"}

    return StrictAws("sesv2", answer)


def asked_for(person: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The request that one person's message makes."""
    with ses() as amazon:
        answers = SesTransport(amazon.account(), SENDER, **more).submit(rows(person), NOW)
        assert [("accepted", None)] == said(answers)
    ((operation, request),) = amazon.asked
    assert operation == "SendEmail"
    return request


def answer_to(reply: Reply) -> tuple[str, str | None]:
    """What becomes of a row to which SES says this."""
    with ses(lambda endpoint: reply) as amazon:
        ((status, disposition),) = said(SesTransport(amazon.account(), SENDER).submit(rows(ADA), NOW))
    assert 1 == len(amazon.asked)
    return status, disposition


def refusal(reply: Reply) -> str:
    """What is said when SES takes nothing and somebody must act."""
    with ses(lambda endpoint: reply) as amazon, pytest.raises(Permanent) as raised:
        SesTransport(amazon.account(), SENDER).submit(rows(ADA, BEN), NOW)
    return str(raised.value)


def test_a_message_goes_as_it_would_over_smtp() -> None:
    """SES is given the whole message, with both unsubscribe headers, and to whom it goes."""
    request = asked_for(
        ADA | {"subject": "Für Ada", "html": "<p>Hi</p>", "unsubscribe": "https://x.example/u/ada"}, configuration_set="events"
    )
    message = email.message_from_bytes(base64.b64decode(request["Content"]["Raw"]["Data"]), policy=email.policy.default)
    assert (SENDER, "ada@example.com", "Für Ada") == tuple(message[name] for name in ("From", "To", "Subject"))
    assert ("<https://x.example/u/ada>", "List-Unsubscribe=One-Click") == (message["List-Unsubscribe"], message["List-Unsubscribe-Post"])
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in message.iter_parts()]
    assert ("news@acme.example", ["ada@example.com"], "events") == (
        request["FromEmailAddress"],
        request["Destination"]["ToAddresses"],
        request["ConfigurationSetName"],
    )


def test_the_reference_travels_as_a_tag() -> None:
    """SES takes letters, digits, - and _ in tags, up to 256; a longer reference stays at home."""
    (tag,) = asked_for(ADA | {"recipient_id": "ada lovelace_1@ü"})["EmailTags"]
    assert {"Name": "outcamp_reference", "Value": "spring_2F0_2F1_2Fada_20lovelace_5F1_40_C3_BC"} == tag
    assert "spring/0/1/ada lovelace_1@ü" == reference_of_tag(tag["Value"])
    assert "EmailTags" not in asked_for(ADA | {"recipient_id": "x" * 250})


@given(st.text())
def test_a_tag_leads_back_to_its_reference(reference: str) -> None:
    """Whatever a recipient's id holds."""
    tag = tag_of(reference)
    assert re.fullmatch("[A-Za-z0-9_-]*", tag)
    assert reference == reference_of_tag(tag)


@pytest.mark.parametrize("tag", ["spring/0/1/ada", "a_", "a_2f", "a_41", "a=2F", "_FF"])
def test_a_tag_that_was_made_from_no_reference_is_refused(tag: str) -> None:
    """Somebody else's tags are no references."""
    with pytest.raises(ValueError, match=r"is the tag of no reference|can't decode"):
        reference_of_tag(tag)


def test_an_address_with_letters_of_other_scripts() -> None:
    """SES knows domains in their ASCII form, and nothing but ASCII before the @."""
    assert ["ada@xn--bcher-kva.example"] == asked_for({"endpoint": "ada@bücher.example"})["Destination"]["ToAddresses"]
    with ses() as amazon:
        answers = SesTransport(amazon.account(), SENDER).submit(rows({"endpoint": "zoë@example.com"}), NOW)
    assert ([("refused", "rejected")], []) == (said(answers), amazon.asked)


def test_the_answers_have_the_ids_of_ses_in_the_order_of_the_rows() -> None:
    """Many requests are on their way at once."""
    people = [{"endpoint": f"p{number}@example.com"} for number in range(40)]
    with ses() as amazon:
        answers = SesTransport(amazon.account(), SENDER).submit(rows(*people), NOW)
    assert [f"id-{one['endpoint']}" for one in people] == answers["message_id"].to_pylist()


@pytest.mark.parametrize(("code", "disposition"), REFUSED.items())
def test_a_message_that_ses_refuses_has_its_disposition(code: str, disposition: str) -> None:
    """It is the row's alone."""
    assert ("refused", disposition) == answer_to(Error(code))


@pytest.mark.parametrize("reply", [Error("InternalFailure", 500), Error("ServiceUnavailable", 503), Error("RequestTimeout", 408), None])
def test_what_ses_does_not_answer_is_unknown_and_asked_once(reply: Reply) -> None:
    """The SDK's own retries are off: a repeated request could send twice."""
    assert ("unknown", None) == answer_to(reply)


@pytest.mark.parametrize("code", ["TooManyRequestsException", "LimitExceededException", "AnyCode"])
def test_a_code_of_throttling_makes_the_rest_wait(code: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever was accepted stays so; the log names the code and nobody."""
    with (
        ses(lambda endpoint: {"MessageId": "1"} if endpoint == "ada@example.com" else Error(code, 429)) as amazon,
        caplog.at_level(logging.DEBUG, "outcamp"),
    ):
        answers = SesTransport(amazon.account(), SENDER).submit(rows(*[BEN] * 20), NOW)
        assert {"throttled"} == set(statuses(answers))
        assert [NOW + BACKOFF] * 20 == answers["until"].to_pylist()
        assert ["accepted"] == statuses(SesTransport(amazon.account(), SENDER).submit(rows(ADA), NOW))
    assert len(amazon.asked) <= 9
    assert [f"Amazon SES takes no more until {NOW + BACKOFF}: {code}"] == [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    "code",
    [
        "MailFromDomainNotVerifiedException",
        "SendingPausedException",
        "AccountSuspendedException",
        "NotFoundException",
        "AccessDeniedException",
    ],
)
def test_an_account_that_may_not_send_fails_for_good(code: str) -> None:
    """Nothing was taken, nobody is in doubt, and nothing that Amazon said of a recipient is repeated."""
    assert (
        f"Amazon SES takes nothing through the connection 'amazon': {code}.\n"
        "  Next: Correct the Airflow connection, its rights at Amazon, or the channel's settings."
    ) == refusal(Error(code))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region US-EAST-1: ada@example.com",
        ),
        ("BadRequestException", "Configuration set <events> does not exist."),
    ],
)
def test_a_refusal_that_is_about_the_account_costs_nobody_an_attempt(code: str, words: str) -> None:
    """SES says some things of the sender with the codes that it has for messages."""
    assert refusal(Error(code, members={"message": words})).startswith(f"Amazon SES takes nothing through the connection 'amazon': {code}.")


def test_what_was_accepted_before_an_account_fails_stays_accepted() -> None:
    """Whoever is left waits until now, and meets the same refusal first."""
    taken = {"ada@example.com": {"MessageId": "1"}}
    with ses(lambda endpoint: taken.get(endpoint, Error("SendingPausedException"))) as amazon:
        answers = SesTransport(amazon.account(), SENDER).submit(rows(ADA, *[BEN] * 8), NOW)
    assert ["accepted", *["throttled"] * 8] == statuses(answers)
    assert {None, NOW} == set(answers["until"].to_pylist())
