"""Amazon's services, asked once: what each error says about the request that it answers.

| Amazon says | the row is |
|---|---|
| nothing, because it cannot be connected to | throttled for five minutes, with all that follow |
| a code of throttling, HTTP 429 | throttled for five minutes, with all that follow |
| a code in the service's own table | refused, with the disposition of the table |
| 5xx, 408, no answer to what was sent | unknown |
| any other code | nothing was taken: the task fails for good |
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any, Final, NoReturn

from outcamp.core.errors import Permanent
from outcamp.transports.row_by_row import WIDTH, InDoubt, NotTaken, Refused

CONNECT_TIMEOUT, READ_TIMEOUT = 10, 30
THROTTLING: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

Said = Mapping[str, Any]  # the response of botocore's ClientError
Refusal = Callable[[Said], str | None]  # the disposition that an error means for the row; None: it is not about the row


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show the secret
class AwsAccount:
    """Who asks, and where, as an Airflow connection of the type aws says it.

    Attributes:
        name: of the connection.
        key_id: with the secret and the token; without them whatever the machine is allowed to.
        profile: of the machine's own configuration, where there is no key.
        role_arn: a role to take on first; ``role_options`` are the further arguments of AssumeRole.
        endpoint_url: where to ask instead of Amazon's own addresses, but for the role; ``endpoints`` are those of single services.
    """

    name: str
    key_id: str = ""
    secret: str = ""
    token: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    role_options: Mapping[str, Any] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)


class AwsService:
    """One of Amazon's services. It is asked once each time: a repeated request could send twice."""

    def __init__(self, account: AwsAccount, service: str, title: str) -> None:
        """Take the account, and the service's name in the SDK and among people; nothing is loaded before it is asked."""
        self._account, self._service, self._title = account, service, title
        self._opening = Lock()
        self._client: Any = None

    def ask(self, operation: str, refusal: Refusal, **request: Any) -> Said:
        """Return what the service answers; an error becomes a word about the row: see the table above."""
        errors = _sdk("botocore.exceptions")
        client = self._ready()
        try:
            answer: Said = getattr(client, operation)(**request)
        except errors.ClientError as error:
            self._raise_what_is_meant(error.response, refusal)
        except errors.ParamValidationError as error:  # nothing was sent: the settings do not make a request
            self._refuse(type(error).__name__)
        except (errors.EndpointConnectionError, errors.ConnectTimeoutError, errors.ProxyConnectionError) as error:
            raise NotTaken(type(error).__name__) from None
        except Exception as error:  # noqa: BLE001 - whatever else broke, it may have been after the request was out
            if _is_distrust(error):
                self._refuse("its certificate is not trusted")
            raise InDoubt(type(error).__name__) from None
        return answer

    def _ready(self) -> Any:
        """Return the client, with credentials that are valid now: whatever fails here, nothing is on its way yet."""
        errors = _sdk("botocore.exceptions")
        try:
            with self._opening:
                if self._client is None:
                    session = _session(self._account)
                    self._client, self._credentials = _client(session, self._account, self._service), session.get_credentials()
                self._credentials.get_frozen_credentials()
        except errors.ClientError as error:
            if _is_passing(error.response):
                raise NotTaken(code_of(error.response)) from None
            self._refuse(f"AssumeRole: {code_of(error.response)}")
        except (errors.HTTPClientError, errors.CredentialRetrievalError, errors.MetadataRetrievalError) as error:
            raise NotTaken(type(error).__name__) from None
        except (errors.BotoCoreError, ValueError) as error:
            self._refuse(type(error).__name__)
        return self._client

    def _raise_what_is_meant(self, said: Said, refusal: Refusal) -> NoReturn:
        code, status = code_of(said), said["ResponseMetadata"]["HTTPStatusCode"]
        if code in THROTTLING or status == 429:
            raise NotTaken(code)
        disposition = refusal(said)
        if disposition is not None:
            raise Refused(disposition)
        if _is_passing(said):
            raise InDoubt(f"HTTP {status}")
        self._refuse(f"{code} {reason_of(said)}".strip())

    def _refuse(self, why: str) -> NoReturn:
        problem = f"{self._title} takes nothing through the connection {self._account.name!r}: {why}."
        raise Permanent(problem, next_step="Correct the Airflow connection, its rights at Amazon, or the channel's settings.") from None


def _session(account: AwsAccount) -> Any:
    """Return a session of the SDK that has the account's credentials, or those of the role, which renew themselves."""
    session = _new_session(account)
    if account.key_id:
        session.set_credentials(account.key_id, account.secret, account.token)
    if session.get_credentials() is None:
        raise _sdk("botocore.exceptions").NoCredentialsError
    if not account.role_arn:
        return session
    credentials = _sdk("botocore.credentials")
    fetcher = credentials.AssumeRoleCredentialFetcher(
        client_creator=lambda service, **more: session.create_client(service, endpoint_url=account.endpoints.get(service), **more),
        source_credentials=session.get_credentials(),
        role_arn=account.role_arn,
        extra_args={"RoleSessionName": "outcamp", **account.role_options},
    )
    of_role = _new_session(account)
    # The way of the SDK's own documentation: it has no public one to renew a role that is not in its configuration file.
    of_role._credentials = credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001
    return of_role


def _client(session: Any, account: AwsAccount, service: str) -> Any:
    config = _sdk("botocore.config").Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=WIDTH,
    )
    url = account.endpoints.get(service, account.endpoint_url)
    return _sdk("boto3").Session(botocore_session=session).client(service, endpoint_url=url, config=config)


def _new_session(account: AwsAccount) -> Any:
    # At its level DEBUG the SDK would write whole requests down, and with them addresses, numbers and texts.
    logging.getLogger("botocore").setLevel(logging.INFO)
    session = _sdk("botocore.session").Session(profile=account.profile)
    session.register_component("data_loader", _descriptions())
    if account.region:
        session.set_config_variable("region", account.region)
    return session


@cache
def _descriptions() -> Any:
    """Return the SDK's descriptions of all services: they are large, and so read once a process."""
    return _sdk("botocore.session").get_session().get_component("data_loader")


def _sdk(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise Permanent("Amazon's services need the library boto3.", next_step="pip install outcamp[aws]") from None


def code_of(said: Said) -> str:
    """Return the code of an error; its words may hold an address or a number, which belongs into no log."""
    code = str(said.get("Error", {}).get("Code", "")).rpartition("#")[2]
    return code if code.isalnum() else f"HTTP {said['ResponseMetadata']['HTTPStatusCode']}"


def reason_of(said: Said) -> str:
    """Return the reason that some services give beside the code; empty where there is none."""
    reason = str(said.get("Reason", ""))
    return reason if re.fullmatch(r"[A-Z_]+", reason) else ""


def _is_passing(said: Said) -> bool:
    status = int(said["ResponseMetadata"]["HTTPStatusCode"])
    return status >= 500 or status == 408


def _is_distrust(error: BaseException | None) -> bool:
    """Whether the other side's certificate ended the contact, before anything was said."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
