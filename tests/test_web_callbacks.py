"""Outcomes over HTTP: only who signs is believed, what was answered with 204 is taken in by the next pulse, and no log names anybody."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from twilio.request_validator import RequestValidator

from outcamp.core.callback_secrets import CallbackSecrets
from outcamp.core.errors import LedgerUnavailable
from outcamp.core.references import CARRIED_AS, tag_of
from outcamp.dag.callbacks import read_callback_secrets
from outcamp.steps.outcome_folder import take_in_folder
from outcamp.steps.send import send
from outcamp.store import suppressions
from outcamp.store.embedded import throw_away_database
from outcamp.store.ledger import Ledger
from outcamp.transports.webhook import SIGNATURE, TIMESTAMP, signature
from outcamp.web import sns
from outcamp.web.bodies import LARGEST
from outcamp.web.site import Site
from small_world import ADA, RUN, World, make_world
from web_world import ROOT, airflow_at, make_tables, serve

pytestmark = pytest.mark.filterwarnings("ignore")

SECRET, TOKEN, TOPIC = "a shared secret", "a token of twilio", "arn:aws:sns:us-east-1:123456789012:outcomes"
SECRETS = CallbackSecrets(SECRET, TOKEN, frozenset({TOPIC}))
SENT = datetime.now(UTC) - timedelta(minutes=5)
REFERENCE = "spring/0/1/ada"
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem"
CONFIRM = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
OUTCOME = {"reference": REFERENCE, "disposition": "delivered", "disposed_at": SENT.isoformat()}


class Amazon:
    """A key pair with its certificate, and the addresses at which Amazon was asked."""

    def __init__(self, until: datetime) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number(), SENT - timedelta(days=9), until)
        self.certificate = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        """Answer as Amazon would."""
        self.asked.append(url)
        return self.certificate

    def message(self, said: object, kind: str = "Notification", version: str = "2", **more: str) -> dict[str, str]:
        """Sign a message, whatever it says."""
        fields = {"Type": kind, "MessageId": "m-1", "TopicArn": TOPIC, "Timestamp": SENT.isoformat()}
        fields["Message"] = said if isinstance(said, str) else json.dumps(said)
        fields |= {} if kind == "Notification" else {"Token": "t", "SubscribeURL": CONFIRM}
        fields |= {"SigningCertURL": CERTIFICATE} | more
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
        digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - Amazon's first version
        signed = self.key.sign(text.encode(), padding.PKCS1v15(), digest)
        return fields | {"SignatureVersion": version, "Signature": base64.b64encode(signed).decode()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """The API server, and the application in it."""
    with airflow_at(tmp_path_factory.mktemp("airflow")):
        make_tables()
        pages = serve()
        yield client_of(pages.server), pages.app


@pytest.fixture
def amazon() -> Amazon:
    """Whoever signs as Amazon."""
    return Amazon(SENT + timedelta(days=1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where outcomes are taken in from; nobody has made it."""
    return tmp_path / "outcomes"


def client_of(app: Any) -> Any:
    from fastapi.testclient import TestClient

    return TestClient(app, base_url="http://testserver")


Post = Callable[..., Any]


@pytest.fixture
def post(server: tuple[Any, Any], folder: Path, amazon: Amazon) -> Post:
    """Posts a body to a route, as a site that knows these secrets."""
    client, app = server

    def ask(
        path: str, body: bytes | str, secrets: CallbackSecrets = SECRETS, ledger: Callable[[], Ledger] | None = None, **headers: str
    ) -> Any:
        app.state.site = Site(ROOT, ROOT, ledger or _nothing, outcomes=folder, secrets=lambda: secrets, fetch=amazon.fetch)
        return client.post(
            f"/outcamp/outcomes{path}", content=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return ask


def _nothing() -> Any:
    raise AssertionError("only who asks for no more messages needs the ledger")


def _unreachable() -> Any:
    raise LedgerUnavailable("the ledger does not answer", next_step="start it")


def signed(body: str, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """Sign as a relay does."""
    stamp = str(int((at or datetime.now(UTC)).timestamp()))
    return {TIMESTAMP: stamp, SIGNATURE: signature(secret, stamp, body.encode())}


def by_twilio(url: str, form: Mapping[str, str], token: str = TOKEN) -> dict[str, str]:
    """Sign as Twilio does, by its own library."""
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}


def encoded(form: Mapping[str, str]) -> str:
    from urllib.parse import urlencode

    return urlencode(form)


def received(folder: Path) -> list[dict[str, Any]]:
    """Return what lies there for the next pulse."""
    paths = sorted((folder / "received").glob("*")) if folder.exists() else []
    assert [] == [path.name for path in paths if path.suffix != ".jsonl"]
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_a_relay_signs_is_kept(post: Post, folder: Path) -> None:
    """JSON lines, a list or one object; rows of ours, and records of providers. The same body again is the same file."""
    record = {"MessageSid": "SM1", "MessageStatus": "sent", "reference": REFERENCE}
    for body in (json.dumps(OUTCOME) + "\n" + json.dumps(record), json.dumps([OUTCOME, record]), json.dumps(OUTCOME, indent=2)):
        assert 204 == post("", body, **signed(body)).status_code
    assert [OUTCOME] == received(folder)


@pytest.mark.parametrize(
    "headers",
    [  # made when the test runs: a signature is believed for five minutes
        pytest.param(dict, id="none"),
        pytest.param(lambda: signed(json.dumps(OUTCOME), "another secret"), id="another's"),
        pytest.param(lambda: signed(json.dumps(OUTCOME) + " "), id="of another body"),
        pytest.param(lambda: signed(json.dumps(OUTCOME), at=datetime.now(UTC) - timedelta(minutes=6)), id="old"),
        pytest.param(lambda: signed(json.dumps(OUTCOME), at=datetime.now(UTC) + timedelta(minutes=6)), id="of tomorrow"),
        pytest.param(lambda: signed(json.dumps(OUTCOME)) | {TIMESTAMP: "soon"}, id="without an instant"),
        pytest.param(lambda: signed(json.dumps(OUTCOME)) | {SIGNATURE: "v1=\u00e4"}, id="no hexadecimal"),
    ],
)
def test_what_nobody_signed_is_refused(post: Post, folder: Path, headers: Callable[[], dict[str, str]]) -> None:
    """No signature, another's, of another body, an old one, one of tomorrow, and one that is none."""
    encodable = {name: text.encode("latin-1") for name, text in headers().items()}
    answer = post("", json.dumps(OUTCOME), **encodable)
    assert (403, []) == (answer.status_code, received(folder))
    assert "ada" not in answer.text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "this is no JSON"),
        ("[1]", "record 1 is no object"),
        ('{"disposition": 7}', "disposition of an outcome is no text"),
        ('{"disposition": "delivered", "attempt": 1.5}', "attempt of an outcome is no whole number"),
        ('{"disposition": "delivered", "recipient_id": "\\ud800"}', "a text of this is none: half of a character"),
    ],
)
def test_what_cannot_be_read_is_refused_whole(post: Post, folder: Path, body: str, message: str) -> None:
    """Its sender learns it, and what stands beside it was not taken in either."""
    body = json.dumps(OUTCOME) + "\n" + body if not body.startswith("[") else body
    answer = post("", body, **signed(body))
    assert (400, True, []) == (answer.status_code, answer.json()["detail"].startswith(message), received(folder))


def test_a_large_body_is_refused(post: Post, folder: Path) -> None:
    """Before anybody asks who signed it."""
    body = "x" * (LARGEST + 1)
    assert [413, 413, 413] == [post(path, body).status_code for path in ("", "/twilio", "/sns")]
    assert [] == received(folder)


def test_a_route_whose_senders_nobody_has_named_is_not_there(post: Post, folder: Path, amazon: Amazon) -> None:
    """An empty secret is no secret: a signature by it opens nothing."""
    body, form = json.dumps(OUTCOME), {"MessageSid": "SM1"}
    nobody = CallbackSecrets()
    assert 404 == post("", body, nobody, **signed(body, "")).status_code
    twilio = by_twilio("http://testserver/outcamp/outcomes/twilio", form, "")
    assert 404 == post("/twilio", encoded(form), nobody, **twilio).status_code
    assert 404 == post("/sns", json.dumps(amazon.message({})), nobody).status_code
    assert ([], []) == (received(folder), amazon.asked)


@pytest.mark.parametrize("origin", ["http://testserver", "https://airflow.example.com"])
def test_twilio_is_believed_by_its_own_signature(post: Post, folder: Path, monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    """Compared with Twilio's own library, at our address and at that of the proxy before us."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/")
    path = "/twilio?reference=spring%2F0%2F1%2Fada"
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003", "To": ADA, "Empty": ""}
    assert 204 == post(path, encoded(form), **by_twilio(f"{origin}/outcamp/outcomes{path}", form)).status_code
    (row,) = received(folder)
    assert (REFERENCE, "unreachable") == (row["reference"], row["disposition"])


@pytest.mark.parametrize(
    ("path", "form", "headers"),
    [
        ("/twilio", {"MessageSid": "SM1"}, {}),
        ("/twilio", {"MessageSid": "SM2"}, by_twilio("http://testserver/outcamp/outcomes/twilio", {"MessageSid": "SM1"})),
        ("/twilio?reference=x", {"MessageSid": "SM1"}, by_twilio("http://testserver/outcamp/outcomes/twilio", {"MessageSid": "SM1"})),
        ("/twilio", {"MessageSid": "SM1"}, by_twilio("http://testserver/outcamp/outcomes/twilio", {"MessageSid": "SM1"}, "another token")),
        ("/twilio", {"MessageSid": "SM1"}, by_twilio("http://other.example/outcamp/outcomes/twilio", {"MessageSid": "SM1"})),
    ],
)
def test_who_is_not_twilio_is_refused(post: Post, folder: Path, path: str, form: dict[str, str], headers: dict[str, str]) -> None:
    """No signature; that of another form, query, token or address."""
    assert (403, []) == (post(path, encoded(form), **headers).status_code, received(folder))


def test_a_text_that_asks_for_no_more_is_kept_while_the_ledger_is_away(post: Post, folder: Path) -> None:
    """Twilio posts what comes in, too; the next pulse suppresses then."""
    form = {"MessageSid": "SM1", "From": ADA, "Body": "STOP"}
    url = "http://testserver/outcamp/outcomes/twilio"
    assert 204 == post("/twilio", encoded(form), ledger=_unreachable, **by_twilio(url, form)).status_code
    assert [("opted_out", ADA)] == [(row["disposition"], row["endpoint"]) for row in received(folder)]


LISTED = (("endpoint", ADA), ("recipient", "ben"), ("recipient", "cleo"))


def test_who_asks_for_no_more_is_suppressed_before_the_answer(post: Post, folder: Path, database_uri: str) -> None:
    """By endpoint, by reply and by name, also of a campaign that nobody knows; whoever asks for nothing is left to the pulse."""
    ledger = Ledger.at(database_uri)
    ledger.migrate()
    form = {"MessageSid": "SM1", "From": ADA, "Body": " Stop. "}
    url = "http://testserver/outcamp/outcomes/twilio"
    assert 204 == post("/twilio", encoded(form), ledger=lambda: ledger, **by_twilio(url, form)).status_code
    told = {"campaign": "gone", "attempt": 1, "channel": "sms", "disposed_at": SENT.isoformat()}
    wish = {**told, "recipient_id": "ben", "reply": "unsubscribe"}
    body = json.dumps([wish, {**told, "recipient_id": "cleo", "reply": "thank you", "disposition": "delivered"}])
    for _ in range(2):
        assert 204 == post("", body, ledger=lambda: ledger, **signed(body)).status_code
        with ledger.transaction() as tx:
            found = [[line.channel for line in suppressions.newest(tx, 9, kind, value)] for kind, value in LISTED]
        assert [["sms"], ["sms"], []] == found
    assert 3 == len(received(folder))
    ledger.close()


def mail(kind: str) -> dict[str, Any]:
    about = {"tags": {CARRIED_AS: [tag_of(REFERENCE)]}, "destination": ["ada@example.com"], "timestamp": SENT.isoformat()}
    return {"eventType": kind, "mail": about, kind.lower(): {"bounceType": "Permanent", "timestamp": SENT.isoformat()}}


@pytest.mark.parametrize("version", ["1", "2"])
def test_amazon_is_believed_by_its_certificate(post: Post, folder: Path, amazon: Amazon, version: str) -> None:
    """Both versions of the signature; the certificate is fetched once."""
    for subject in ({}, {"Subject": "Amazon SES Email Event Notification"}):
        assert 204 == post("/sns", json.dumps(amazon.message(mail("Bounce"), version=version, **subject))).status_code
    assert [(REFERENCE, "bounced")] == [(row["reference"], row["disposition"]) for row in received(folder)]
    assert [CERTIFICATE] == amazon.asked


@pytest.mark.parametrize(
    "change",
    [
        {"Message": json.dumps(mail("Delivery"))},
        {"TopicArn": "arn:aws:sns:us-east-1:999999999999:outcomes"},
        {"Signature": "bm8="},
        {"Signature": "no base64"},
        {"SignatureVersion": "3"},
        {"Type": "Something"},
        {"Extra": 7},
    ],
    ids=["text", "topic", "signature", "no base64", "version", "kind", "more"],
)
def test_who_is_not_amazon_is_refused(post: Post, folder: Path, amazon: Amazon, change: dict[str, Any]) -> None:
    """Another text, topic, signature, version or kind than the one that was signed."""
    assert 403 == post("/sns", json.dumps(amazon.message(mail("Bounce")) | change)).status_code
    assert [] == received(folder)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/x.pem",
        "https://evil.example#.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
        "https://user@sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com:444/x.pem",
        "https://evil.amazonaws.com/x.pem",
        "https://s3.us-east-1.amazonaws.com/evil/x.pem",
        "https://sns.us-east-1.amazonaws.com\\@evil.example/x.pem",
        "",
    ],
)
def test_no_address_but_amazons_is_asked(post: Post, folder: Path, amazon: Amazon, url: str) -> None:
    """Neither for a certificate nor to confirm a subscription."""
    assert 403 == post("/sns", json.dumps(amazon.message(mail("Bounce"), SigningCertURL=url))).status_code
    assert [] == amazon.asked
    confirmation = amazon.message("Confirm?", "SubscriptionConfirmation", SubscribeURL=url)
    assert 403 == post("/sns", json.dumps(confirmation)).status_code
    assert [CERTIFICATE] == amazon.asked
    assert [] == received(folder)


def test_a_certificate_that_has_expired_is_none(server: tuple[Any, Any], folder: Path) -> None:
    """Whatever it has signed."""
    old = Amazon(SENT - timedelta(days=1))
    server[1].state.site = Site(ROOT, ROOT, _nothing, outcomes=folder, secrets=lambda: SECRETS, fetch=old.fetch)
    assert 403 == server[0].post("/outcamp/outcomes/sns", json=old.message(mail("Bounce"))).status_code


def test_amazon_that_cannot_be_asked_posts_it_again(server: tuple[Any, Any], folder: Path, amazon: Amazon) -> None:
    """It is not answered as taken in: no certificate was there, or what was no certificate."""

    def nowhere(_: str) -> bytes:
        return b"no certificate"

    server[1].state.site = Site(ROOT, ROOT, _nothing, outcomes=folder, secrets=lambda: SECRETS, fetch=nowhere)
    assert 502 == server[0].post("/outcamp/outcomes/sns", json=amazon.message(mail("Bounce"))).status_code
    assert [] == received(folder)


def test_a_subscription_of_a_named_topic_is_confirmed(post: Post, folder: Path, amazon: Amazon) -> None:
    """By asking the address that the message names; other topics are not. What carries no record is taken and forgotten."""
    assert 204 == post("/sns", json.dumps(amazon.message("Confirm?", "SubscriptionConfirmation"))).status_code
    assert [CERTIFICATE, CONFIRM] == amazon.asked
    other = amazon.message("Confirm?", "SubscriptionConfirmation", TopicArn="arn:aws:sns:us-east-1:999999999999:theirs")
    assert 403 == post("/sns", json.dumps(other)).status_code
    assert 204 == post("/sns", json.dumps(amazon.message("Successfully validated SNS topic"))).status_code
    assert 204 == post("/sns", json.dumps(amazon.message("Bye", "UnsubscribeConfirmation"))).status_code
    assert ([CERTIFICATE, CONFIRM], []) == (amazon.asked, received(folder))


def test_nobody_is_named_in_a_log(server: tuple[Any, Any], folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The query, which names the recipient, is gone when a server writes its access log; and nothing else is written."""
    client, app = server
    queries = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        await client.app(scope, receive, send)
        queries.append(scope["query_string"])

    app.state.site = Site(ROOT, ROOT, _nothing, outcomes=folder, secrets=lambda: SECRETS)
    form = {"CallSid": "CA1", "CallStatus": "busy", "To": ADA}
    path = "/outcamp/outcomes/twilio?reference=spring%2F0%2F1%2Fada"
    with caplog.at_level(logging.DEBUG):
        answers = [
            client_of(watched).post(path, content=encoded(form), headers=by_twilio(f"http://testserver{path}", form, token))
            for token in (TOKEN, "another token")
        ]
    assert [204, 403] == [answer.status_code for answer in answers]
    assert [b"", b""] == queries
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]  # the test's own client
    assert [] == [record for record in ours if "ada" in record.getMessage() or "2025550143" in record.getMessage()]


def test_what_was_answered_is_taken_in_by_the_next_pulse(post: Post, folder: Path, postgres_uri: str, tmp_path: Path) -> None:
    """From the post to the books, once, however often it is posted."""
    with throw_away_database(postgres_uri, "callbacks") as uri, ExitStack() as stack:
        world: World = make_world(stack, uri, tmp_path / "lake")
        (batch,) = world.batches()
        send(world.engine, RUN, batch.batch, lambda: SENT)
        world.change("UPDATE outcamp.attempts SET state = 'sent', disposition = NULL, disposed_at = NULL")
        world.change("UPDATE outcamp.entries SET exited_at = NULL, exit_reason = NULL")
        rows = [
            {"reference": REFERENCE, "disposition": "opted_out", "disposed_at": datetime.now(UTC).isoformat()},
            {
                "campaign": "spring",
                "recipient_id": "ben",
                "attempt": "1",
                "disposition": "failed",
                "disposed_at": datetime.now(UTC).isoformat(),
            },
        ]
        for row in [*rows, *rows]:
            body = json.dumps(row)
            assert 204 == post("", body, ledger=lambda: world.engine.ledger, **signed(body)).status_code
        for _ in range(2):
            take_in_folder(world.engine.ledger, {"spring": world.engine.manifest}.get, folder, lambda: datetime.now(UTC))
            assert [("ada", "opted_out"), ("ben", "failed")] == world.rows(
                "SELECT recipient_id, disposition FROM outcamp.attempts ORDER BY 1"
            )
            assert [(2,)] == world.rows("SELECT count(*) FROM outcamp.suppressions")
            assert [] == received(folder)


def test_the_secrets_are_in_an_airflow_connection(server: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """``outcamp_callbacks``; without it nobody is known by anything, and no traceback shows them."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # as Airflow's API server says of itself
    assert CallbackSecrets() == read_callback_secrets()
    extra = json.dumps({"twilio_auth_token": TOKEN, "sns_topics": [TOPIC]})
    with create_session() as session:
        row = Connection(conn_id="outcamp_callbacks", conn_type="generic", password=SECRET, extra=extra)  # noqa: AIR311 - the table itself
        session.add(row)
    assert SECRETS == read_callback_secrets()
    assert SECRET not in repr(SECRETS)


def test_the_real_fetch_follows_nobody() -> None:
    """What Amazon names is asked as it is: its answer cannot lead elsewhere."""
    assert sns.fetch is Site(ROOT, ROOT, _nothing).fetch
