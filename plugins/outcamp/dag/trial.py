"""``outcamp test``: one message through the real transport. It stands here because transports are behind Airflow's connections."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from outcamp.core.channels import SIMULATOR
from outcamp.core.errors import UsageError

if TYPE_CHECKING:
    from outcamp.steps.trial import Trial


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("name", metavar="NAME", help="the campaign, published or a draft")
    parser.add_argument("--to", metavar="ADDRESS", required=True, help="the phone number or the e-mail address that gets it")
    parser.add_argument("--channel", metavar="CHANNEL", help="a channel that the campaign uses (default: its main one)")
    parser.add_argument("--recipient", metavar="ID", help="whose columns the message is made with (default: the segment's first row)")


def run(args: argparse.Namespace) -> int:
    """Send it, and print what the transport answered; 1 if it was not accepted."""
    from outcamp.dag.engines import segment_of
    from outcamp.dag.settings import read_settings
    from outcamp.dag.transports import transports_of
    from outcamp.steps.preview import first_row, row_of_segment
    from outcamp.steps.publish import frozen
    from outcamp.steps.trial import address_of, channel_named, send_test
    from outcamp.store.ledger import Ledger

    settings, now = read_settings(), datetime.now(UTC)
    manifest = frozen(args.name, settings.home, now)
    channel = channel_named(manifest, args.channel)
    address_of(args.to, channel)  # before anything is opened
    if manifest.campaign.channels[channel].transport == SIMULATOR:
        problem = f"channels.{channel}.transport is the simulator, which reaches nobody: there is nothing to test."
        raise UsageError(problem, next_step=f"outcamp preview {args.name} RECIPIENT shows the message.")
    transport = transports_of(manifest, settings, Ledger(_no_ledger))[channel]
    segment = segment_of(manifest, settings)
    row = row_of_segment(segment, args.name, args.recipient) if args.recipient else first_row(segment, args.name)
    trial = send_test(manifest, channel, transport, args.to, row, now)
    said = json.dumps(trial.as_dict(), indent=2, ensure_ascii=False) if args.json else _in_words(trial)
    print(said)  # noqa: T201 - a verb of the command line, whatever folder it stands in
    return 0 if trial.status == "accepted" else 1


def _in_words(trial: Trial) -> str:
    answer = " ".join(word for word in (trial.status, trial.disposition and f"as {trial.disposition}") if word)
    how = f"by {trial.channel} ({trial.transport}) to {trial.to}, with the columns of {trial.made_for}"
    lines = [f"TEST of {trial.campaign} {how}: {answer}."]
    if trial.message_id:
        lines.append(f"  The provider's name of it: {trial.message_id}")
    return "\n".join([*lines, "  It is in no book: it counts for nobody, and no outcome of it is taken in."])


def _no_ledger() -> Any:
    raise AssertionError("a test message has no ledger")  # pragma: no cover - only the simulator would ask for one
