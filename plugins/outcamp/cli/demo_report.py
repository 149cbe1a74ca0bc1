"""What the demo says: the line while it runs, and the funnel at its end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from outcamp.store.status import wave_rows

if TYPE_CHECKING:
    from outcamp.cli.demo_inbox import Inbox
    from outcamp.cli.deployment import Deployment
    from outcamp.steps.status import CampaignStatus
    from outcamp.store.ledger import Ledger


def line_of(status: CampaignStatus, mails: int) -> str:
    """Return one line of how far the campaign has come."""
    counts = status.counts
    if counts is None or not counts.waves:
        return f"{status.state}: Airflow starts the first wave"
    upcoming = f", next wave {status.next_at:%H:%M:%S} UTC" if status.next_at else ""
    return (
        f"{status.state}: wave {counts.waves}, {counts.submitted:,} sent, {counts.awaiting:,} without an outcome yet, "
        f"{counts.waiting:,} waiting, {mails:,} e-mails in the inbox{upcoming}"
    )


def collect(ledger: Ledger, status: CampaignStatus, inbox: Inbox, deployment: Deployment, seconds: float) -> dict[str, Any]:
    """Return everything that the demo has to say, as plain data."""
    counts = status.counts
    if counts is None:
        return {"campaign": status.name, "state": status.state, "balanced": True}
    with ledger.transaction() as tx:
        waves = wave_rows(tx, status.name)
    lake = deployment.state / "lake"
    return {
        "campaign": status.name,
        "state": status.state,
        "waves": [
            {"run": run, "due_at": due_at, "occurrence": number, "candidates": rows, "send": sends}
            for run, due_at, number, rows, sends in waves
        ],
        "candidates": counts.candidates,
        "send": sum(rows for verdict, _, rows in counts.funnel if verdict == "send"),
        "later": {reason: rows for verdict, reason, rows in counts.funnel if verdict == "later"},
        "drop": {reason: rows for verdict, reason, rows in counts.funnel if verdict == "drop"},
        "submitted": counts.submitted,
        "dispositions": [{"channel": channel, "disposition": code or None, "attempts": n} for channel, code, n in counts.dispositions],
        "emails_received": inbox.count,
        "balanced": status.balanced,
        "verdicts": str(lake / "verdicts" / f"campaign={status.name}"),
        "inbox": str(deployment.home / "inbox.jsonl"),
        "home": str(deployment.home),
        "seconds": round(seconds),
    }


def report_text(report: dict[str, Any]) -> str:
    """Return the funnel as lines for a person."""
    lines = ["", f"{report['campaign']}: {report['state']}, {len(report['waves'])} waves in {timedelta(seconds=report['seconds'])}"]
    for wave in report["waves"]:
        kind = "occurrence" if wave["occurrence"] is not None else "due attempts"
        lines.append(f"  {wave['due_at']:%H:%M:%S}  {kind:<14}{wave['candidates']:>8,} candidates {wave['send']:>8,} to send")
    lines += ["", f"  {'candidates':<34}{report['candidates']:>8,}"]
    lines.append(f"    {'send':<32}{report['send']:>8,}")
    for verdict in ("later", "drop"):
        lines += [f"    {f'{verdict}: {reason}':<32}{rows:>8,}" for reason, rows in report[verdict].items()]
    lines += ["", f"  {'attempts submitted':<34}{report['submitted']:>8,}"]
    for row in report["dispositions"]:
        lines.append(f"    {row['channel'] + ': ' + (row['disposition'] or 'no outcome yet'):<32}{row['attempts']:>8,}")
    lines.append(f"  {'e-mails that the server received':<34}{report['emails_received']:>8,}")
    lines += [
        "",
        "It adds up: each candidate has one verdict, each submission one attempt." if report["balanced"] else "IT DOES NOT ADD UP.",
        f"In pandas:  pd.read_parquet({report['verdicts']!r})",
        f"The e-mails:  {report['inbox']}",
        f"Airflow's UI over this run:  make up OUTCAMP_HOME={report['home']}",
    ]
    return "\n".join(lines)
