"""An e-mail as it goes over the wire: its headers, text and HTML, with nothing in it that a recipient's columns could have smuggled in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any, Final
from urllib.parse import quote

from outcamp.core.errors import Permanent
from outcamp.transports.base import CONTENT, REFERENCE

# Seven bits, whatever the letters: every server takes them.
_POLICY: Final = SMTP.clone(cte_type="7bit")
_BLANK: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")
# No blank, bracket or control character: it stands in a header between angle brackets.
_UNSUBSCRIBE: Final = re.compile(r"(https://|mailto:)[!-;=?-~]{1,900}")
_ONE_CLICK: Final = "List-Unsubscribe=One-Click"
_LONGEST: Final = 200


def wire_form(row: Mapping[str, Any], sender: str, domain: str, now: datetime) -> tuple[str, bytes]:
    """Return the Message-ID and the bytes of a row's message; ValueError when its columns cannot be a message."""
    message = EmailMessage(_POLICY)
    message["From"], message["To"] = sender, row["endpoint"]
    addresses = [address for address in message["To"].addresses if address.username and address.domain]
    if [address.addr_spec for address in addresses] != [row["endpoint"]]:
        raise ValueError("The endpoint is not one address.")
    message["Subject"] = _BLANK.sub(" ", row[CONTENT + "subject"]).strip()
    message["Date"] = format_datetime(now)
    body, html = row.get(CONTENT + "body"), row.get(CONTENT + "html")
    if body is not None:
        message.set_content(body)
        if html is not None:
            message.add_alternative(html, subtype="html")
    else:
        message.set_content(html or "", subtype="html")
    message_id = f"<{_local_part(row[REFERENCE])}@{domain}>"
    # Written out by hand: Python would break or encode a line that is longer than it likes, and these must stay as they are.
    by_hand = [("Message-ID", message_id), *_unsubscribe(row.get(CONTENT + "unsubscribe"))]
    head = "".join(f"{name}: {value}\r\n" for name, value in by_hand)
    is_ascii = row["endpoint"].isascii() and sender.isascii()
    return message_id, head.encode("ascii") + message.as_bytes(policy=_POLICY if is_ascii else _POLICY.clone(utf8=True))


def sender_address(sender: str) -> str:
    """Return the address in the campaign's sender, which may have a name around it."""
    address = parseaddr(sender)[1]
    if "@" not in address or not sender.isprintable():
        raise Permanent(f"channels.email.sender is {sender!r}, which holds no address.", next_step='Write "Name <name@example.com>".')
    return address


def _local_part(reference: str) -> str:
    """Return the attempt's reference in the letters of a Message-ID: whoever sees one twice can tell, and a bounce leads back to it."""
    written = quote(reference, safe="/")
    return written if len(written) <= _LONGEST else hashlib.sha256(reference.encode()).hexdigest()


def _unsubscribe(address: str | None) -> list[tuple[str, str]]:
    """Return the headers of the unsubscribe button; one click (RFC 8058) is for https only."""
    if address is None:
        return []
    if not _UNSUBSCRIBE.fullmatch(address):
        raise ValueError("The unsubscribe address is none.")
    found = [("List-Unsubscribe", f"<{address}>")]
    return [*found, ("List-Unsubscribe-Post", _ONE_CLICK)] if address.startswith("https:") else found
