"""audit: does what stands in the books keep the promise? Checked on live data, by queries that nothing else uses; it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from outcamp.core.limits import Limit
from outcamp.core.manifest import Manifest
from outcamp.steps.audit_waves import wave_faults
from outcamp.store import audits
from outcamp.store.audits import Audited, Hits
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger, Transaction

# A stop and a suppression read their instant and commit a moment later; what has gone in between is no breach.
GRACE: Final = timedelta(minutes=1)
# A wave that was deleted holds its rows until the next wave or pulse gives them back.
PATIENCE: Final = timedelta(hours=1)

# Every check, and what it says when it finds nothing.
CHECKS: Final[Mapping[str, str]] = {
    "seal": "the published manifest is the one that the campaign began with",
    "files": "every file that the ledger names lies in the lake as it was written",
    "accounts": "each wave has decided as many candidates as it considered, and the funnel is theirs",
    "verdicts": "every candidate has exactly one verdict",
    "fates": "every send verdict has become an attempt",
    "twice": "no attempt was submitted twice",
    "no_entry": "every attempt belongs to an entry",
    "numbering": "attempts are numbered without a gap, and only the last one is alive",
    "waits_for_nothing": "every open entry waits for something",
    "after_exit": "nothing waits for an entry that is over",
    "dead_hands": "no wave that is over holds anybody",
    "several_open": "nobody is in a campaign twice",
    "unknown_batch": "whatever was submitted belongs to a batch",
    "moved": "what retention has moved is there, in one table only, and was over",
    "over_limits": "nobody was contacted more often than a limit allows",
    "windows": "nothing went while the channel was closed",
    "out_of_time": "nothing went after the expiry or the stop",
    "suppressed": "nobody was sent to after being suppressed",
}
_OF_LEDGER: Final = {
    "no_entry": "audit-no-entry",
    "numbering": "audit-numbering",
    "waits_for_nothing": "audit-waits-for-nothing",
    "after_exit": "audit-after-exit",
    "several_open": "audit-several-open",
    "unknown_batch": "audit-unknown-batch",
    "moved": "audit-moved",
}


@dataclass(frozen=True)
class Breach:
    """One check that a campaign does not pass. ``rows``: the first of those that break it, in words; ``count``: how many there are."""

    check: str
    campaign: str
    count: int
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """What an audit looked at, and what it found."""

    campaigns: int
    waves: int
    breaches: tuple[Breach, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return asdict(self)


def audit(
    ledger: Ledger,
    lake: Lake,
    manifests: Mapping[str, Manifest | str],
    now: datetime,
    total_limits: tuple[Limit, ...] = (),
    name: str | None = None,
) -> Audit:
    """Check all campaigns, or one, and return what breaks the promise.

    Args:
        ledger: The books; each campaign is read as it stood at one instant.
        lake: The files that the books name; they are read part by part.
        manifests: The published campaigns; a manifest that cannot be used is the text of its error.
        now: The instant of the audit.
        total_limits: The deployment's own limits, as they are today.
        name: One campaign; None: all of them.
    """
    with ledger.transaction() as tx:
        known = [one for one in audits.campaigns(tx) if name in {None, one.name}]
    breaches: list[Breach] = []
    waves = 0
    for one in known:
        found: dict[str, Hits] = {}
        manifest = manifests.get(one.name)
        usable = manifest if isinstance(manifest, Manifest) else None
        with ledger.transaction() as tx:
            audits.begin(tx)
            of_campaign = audits.waves(tx, one.campaign_id)
            of_waves = (faults for wave in of_campaign for faults in wave_faults(tx, lake, one, wave, usable, GRACE))
            for check, hits in chain(_seal_faults(one, manifest), of_waves, _ledger_faults(tx, one, usable, total_limits, now)):
                found[check] = found[check] + hits if check in found else hits
        waves += len(of_campaign)
        breaches += [
            Breach(check, one.name, found[check].count, found[check].rows) for check in CHECKS if check in found and found[check].count
        ]
    return Audit(len(known), waves, tuple(breaches))


def _ledger_faults(
    tx: Transaction, one: Audited, manifest: Manifest | None, total_limits: tuple[Limit, ...], now: datetime
) -> Iterator[tuple[str, Hits]]:
    """Yield what the ledger alone shows."""
    for check, query in _OF_LEDGER.items():
        yield check, audits.check(tx, query, campaign_id=one.campaign_id)
    yield "dead_hands", audits.check(tx, "audit-dead-hands", campaign_id=one.campaign_id, before=now - PATIENCE)
    yield "out_of_time", audits.check(tx, "audit-out-of-time", campaign_id=one.campaign_id, grace=GRACE)
    yield "suppressed", audits.check(tx, "audit-suppressed-recipients", campaign_id=one.campaign_id, grace=GRACE)
    if manifest is not None:
        campaign = manifest.campaign
        limits = [(limit.count, limit.within, False) for limit in campaign.communication_limits]
        if not campaign.ignore_total_limits:
            limits += [(limit.count, limit.within, True) for limit in total_limits]
        all_campaigns = campaign.counts == "all_campaigns"
        yield "over_limits", audits.over_limits(tx, one.campaign_id, limits, all_campaigns=all_campaigns)


def _seal_faults(one: Audited, manifest: Manifest | str | None) -> Iterator[tuple[str, Hits]]:
    if isinstance(manifest, Manifest):
        if manifest.seal != one.seal:
            yield "seal", Hits.of([f"the ledger has seal {one.seal[:12]}, the manifest has {manifest.seal[:12]}"])
    elif manifest is not None:
        yield "seal", Hits.of([manifest])
    elif one.deleted_at is None:
        yield "seal", Hits.of(["there is no manifest, so neither its limits nor its windows were checked"])
