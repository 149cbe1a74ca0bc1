"""The endpoint of each candidate: the first valid one of its columns, in the form that is dialled or written to."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from drafts import HEAD, campaign
from outcamp.core.dispositions import Channel
from outcamp.frames.endpoints import Endpoints, endpoint_columns, endpoints, phone_columns

ADA, BEN = "+12025550143", "+12125550143"
MAIL = HEAD.replace("channel: sms", "channel: email").replace("{sms: {body: Hello}}", "{email: {subject: Hello, body: Hello}}")
BOTH = HEAD.replace("{sms: {body: Hello}}", "{sms: {body: Hello}, email: {subject: Hello, body: Hello}}")
AGAIN = "reattempts: [{when: [blocked], channel: email}]\n"
BY_NUMBER = "communication_time: {time_zone: recipient, detect: [area_code], active: [{days: mon, from: '09:00', to: '18:00'}]}\n"


def found(more: str = "", head: str = HEAD, channel: Channel = Channel.SMS, **columns: list[Any]) -> Endpoints:
    """The endpoints of a table with these columns."""
    return endpoints(pa.table(columns), campaign(more, head), channel)


@pytest.mark.parametrize(
    ("more", "head", "sms", "email", "phones"),
    [
        ("", HEAD, ("phone",), ("email",), ("phone",)),
        ("endpoints: [mobile, home]\n", HEAD, ("mobile", "home"), ("email",), ("mobile", "home")),
        (f"endpoints: [mobile, home]\n{AGAIN}", BOTH, ("mobile", "home"), ("email",), ("mobile", "home")),
        # Where every channel is e-mail, the endpoints are e-mail columns; a zone is still asked of the phone.
        ("endpoints: [work, private]\n", MAIL, None, ("work", "private"), ("phone",)),
    ],
)
def test_which_columns_are_read(more: str, head: str, sms: tuple[str, ...] | None, email: tuple[str, ...], phones: tuple[str, ...]) -> None:
    """Phone channels read phone or what ``endpoints`` names; e-mail reads email, unless the campaign knows nothing else."""
    settings = campaign(more, head)
    if sms is not None:
        assert sms == endpoint_columns(settings, Channel.SMS)
    assert email == endpoint_columns(settings, Channel.EMAIL)
    assert phones == phone_columns(settings)


def test_phones_are_dialled_in_one_form() -> None:
    """A number is kept in E.164, read in the recipient's country where it has no +; anything else is missing."""
    numbers = [ADA, "(202) 555-0143", "020 7946 0958", "(202) 555-0143", "none", None]
    countries = [None, "US", "GB", None, "US", "US"]
    assert [ADA, ADA, "+442079460958", None, None, None] == found(phone=numbers, country=countries).address.to_pylist()


def test_the_first_valid_phone_is_used() -> None:
    """Columns are tried in order; the zones are those of the number that is used."""
    here = found("endpoints: [mobile, home]\n", mobile=[ADA, "none", None, None], home=[BEN, "+13035550143", BEN, "none"])
    assert [ADA, "+13035550143", BEN, None] == here.address.to_pylist()
    assert ["America/New_York", "America/Denver", "America/New_York", None] == here.zones.to_pylist()


def test_a_column_that_the_segment_lacks_is_missing_everywhere() -> None:
    """Nobody has an endpoint in it, and the others are tried all the same."""
    assert [None] == found(recipient_id=["a"]).address.to_pylist()
    assert [BEN] == found("endpoints: [mobile, home]\n", home=[BEN]).address.to_pylist()


def test_the_first_valid_address_is_used() -> None:
    """E-mail addresses are tried in order too; the domain is written in one form."""
    here = found(
        "endpoints: [work, private]\n", MAIL, Channel.EMAIL, work=["ada@Example.com", "jane.doe@abc!com"], private=["x@example.com"] * 2
    )
    assert ["ada@example.com", "x@example.com"] == here.address.to_pylist()


def test_an_e_mail_asks_the_phone_for_its_zone_only_where_the_zone_is_wanted() -> None:
    """The area code is that of the recipient's phone, whatever the channel is."""
    people = {"email": ["ada@example.com"], "phone": [ADA]}
    assert ["America/New_York"] == found(BY_NUMBER, MAIL, Channel.EMAIL, **people).zones.to_pylist()
    assert found("", MAIL, Channel.EMAIL, **people).zones is None


def test_nobody_has_no_endpoint() -> None:
    """An empty table is one."""
    assert 0 == len(found(phone=pa.array([], pa.string())).address)
