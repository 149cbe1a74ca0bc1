"""campaign_page: one campaign, and one of its waves, with everything that a page shows of them; counts, never recipients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from outcamp.core.manifest import Manifest
from outcamp.core.places import Place
from outcamp.core.schedule import expires_at, latest_occurrence, next_occurrence
from outcamp.steps.status import state_of
from outcamp.store import campaigns, pages, progress, reviews, status, waves
from outcamp.store.ledger import Ledger
from outcamp.store.pages import WaveFacts, WaveLine
from outcamp.store.progress import Progress

OCCURRENCES = 400  # so many of the newest ones are summed and drawn
WAVES = 25
UPCOMING = 3
# For each dataset: what a reader finds in it. Those that are laid out by campaign= alone have no run.
DATASETS = {
    "snapshots": "the segment, as each occurrence found it",
    "verdicts": "one verdict for each candidate of each wave, with its reason",
    "results": "what became of each send",
    "dispositions": "what became of each attempt",
    "entries": "one row for each entry, as it stands now",
}

Lines = list[tuple[str, str, int]]


@dataclass(frozen=True)
class Dataset:
    """A dataset of the lake, where it lies, and the line of pandas that reads this campaign's or this wave's share of it."""

    name: str
    meaning: str
    path: str
    pandas: str


@dataclass(frozen=True)
class CampaignPage:
    """A campaign as its page shows it.

    ``funnel``: every verdict of every wave; ``hours``: submissions by (hour, channel); ``asking``: runs that wait for a person.
    """

    manifest: Manifest
    state: str
    reason: str | None
    sent: int
    delivered: int
    as_of: datetime | None
    occurrences: list[Progress]
    funnel: Lines
    exits: list[tuple[str, int]]
    outcomes: list[tuple[int, str, str, int]]
    hours: dict[tuple[int, str], int]
    waves: list[WaveLine]
    asking: list[str]
    zones: Counter[str]
    upcoming: list[datetime]
    datasets: list[Dataset]

    @property
    def current(self) -> Progress | None:
        """The newest occurrence, if there is one."""
        return self.occurrences[0] if self.occurrences else None

    @property
    def limits_hit(self) -> int:
        """How often a limit kept somebody from being contacted."""
        return sum(rows for _, reason, rows in self.funnel if reason == "over_limit")


@dataclass(frozen=True)
class WavePage:
    """A wave as its page shows it; ``facts`` is None when the run has opened no wave."""

    run: str
    facts: WaveFacts | None
    funnel: Lines
    datasets: list[Dataset]

    @property
    def candidates(self) -> int:
        """How many the wave considered."""
        return sum(rows for _, _, rows in self.funnel)

    @property
    def sends(self) -> int:
        """How many of them were to be sent to."""
        return sum(rows for verdict, _, rows in self.funnel if verdict == "send")


def campaign_page(ledger: Ledger, lake: Place, manifest: Manifest, now: datetime, *, paused: bool) -> CampaignPage:
    """Return everything that a campaign's page shows.

    Args:
        ledger: The books.
        lake: The folder of the lake.
        manifest: The campaign.
        now: The instant of the question.
        paused: Whether its DAG is paused.
    """
    campaign = manifest.campaign
    with ledger.transaction() as tx:
        facts = status.facts_of(tx, campaign.name, now)
        found = progress.of_campaign(tx, facts.campaign_id, OCCURRENCES) if facts else []
        funnel = pages.campaign_funnel(tx, facts.campaign_id) if facts else []
        newest = pages.newest_waves(tx, facts.campaign_id, WAVES) if facts else []
        glance = progress.glance(tx, facts.campaign_id) if facts else None
        asking = reviews.pending(tx, facts.campaign_id) if facts else []
    exits, outcomes, hours = Counter[str](), Counter[tuple[int, str, str]](), Counter[tuple[int, str]]()
    for one in found:
        exits.update(dict(one.exits or []))
        outcomes.update({(attempt, channel, outcome): count for attempt, channel, outcome, count in one.outcomes or []})
        hours.update({(hour, channel): count for hour, channel, count in one.hours or []})
    by_push = campaign.is_external
    latest = latest_occurrence(campaign.schedule, manifest.published_at, now) if facts is None and not by_push else None
    state = state_of(facts, now, expires_at(campaign.schedule), published=True, paused=paused)
    return CampaignPage(
        manifest=manifest,
        state=state,
        reason=facts.error_reason if facts else None,
        sent=glance.sent if glance else 0,
        delivered=glance.delivered if glance else 0,
        as_of=glance.as_of if glance else None,
        occurrences=found,
        funnel=funnel,
        exits=exits.most_common(),
        outcomes=sorted((*key, count) for key, count in outcomes.items()),
        hours=dict(hours),
        waves=newest,
        asking=[unquote(one.run) for one in asking if one.decided],
        zones=pages.zones_sent_to(lake, campaign.name, [wave.run for wave in newest if wave.sends]),
        upcoming=[] if by_push or state in {"Stopped", "Completed", "Deleted"} else list(_upcoming(manifest, latest, now)),
        datasets=_datasets(lake, campaign.name, None),
    )


def wave_page(ledger: Ledger, lake: Place, name: str, run: str) -> WavePage:
    """Return everything that a wave's page shows; ``run`` is the key of the run."""
    with ledger.transaction() as tx:
        campaign_id = campaigns.campaign_id_of(tx, name)
        wave = pages.wave(tx, campaign_id, run) if campaign_id is not None else None
        parts = waves.parts(tx, wave.wave_id, "filter") if wave else []
    sums = Counter[tuple[str, str]]()
    for part in parts:
        for verdict, reason, rows in part.funnel:
            sums[verdict, reason or ""] += rows
    funnel = sorted((verdict, reason, rows) for (verdict, reason), rows in sums.items())
    return WavePage(run, wave, funnel, _datasets(lake, name, run))


def _upcoming(manifest: Manifest, latest: datetime | None, now: datetime) -> Iterable[datetime]:
    """Yield the next starts by the schedule, and before them one that is due and has not run."""
    if latest is not None:
        yield latest
    after = now
    for _ in range(UPCOMING):
        instant = next_occurrence(manifest.campaign.schedule, manifest.published_at, after)
        expiry = expires_at(manifest.campaign.schedule)
        if instant is None or (expiry is not None and instant >= expiry):
            return
        yield instant
        after = instant


def _datasets(lake: Place, campaign: str, run: str | None) -> list[Dataset]:
    found = []
    for name, meaning in DATASETS.items():
        folder = lake / name / f"campaign={campaign}"
        path = folder if run is None else folder / f"run={run}"
        if path.is_dir():
            filters = [("campaign", "=", campaign), *([("run", "=", run)] if run else [])]
            found.append(Dataset(name, meaning, str(path), f'pd.read_parquet("{lake / name}", filters={filters!r})'.replace("'", '"')))
    return found
