"""An Airflow connection of the type aws: whose credentials sign, where Amazon is asked, and what is said when it cannot be."""

from __future__ import annotations

import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certificates import self_signed
from drafts import campaign
from outcamp.core.dispositions import Channel
from outcamp.core.errors import Permanent
from outcamp.core.manifest import Manifest, seal_manifest
from outcamp.dag.transports import transport_behind
from outcamp.segments.drivers import Target
from outcamp.transports.base import Transport
from strict_aws import Error, Reply, StrictAws, complaints_about, operations_of
from submissions import NOW, rows, statuses

HEAD = """\
name: spring
segment: {file: people.csv}
channel: email
channels: {email: {sender: news@acme.example, subject: Hi, body: Hello}}
"""
ADA = {"endpoint": "ada@example.com"}
ROLE = "arn:aws:iam::123456789012:role/sender"


def manifest() -> Manifest:
    return seal_manifest(campaign(head=HEAD), datetime(2026, 12, 1, tzinfo=UTC), {}, {})


def amazon(service: str, reply: Reply) -> StrictAws:
    """A service that always says the same."""
    return StrictAws(service, lambda operation, request: reply)


def behind(connection: dict[str, Any], login: str = "AKID") -> Transport:
    """The transport behind a connection with this extra."""
    target = Target("mail", "aws", login=login, password="s3cret" if login else "", options=connection)
    return transport_behind(target, manifest(), Channel.EMAIL)


def refusal(connection: dict[str, Any], login: str = "AKID") -> str:
    """What is said of a connection by which nothing goes."""
    with pytest.raises(Permanent) as raised:
        behind(connection, login).submit(rows(ADA), NOW)
    return str(raised.value).partition("\n")[0]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def at(server: StrictAws, **more: Any) -> dict[str, Any]:
    return {"region_name": "eu-west-1", "endpoint_url": f"http://127.0.0.1:{server.port}"} | more


def test_the_key_of_the_connection_signs() -> None:
    """For its region, and with its token."""
    with amazon("sesv2", {"MessageId": "1"}) as mail:
        assert ["accepted"] == statuses(behind(at(mail, aws_session_token="t0ken")).submit(rows(ADA), NOW))
    assert "Credential=AKID/" in mail.headers[0]["Authorization"]
    assert "/eu-west-1/ses/aws4_request" in mail.headers[0]["Authorization"]
    assert "t0ken" == mail.headers[0]["X-Amz-Security-Token"]


def test_a_connection_without_a_key_is_what_the_machine_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK looks where it always does; where nothing is, that is said."""
    with amazon("sesv2", {"MessageId": "1"}) as mail:
        nothing = "Amazon SES takes nothing through the connection 'mail': NoCredentialsError."
        assert [nothing, nothing] == [refusal(at(mail, **more), login="") for more in ({}, {"role_arn": ROLE})]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "MACHINE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
        assert ["accepted"] == statuses(behind(at(mail), login="").submit(rows(ADA), NOW))
    assert "Credential=MACHINE/" in mail.headers[0]["Authorization"]


def test_a_profile_is_one_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that is not there is said."""
    (tmp_path / "credentials").write_text("[sender]\naws_access_key_id = PROFILE\naws_secret_access_key = s3cret\n", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with amazon("sesv2", {"MessageId": "1"}) as mail:
        assert ["accepted"] == statuses(behind(at(mail, profile_name="sender"), login="").submit(rows(ADA), NOW))
        assert "Amazon SES takes nothing through the connection 'mail': ProfileNotFound." == refusal(
            at(mail, profile_name="none"), login=""
        )
    assert "Credential=PROFILE/" in mail.headers[0]["Authorization"]


def test_a_way_to_a_role_that_is_not_known_is_refused() -> None:
    """Rather than to send as somebody else."""
    assert "The connection 'mail' has the assume_role_method 'assume_role_with_saml', which is not known yet." == refusal(
        {"region_name": "eu-west-1", "assume_role_method": "assume_role_with_saml"}
    )


def role_of(seen: str) -> dict[str, Any]:
    return {"Credentials": {"AccessKeyId": seen, "SecretAccessKey": "x", "SessionToken": "role", "Expiration": "2999-01-01T00:00:00Z"}}


def test_credentials_that_cannot_be_fetched_for_now_leave_nobody_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own source of credentials is away: nothing was on its way yet."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/credentials")
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    with amazon("sesv2", {"MessageId": "1"}) as mail:
        assert ["throttled"] == statuses(behind(at(mail), login="").submit(rows(ADA), NOW))
    assert [] == mail.asked


def test_a_role_is_taken_on_before_anything_is_sent() -> None:
    """By whoever has the key, with the connection's further arguments, and once for all messages."""
    with amazon("sts", role_of("ROLEKEY00000000000")) as roles, amazon("sesv2", {"MessageId": "1"}) as mail:
        extra = at(mail, role_arn=ROLE, assume_role_kwargs={"ExternalId": "outcamp-1"})
        extra["service_config"] = {"sts": {"endpoint_url": f"http://127.0.0.1:{roles.port}"}}
        assert ["accepted", "accepted"] == statuses(behind(extra).submit(rows(ADA, ADA), NOW))
    ((operation, request),) = roles.asked
    assert ("AssumeRole", ROLE, "outcamp", "outcamp-1") == (
        operation,
        *(request[name] for name in ("RoleArn", "RoleSessionName", "ExternalId")),
    )
    assert ["Credential=AKID", "role"] == [
        roles.headers[0]["Authorization"].split()[1].split("/")[0],
        mail.headers[1]["X-Amz-Security-Token"],
    ]


@pytest.mark.parametrize(
    ("reply", "status"), [(Error("InternalFailure", 500), "throttled"), (None, "throttled"), (Error("AccessDenied", 403), None)]
)
def test_a_role_that_cannot_be_taken_on_leaves_nobody_in_doubt(reply: Reply, status: str | None) -> None:
    """Nothing was on its way yet: who is refused must act, anything else passes."""
    with amazon("sts", reply) as roles, amazon("sesv2", {"MessageId": "1"}) as mail:
        extra = at(mail, role_arn=ROLE, service_config={"sts": {"endpoint_url": f"http://127.0.0.1:{roles.port}"}})
        if status is None:
            assert "Amazon SES takes nothing through the connection 'mail': AssumeRole: AccessDenied." == refusal(extra)
        else:
            assert [status] == statuses(behind(extra).submit(rows(ADA), NOW))
    assert [] == mail.asked


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({}, "NoRegionError"),
        ({"region_name": "nowhere at all"}, "InvalidRegionError"),
        ({"region_name": "eu-west-1", "endpoint_url": "nowhere"}, "ValueError"),
        ({"region_name": "eu-west-1", "role_arn": "x"}, "ParamValidationError"),
    ],
)
def test_a_connection_that_makes_no_request_says_so(extra: dict[str, Any], why: str) -> None:
    """Before anything is sent."""
    assert f"Amazon SES takes nothing through the connection 'mail': {why}." == refusal(extra)


def test_a_certificate_that_is_not_trusted_ends_it_before_anything_is_said(tmp_path: Path) -> None:
    """Nobody is in doubt, and a person must act."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(self_signed(tmp_path))
    with StrictAws("sesv2", lambda operation, request: {"MessageId": "1"}, context) as mail:
        extra = {"region_name": "eu-west-1", "endpoint_url": f"https://127.0.0.1:{mail.port}"}
        assert "Amazon SES takes nothing through the connection 'mail': its certificate is not trusted." == refusal(extra)
    assert [] == mail.asked


def test_a_deployment_without_the_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is an extra, loaded when a connection of the type aws is used."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(Permanent) as raised:
        behind({"region_name": "eu-west-1"}).submit(rows(ADA), NOW)
    assert "Amazon's services need the library boto3.\n  Next: pip install outcamp[aws]" == str(raised.value)


@pytest.mark.parametrize(
    ("service", "operation", "request_", "complaint"),
    [
        ("sesv2", "SendEmail", {}, "SendEmail.Content is missing"),
        ("sesv2", "SendEmail", {"Content": {}, "Subject": "x"}, "SendEmail.Subject is unknown"),
        ("sesv2", "SendEmail", {"Content": {"Raw": {"Data": "x"}}}, "SendEmail.Content.Raw.Data is no base64"),
        (
            "pinpoint-sms-voice-v2",
            "SendTextMessage",
            {"DestinationPhoneNumber": "+12025550143", "TimeToLive": 4},
            "SendTextMessage.TimeToLive has the size 4, which is not between 5 and 259200",
        ),
        (
            "pinpoint-sms-voice-v2",
            "SendTextMessage",
            {"DestinationPhoneNumber": "12 34"},
            "SendTextMessage.DestinationPhoneNumber is '12 34', which does not match \\+?[1-9][0-9]{1,18}",
        ),
        (
            "connect",
            "StartOutboundVoiceContact",
            {"InstanceId": "i", "ContactFlowId": "f", "DestinationPhoneNumber": "+12025550143", "TrafficType": "LOUD"},
            "StartOutboundVoiceContact.TrafficType is 'LOUD', which is none of ['GENERAL', 'CAMPAIGN']",
        ),
        (
            "connectcampaignsv2",
            "PutOutboundRequestBatch",
            {"id": "c", "outboundRequests": [{"clientToken": "t", "expirationTime": 1, "channelSubtypeParameters": {}}]},
            "PutOutboundRequestBatch.outboundRequests[0].expirationTime is 1, which is not in the form iso8601",
        ),
    ],
)
def test_the_loopback_is_as_strict_as_the_model(service: str, operation: str, request_: dict[str, Any], complaint: str) -> None:
    """What Amazon's own description does not allow would fail the test that asks for it."""
    assert complaint in list(complaints_about(operations_of(service)[operation].input_shape, request_, operation))
