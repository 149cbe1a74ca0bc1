"""What proves that outcomes come from whom they should: a shared secret, or Twilio's token."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from outcamp.transports.webhook import SIGNATURE, TIMESTAMP, signature

LEEWAY: Final = timedelta(minutes=5)


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Tell whether a body was signed with the shared secret, and not long ago."""
    stamp, given = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    is_time = stamp.isascii() and stamp.isdigit() and len(stamp) <= 12
    if not is_time or abs(int(stamp) - now.timestamp()) > LEEWAY.total_seconds():
        return False
    return hmac.compare_digest(signature(secret, stamp, body).encode(), given.encode())


def is_twilios(token: str, urls: Iterable[str], form: list[tuple[str, str]], given: str) -> bool:
    """Tell whether Twilio signed a form that was posted to one of these addresses, which are names of the same one."""
    said = "".join(name + value for name, value in sorted(set(form)))
    wanted = [base64.b64encode(hmac.new(token.encode(), (url + said).encode(), hashlib.sha1).digest()) for url in urls]
    return any([hmac.compare_digest(one, given.encode()) for one in wanted])  # noqa: C419 - each is compared, whichever fits
