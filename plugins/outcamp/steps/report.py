"""The report of a wave: its funnel, and where its verdicts lie."""

from __future__ import annotations

import json
from typing import Any

from outcamp.steps.engine import Engine
from outcamp.steps.export import export_entries, export_results
from outcamp.store import waves
from outcamp.store.outcomes import Followed
from outcamp.store.whole_files import write_whole


def write_report(engine: Engine, run: str, followed: Followed) -> dict[str, Any]:
    """Bring the lake up to date, write a wave's report beside its datasets, and return it."""
    export_results(engine, run)
    export_entries(engine)
    with engine.ledger.transaction() as tx:
        wave = waves.find_wave(tx, engine.register(tx).campaign_id, run)
        decided = waves.parts(tx, wave.wave_id, "filter") if wave else []
    name = engine.campaign.name
    report: dict[str, Any] = {
        "campaign": name,
        "run": run,
        "candidates": sum(part.rows for part in decided),
        "send": 0,
        "later": {},
        "drop": {},
        "outcomes": followed.disposed,
        "reattempts": followed.made,
        "exits": followed.exited,
        "verdicts": str(engine.lake.root / "verdicts" / f"campaign={name}" / f"run={run}") if decided else None,
    }
    for verdict, reason, rows in sorted(line for part in decided for line in part.funnel):
        if verdict == "send":
            report["send"] += rows
        else:
            report[verdict][reason] = report[verdict].get(reason, 0) + rows
    if decided:
        target = engine.lake.root / "reports" / f"campaign={name}" / f"run={run}.json"
        write_whole(target, f"{json.dumps(report, indent=2)}\n".encode(), durable=False)
    return report
