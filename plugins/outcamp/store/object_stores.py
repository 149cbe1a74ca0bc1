"""Reaching an object store: Amazon S3 and what speaks like it, and Google Cloud Storage, over the clients within pyarrow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from pyarrow import fs

from outcamp.core.errors import UsageError
from outcamp.core.places import Address
from outcamp.store.object_paths import ObjectPath

_CONNECT_SECONDS = 10
_SILENT_SECONDS = 30  # a store under load may take longer than the three that the client would wait
_RETRY = timedelta(minutes=1)  # then Airflow tries again


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show the secret
class Account:
    """Whose objects these are and where; what is left out the client finds in the environment, as the tools of the provider do.

    Attributes:
        key_id: The id of an access key of S3, with its ``secret``, and the ``token`` of one that is temporary.
        region: Where an S3 bucket lies.
        endpoint_url: Where the store answers, when it is not the provider's own.
        role: The ARN of the role that is taken on, with its ``session`` and ``external_id``; for gs:// the service account.
        anonymous: Nobody: only what is public can be read.
    """

    key_id: str = ""
    secret: str = ""
    token: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    role: str | None = None
    session: str | None = None
    external_id: str | None = None
    anonymous: bool = False


def open_address(address: Address, account: Account) -> ObjectPath:
    """Return the place that an address names; nothing is asked of the store yet."""
    key = f"{address.bucket}/{address.key}".rstrip("/")
    return ObjectPath(address.scheme, key, _client(address.scheme, account))


@lru_cache(maxsize=16)
def _client(scheme: str, account: Account) -> fs.FileSystem:
    """Return the client, which keeps its connections and renews what it has been lent."""
    endpoint = account.endpoint_url
    if scheme == "s3" and not endpoint:  # the one word of Amazon's tools that this client does not look for itself
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    url = urlsplit(endpoint or "")
    if endpoint and not (url.scheme in {"http", "https"} and url.netloc):
        raise UsageError(f"The endpoint {endpoint!r} of {scheme}:// is no address.", next_step="Write http://host:port, or https://.")
    place = {"scheme": url.scheme, "endpoint_override": f"{url.netloc}{url.path.rstrip('/')}"} if endpoint else {}
    if scheme == "gs":
        return fs.GcsFileSystem(anonymous=account.anonymous, target_service_account=account.role, retry_time_limit=_RETRY, **place)
    return fs.S3FileSystem(
        access_key=account.key_id or None,
        secret_key=account.secret or None,
        session_token=account.token,
        anonymous=account.anonymous,
        region=account.region,
        role_arn=account.role,
        session_name=account.session,
        external_id=account.external_id,
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_SILENT_SECONDS,
        allow_delayed_open=True,  # a small object is one request, not three
        **place,
    )
