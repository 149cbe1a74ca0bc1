"""erase: a person leaves snapshots, verdicts, batches, results and ledger, and stays on the do-not-contact list, as hashes.

Each campaign is one transaction: the files are written beside, their hashes named, the rows renamed; then the files take their places.
What was killed before the commit has changed nothing; what was killed after it is finished by the next call, which first gives every file
its place.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from outcamp.core.errors import BrokenPromise, Transient
from outcamp.core.manifest import Manifest
from outcamp.frames.hashing import buckets
from outcamp.frames.written_endpoints import written_endpoints
from outcamp.store import admission, erasure, recipients, suppressions
from outcamp.store.lake import FileRef, Lake
from outcamp.store.ledger import Ledger, Transaction
from outcamp.store.suppressions import LINES

REASON: Final = "erased"
_PASSES: Final = 3  # a wave at work may write somebody down again, until it sees the list


@dataclass(frozen=True)
class Erased:
    """What was changed: in how many campaigns, files and attempts, and how many endpoints are on the list as hashes."""

    campaigns: int
    files: int
    attempts: int
    endpoints: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return asdict(self)


def erase(ledger: Ledger, lake: Lake, recipient_id: str, now: datetime, manifests: Mapping[str, Manifest]) -> Erased:
    """Take a person out of all books and files, and keep them from being contacted again; a second call finds nothing to do.

    Args:
        ledger: The books.
        lake: The files.
        recipient_id: Who is to be forgotten.
        now: The instant of the erasure.
        manifests: The published campaigns, which know in which columns endpoints stand, beside phone and email.
    """
    with ledger.transaction() as tx:  # first of all: from here on every wave drops them
        _put_on_list(tx, "recipient", [recipient_id], now)
        known = erasure.campaigns(tx)
    files, attempts, touched, endpoints = 0, 0, set(), set[str]()
    for _ in range(_PASSES):
        found = 0
        for campaign_id, name in known:
            went = _erase_from(ledger, lake, (campaign_id, name), recipient_id, now, manifests.get(name), endpoints)
            files, attempts, found = files + went[0], attempts + went[1], found + sum(went)
            touched |= {name} if any(went) else set()
        if not found:
            break
    with ledger.transaction() as tx:
        erasure.forget_events(tx, recipient_id)
    return Erased(len(touched), files, attempts, len(endpoints))


def _erase_from(
    ledger: Ledger,
    lake: Lake,
    campaign: tuple[int, str],
    recipient_id: str,
    now: datetime,
    manifest: Manifest | None,
    endpoints: set[str],
) -> tuple[int, int]:
    """Take the person out of one campaign, and return how many files and attempts that changed."""
    campaign_id, name = campaign
    bucket, token = int(buckets(pa.array([recipient_id]))[0]), f"erased-{secrets.token_hex(8)}"
    columns = ("endpoint", "phone", "email", *(manifest.campaign.endpoint_columns if manifest else ()))
    written: list[FileRef] = []
    with ledger.transaction() as tx:
        admission.lock_buckets(tx, campaign_id, [bucket])
        _refuse_held(tx, campaign_id, name, recipient_id)
        for part in recipients.parts_that_hold(tx, campaign_id, bucket):
            _finish_renames(lake, part.files)
            written += erasure.rename_in_part(
                tx, lake, name, part, recipient_id, token, lambda rows: endpoints.update(_endpoints(rows, columns))
            )
        if endpoints:
            _put_on_list(tx, "endpoint", sorted(endpoints), now)
        attempts = erasure.rename(tx, campaign_id, recipient_id, token, now)
    for ref in written:
        lake.publish(ref)
    return len(written) + erasure.leave_out(lake, name, recipient_id), attempts


def _refuse_held(tx: Transaction, campaign_id: int, name: str, recipient_id: str) -> None:
    held = erasure.hands_that_hold(tx, campaign_id, recipient_id)
    if held:
        raise Transient(
            f"The campaign {name!r}: wave {held[0]} has this recipient in hand. They are on the do-not-contact list already.",
            next_step="Erase them again when the wave has ended.",
        )


def _finish_renames(lake: Lake, files: tuple[FileRef, ...]) -> None:
    """Give committed files their places; one that the lake has lost holds nobody."""
    for ref in files:
        with suppress(BrokenPromise):
            lake.publish(ref)


def _endpoints(rows: pa.Table, columns: tuple[str, ...]) -> set[str]:
    """Return the person's endpoints in these rows, as the filter writes them."""
    country = rows["country"].combine_chunks().cast(pa.string()) if "country" in rows.column_names else None
    found: set[str] = set()
    for name in set(columns) & set(rows.column_names):
        found.update(written_endpoints(rows[name].combine_chunks().cast(pa.string()), country).drop_null().to_pylist())
    return found


def _put_on_list(tx: Transaction, kind: str, values: list[str], now: datetime) -> None:
    lines = [{"kind": kind, "value": value, "channel": "", "reason": REASON} for value in values]
    suppressions.add(tx, pa.Table.from_pylist(lines, schema=LINES), now)
