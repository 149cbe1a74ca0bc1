"""Amazon SNS: messages that it posts are signed by a certificate of Amazon's own, which lies at an address that the message names."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# The whole address: neither a port nor a user, which could make another host of it.
_OF_AMAZON: Final = re.compile(r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[^\s#@\\]*")
_HASHES: Final = {"1": hashes.SHA1, "2": hashes.SHA256}
_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
Fetch = Callable[[str], bytes]


def message_of(body: bytes) -> dict[str, str] | None:
    """Return the message that a body is, if it is one: an object of texts of a kind that SNS has."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not all(isinstance(value, str) for value in message.values()):
        return None
    return message if message.get("Type") in _SIGNED else None


def is_amazons(message: Mapping[str, str], fetch: Fetch, now: datetime) -> bool:
    """Tell whether Amazon signed a message."""
    url, version = message.get("SigningCertURL", ""), message.get("SignatureVersion", "")
    if not _OF_AMAZON.fullmatch(url) or version not in _HASHES:
        return False
    certificate = _certificate(fetch, url)
    key = certificate.public_key()
    if not (certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc) or not isinstance(key, rsa.RSAPublicKey):
        return False
    said = "".join(f"{name}\n{message[name]}\n" for name in _SIGNED[message["Type"]] if name in message)
    try:
        given = base64.b64decode(message.get("Signature", ""), validate=True)
        key.verify(given, said.encode(), padding.PKCS1v15(), _HASHES[version]())
    except (ValueError, InvalidSignature):
        return False
    return True


def confirm(message: Mapping[str, str], fetch: Fetch) -> bool:
    """Confirm the subscription that a message asks about, and tell whether its address was one of Amazon's."""
    url = message.get("SubscribeURL", "")
    if not _OF_AMAZON.fullmatch(url):
        return False
    fetch(url)
    return True


def record_in(message: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return what a notification carries, if that is a record."""
    try:
        record = json.loads(message.get("Message", ""))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, Mapping) else None


def fetch(url: str) -> bytes:
    """Return what lies at an address; it is not followed to another one."""
    return httpx.get(url, timeout=10, follow_redirects=False).raise_for_status().content


@lru_cache(maxsize=16)
def _certificate(fetch: Fetch, url: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(fetch(url))
