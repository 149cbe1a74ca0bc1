"""The names of places: paths stay paths, addresses are read whole or refused, and a connection says whose a bucket is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from object_stores import Store, names
from outcamp.cli.connections import read_definition, target_of
from outcamp.core.errors import NotSupportedYet, OutcampError, UsageError
from outcamp.core.places import Address, address_of
from outcamp.dag.settings import read_settings
from outcamp.segments.drivers import Target
from outcamp.steps.places import account_of, named_place, opener, place_in
from outcamp.store.object_stores import Account
from outcamp.store.whole_files import write_whole

NEXT = "\n  Next: Write s3://bucket/key, or s3://connection@bucket/key with the id of an Airflow connection; gs:// likewise."
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/outcamp", "assume_role_kwargs": '{"RoleSessionName": "waves", "ExternalId": "x"}'}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("people.csv", None),
        ("/srv/lake", None),
        ("s3:people.csv", None),
        ("s3://lists", Address("s3", "lists")),
        ("s3://lists/", Address("s3", "lists")),
        ("s3://lists/spring/people.csv", Address("s3", "lists", "spring/people.csv")),
        ("s3://minio@lists/a@b.csv", Address("s3", "lists", "a@b.csv", "minio")),
        ("gs://my.google-1@lists/a/", Address("gs", "lists", "a", "my.google-1")),
    ],
)
def test_what_a_text_names(text: str, expected: Address | None) -> None:
    """A path, or a bucket and a key, and before an @ the connection that leads there."""
    assert expected == address_of(text, "FILE")


def test_an_address_is_shown_without_its_connection() -> None:
    """As other tools read it."""
    assert "s3://lists/a.csv" == str(address_of("s3://minio@lists/a.csv", "FILE"))
    assert "gs://lists" == str(address_of("gs://lists/", "FILE"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gcs://lists/a", f"OUTCAMP_STORE begins with gcs://, where no files are read. Did you mean 'gs'?{NEXT}"),
        ("s3a://lists/a", f"OUTCAMP_STORE begins with s3a://, where no files are read. Did you mean 's3'?{NEXT}"),
        ("file:///srv/lake", f"OUTCAMP_STORE begins with file://, where no files are read.{NEXT}"),
        ("s3://AKIA:wJalr@lists/a", f"OUTCAMP_STORE: what stands before the @ is not the id of an Airflow connection.{NEXT}"),
        ("s3://@lists/a", f"OUTCAMP_STORE: what stands before the @ is not the id of an Airflow connection.{NEXT}"),
        ("s3:///a", f"OUTCAMP_STORE is 's3:///a', which names no bucket.{NEXT}"),
        ("s3://minio@/a", f"OUTCAMP_STORE is 's3://minio@/a', which names no bucket.{NEXT}"),
        (
            "s3://lists/a//b",
            "OUTCAMP_STORE is 's3://lists/a//b': a part of its key is empty or a dot.\n  Next: Write the key as the store shows it.",
        ),
        (
            "s3://lists/../b",
            "OUTCAMP_STORE is 's3://lists/../b': a part of its key is empty or a dot.\n  Next: Write the key as the store shows it.",
        ),
    ],
)
def test_an_address_that_is_none_is_refused(text: str, message: str) -> None:
    """By the setting that says it, and without what may be a secret."""
    with pytest.raises(UsageError) as raised:
        place_in({"OUTCAMP_STORE": text}, "OUTCAMP_STORE", Path("lake"))
    assert message == str(raised.value)


def test_a_path_begins_where_it_should(tmp_path: Path) -> None:
    """A segment's in the project, a person's where the command was called, a setting's at the root."""
    assert tmp_path / "lists" / "a.csv" == named_place("lists/a.csv", "segment.file", tmp_path)
    assert Path("a.csv") == named_place("a.csv", "FILE")
    assert tmp_path == place_in({}, "OUTCAMP_STORE", tmp_path / "a" / "..")
    assert tmp_path == place_in({"OUTCAMP_STORE": str(tmp_path)}, "OUTCAMP_STORE", Path("lake"))


def test_a_path_asks_no_connection(tmp_path: Path) -> None:
    """It is the place itself."""
    assert tmp_path is opener({}.__getitem__)(tmp_path)


def test_the_places_of_a_deployment_are_opened_over_the_connections_that_they_name(
    s3: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings name them, and what is written there lies in the bucket; a connection that nobody knows is named."""
    bucket = s3.bucket()
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", s3.connection)
    named = {
        "OUTCAMP_HOME": str(tmp_path),
        "OUTCAMP_STORE": f"s3://minio@{bucket.key}/lake",
        "OUTCAMP_OUTCOMES": f"s3://nobody@{bucket.key}/",
    }
    settings = read_settings(named)
    opens = opener(target_of)
    write_whole(opens(settings.store) / "a", b"x")
    assert ["lake/a"] == names(bucket)
    with pytest.raises(NotSupportedYet, match="The connection 'nobody' is not in the environment"):
        opens(settings.outcomes)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("aws://AKIA:wJalr@/?region_name=eu-west-1", Account(key_id="AKIA", secret="wJalr", region="eu-west-1")),
        ({"conn_type": "aws", "extra": ROLE}, Account(role=ROLE["role_arn"], session="waves", external_id="x")),
        ({"conn_type": "aws", "extra": {"assume_role_kwargs": {"ExternalId": "x"}}}, Account(external_id="x")),
        (
            {"conn_type": "aws", "extra": {"endpoint_url": "http://a", "service_config": {"s3": {"endpoint_url": "http://minio:9000"}}}},
            Account(endpoint_url="http://minio:9000"),
        ),
        (
            {"conn_type": "aws", "extra": {"aws_access_key_id": "AKIA", "aws_secret_access_key": "wJalr", "aws_session_token": "t"}},
            Account(key_id="AKIA", secret="wJalr", token="t"),
        ),
    ],
)
def test_what_a_connection_of_amazons_says(definition: str | dict[str, object], expected: Account) -> None:
    """Login, password and extra, in the words of Airflow's own provider."""
    text = definition if isinstance(definition, str) else json.dumps(definition)
    assert expected == account_of(read_definition(text, "AIRFLOW_CONN_MINIO"), "s3")


def test_what_a_connection_of_googles_says() -> None:
    """Whom it acts as, where the store answers, and whether as nobody."""
    extra = {"impersonation_chain": "outcamp@p.iam", "endpoint_url": "http://emulator"}
    assert Account(role="outcamp@p.iam", endpoint_url="http://emulator") == account_of(
        Target("g", "google_cloud_platform", options=extra), "gs"
    )
    assert Account(anonymous=True) == account_of(Target("g", "google_cloud_platform", options={"is_anonymous": True}), "gs")


@pytest.mark.parametrize(
    ("target", "scheme", "message"),
    [
        (
            Target("books", "postgres"),
            "s3",
            "The connection 'books' is of the type 'postgres'; s3:// is reached over one of the type aws.\n"
            "  Next: Name such a connection before the @, or none: then the environment says whose the bucket is.",
        ),
        (
            Target("a", "aws", login="AKIA", options=ROLE),
            "s3",
            "The connection 'a' takes on its role in a way that files are not reached by.\n"
            "  Next: Leave login and password out: the role is taken on by whom the environment names.",
        ),
        (
            Target("a", "aws", options={"assume_role_method": "assume_role_with_saml"}),
            "s3",
            "The connection 'a' takes on its role in a way that files are not reached by.\n"
            "  Next: Leave login and password out: the role is taken on by whom the environment names.",
        ),
        (
            Target("a", "aws", options={"profile_name": "spring"}),
            "s3",
            "The connection 'a' names a profile, which files are not reached by.\n"
            "  Next: Set AWS_PROFILE in the environment and name no connection, or give login and password.",
        ),
        (
            Target("g", "google_cloud_platform", options={"keyfile_dict": "{}"}),
            "gs",
            "The connection 'g' holds a key, which files are not reached by.\n"
            "  Next: Set GOOGLE_APPLICATION_CREDENTIALS to the path of the key and leave it out here.",
        ),
        (
            Target("a", "aws", options={"service_config": "s3"}),
            "s3",
            'The extra of the connection \'a\' has service_config, which is no object of JSON.\n  Next: Write it as {"name": "value"}.',
        ),
    ],
)
def test_a_connection_that_leads_nowhere_is_refused(target: Target, scheme: str, message: str) -> None:
    """What it says is never half obeyed."""
    with pytest.raises(OutcampError) as raised:
        account_of(target, scheme)
    assert message == str(raised.value)
