"""``outcamp status``: the state of campaigns, their next wave and how far they have come."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.cli.ledger import open_ledger
from outcamp.cli.pause_switch import VARIABLE, paused_campaigns
from outcamp.core.errors import ManifestError
from outcamp.core.wave_interval import VARIABLE as INTERVAL
from outcamp.core.wave_interval import read_seconds, wave_interval
from outcamp.steps.project import Project, project_home
from outcamp.steps.published import names, no_such_campaign, read_published

if TYPE_CHECKING:
    from outcamp.core.manifest import Manifest
    from outcamp.steps.status import CampaignStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="one campaign; left out, all of them")
    parser.add_argument("--wave-interval", metavar="SECONDS", help=f"waves run at multiples of this (default: {INTERVAL}, or 300)")


def run(args: argparse.Namespace) -> int:
    """Print the states; 1 if the books of a campaign do not add up."""
    from outcamp.steps.status import campaign_status
    from outcamp.store import status

    home = project_home()
    interval = read_seconds(args.wave_interval, "--wave-interval", wave_interval(os.environ))
    with open_ledger(home) as ledger:
        now = ledger.now()
        with ledger.transaction() as tx:
            ran = status.facts(tx, now)
        published = names(home)
        known = sorted({*published, *Project(home).draft_names, *(name for name in ran if "/" not in name)})
        if args.name and args.name not in known:
            raise no_such_campaign(args.name, known)
        paused = paused_campaigns(home)
        found = [
            campaign_status(ledger, name, _manifest(home, name, published), now, interval, paused or ())
            for name in ([args.name] if args.name else known)
        ]
    if args.json:
        print(json.dumps([one.as_dict() for one in found], indent=2, default=str))
    else:
        print("\n".join(_line(one) for one in found) or "There is no campaign yet: write dags/campaigns/NAME.yaml.")
        for one in found if args.name else []:
            print(_funnel(one))
        if paused is None and any(one.state == "Active" for one in found):
            print(f"Whether Airflow has paused a campaign is not known here: {VARIABLE} is not set.")
    return 0 if all(one.balanced for one in found) else 1


def _manifest(home: Path, name: str, published: list[str]) -> Manifest | None:
    try:
        return read_published(home, name) if name in published else None
    except ManifestError:
        return None


def _line(one: CampaignStatus) -> str:
    text = f"{one.name:<32} {one.state:<10}"
    if one.next_at:
        text += f" next at {one.next_at:%Y-%m-%d %H:%M:%S} UTC"
    if one.counts:
        text += f"  {one.counts.submitted:,} sent, {one.counts.open_entries:,} people in it"
    return text + (f"  ({one.reason})" if one.reason else "")


def _funnel(one: CampaignStatus) -> str:
    if one.counts is None:
        return "  No wave has run yet."
    rows = [("waves", one.counts.waves), ("candidates", one.counts.candidates)]
    rows += [(f"  {verdict}{f': {reason}' if reason else ''}", count) for verdict, reason, count in one.counts.funnel]
    rows += [("submitted", one.counts.submitted)]
    rows += [(f"  {channel}: {code or 'no outcome yet'}", count) for channel, code, count in one.counts.dispositions]
    rows += [("waiting", one.counts.waiting), ("in a wave's hands", one.counts.in_hand), ("without an outcome yet", one.counts.awaiting)]
    return "\n".join(
        [*(f"  {name:<34}{count:>10,}" for name, count in rows), f"  {'It adds up.' if one.balanced else 'IT DOES NOT ADD UP.'}"]
    )
