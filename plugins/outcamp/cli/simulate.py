"""simulate: run a campaign file on a virtual clock, and write what would be decided and sent."""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcamp.cli.instants import instant
from outcamp.cli.long_work import work_shown
from outcamp.core.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the campaign file")
    parser.add_argument("--recipients", type=Path, required=True, metavar="R", help="the segment: Parquet or CSV")
    parser.add_argument("--history", type=Path, metavar="H", help="earlier contacts: recipient_id, campaign, contacted_at, active")
    parser.add_argument("--outcomes", type=Path, metavar="O", help="of attempts: recipient_id, attempt, channel, disposition, after")
    parser.add_argument("--suppressions", type=Path, metavar="S", help="whom not to contact: recipient_id or endpoint, channel")
    parser.add_argument("--at", required=True, metavar="T", help="the first instant, with an offset: 2026-12-01T07:00:00-05:00")
    parser.add_argument("--until", metavar="T", help="the last instant; left out: until nothing is due any more")
    parser.add_argument("--wave-interval", default="60", metavar="SECONDS", help="waves run at multiples of this (default: 60)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where verdicts.parquet, attempts.parquet and summary.json go"
    )


def run(args: argparse.Namespace) -> int:
    """Simulate, write the three files, and print the funnel."""
    import pyarrow.parquet as pq

    from outcamp.steps.project import project_home
    from outcamp.steps.simulate import simulate

    at, until = instant(args.at, "--at"), instant(args.until, "--until") if args.until else None
    if until is not None and until < at:
        raise UsageError(f"--until {args.until} is before --at {args.at}", next_step="give a later instant")
    _refuse_out(args.out)
    try:
        text = args.file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{args.file} cannot be read: {error}", next_step="check the path") from error
    recipients = _table(args.recipients)
    with work_shown(f"Simulating {recipients.num_rows:,} rows of recipients"):
        found = simulate(
            text,
            str(args.file),
            recipients,
            _table(args.history) if args.history else None,
            _table(args.outcomes) if args.outcomes else None,
            _table(args.suppressions) if args.suppressions else None,
            at,
            until,
            _interval(args.wave_interval),
            home=project_home(),
        )
    summary = json.dumps(found.summary, indent=2)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        pq.write_table(found.verdicts, args.out / "verdicts.parquet")
        pq.write_table(found.attempts, args.out / "attempts.parquet")
        (args.out / "summary.json").write_text(summary + "\n", encoding="utf-8")
    except OSError as error:
        raise _not_written(args.out, error) from error
    print(summary if args.json else _funnel(found.summary, args.out))
    return 0 if found.summary["balanced"] else 1


def _table(path: Path) -> pa.Table:
    from outcamp.segments import files
    from outcamp.segments.project_files import is_file

    if not is_file(path):
        raise DataError(f"{path}: there is no such file", next_step="check the path")
    return files.read(path)


def _refuse_out(out: Path) -> None:
    """Refuse a folder that cannot be made or written to, before the simulation takes its time; nothing is left there yet."""
    try:
        nearest = next(place for place in (out, *out.parents) if place.exists())
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise _not_written(out, error) from error


def _not_written(out: Path, error: OSError) -> UsageError:
    why = error.strerror or str(error)
    return UsageError(f"--out {out} cannot be written: {why}", next_step="name a folder, which need not be there yet")


def _interval(text: str) -> timedelta:
    try:
        interval = timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        interval = timedelta(0)
    if interval < timedelta(seconds=1):
        raise UsageError(f"--wave-interval {text!r} is not a number of seconds", next_step="write a number from 1 on: 60")
    return interval


def _funnel(summary: dict[str, Any], out: Path) -> str:
    """Return the funnel as lines for a person."""
    rows = [("candidates", summary["candidates"]), ("send", summary["send"])]
    rows += [(f"later: {reason}", count) for reason, count in summary["later"].items()]
    rows += [(f"drop: {reason}", count) for reason, count in summary["drop"].items()]
    rows += [(f"became {disposition}", count) for disposition, count in summary["dispositions"].items()]
    waves = f"{summary['waves']:,} {'wave' if summary['waves'] == 1 else 'waves'}"
    lines = [f"{summary['campaign']}: {waves}, {'balanced' if summary['balanced'] else 'NOT BALANCED'}"]
    lines += [f"  {name:<32}{count:>12,}" for name, count in rows]
    return "\n".join([*lines, f"pandas: pd.read_parquet({str(out / 'verdicts.parquet')!r})"])
