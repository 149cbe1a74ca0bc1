"""What a campaign file says about its calls reaches whoever makes them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from drafts import HEAD, campaign
from outcamp.core.calls import call_terms
from outcamp.core.dispositions import Channel
from outcamp.core.manifest import seal_manifest
from outcamp.dag.settings import read_settings
from outcamp.dag.transports import transport_behind, transports_of
from outcamp.segments.drivers import Target
from outcamp.store.ledger import Ledger
from strict_receiver import SECRET, StrictReceiver
from submissions import NOW, rows

ADA = {"endpoint": "+12025550143"}
PREDICTIVE = (
    "flow: renewal, queue: sales, mode: predictive, agent_share: 1.5, ring_time: 20 seconds, abandonment: {target: 3%, over: 1 hour}"
)
TERMS = {
    "flow": "renewal",
    "ring_time": 20,
    "detect_machine": True,
    "queue": "sales",
    "mode": "predictive",
    "agent_share": 1.5,
    "abandonment.target": 0.03,
    "abandonment.within": 2,
    "abandonment.counted_from": "connected",
    "abandonment.over": 3600,
}


def head(settings: str, channel: str = "agent_voice") -> str:
    """A campaign of one voice channel."""
    return f"name: spring\nsegment: {{file: people.csv}}\nchannel: {channel}\nchannels: {{{channel}: {{{settings}}}}}\n"


@pytest.mark.parametrize(
    ("settings", "channel", "terms"),
    [
        (PREDICTIVE, "agent_voice", TERMS),
        ("", "automated_voice", {"ring_time": 30, "detect_machine": True}),
        (
            "mode: preview, preview_time: 90 seconds, may_discard: false, detect_machine: false",
            "agent_voice",
            {"ring_time": 30, "detect_machine": False, "mode": "preview", "preview_time": 90, "may_discard": False},
        ),
    ],
)
def test_the_terms_of_a_call_are_the_settings_of_its_channel(settings: str, channel: str, terms: dict[str, Any]) -> None:
    """By their names, durations in seconds; what is left open and has no default is not among them."""
    assert terms == call_terms(campaign(head=head(settings, channel)).channels[Channel(channel)])


def test_another_channel_has_no_terms() -> None:
    """A text message makes no call."""
    assert {} == call_terms(campaign(head=HEAD).channels[Channel.SMS])


def test_a_webhook_is_told_the_terms() -> None:
    """Once for each chunk."""
    manifest = seal_manifest(campaign(head=head(PREDICTIVE)), datetime(2026, 12, 1, tzinfo=UTC), {}, {})
    with StrictReceiver() as receiver:
        host, port = receiver.url.removeprefix("http://").removesuffix("/outcamp").split(":")
        target = Target(
            "hook", "http", host=f"{host}/outcamp", port=int(port), schema="http", password=SECRET, options={"outcamp": "webhook"}
        )
        transport_behind(target, manifest, Channel.AGENT_VOICE).submit(rows(ADA, channel="agent_voice"), NOW)
    ((_, chunk),) = receiver.requests
    assert TERMS == chunk["call"]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_the_files_of_the_outbox_have_the_terms(form: str, tmp_path: Path) -> None:
    """A column for each, the same in every row."""
    settings = head(f"{PREDICTIVE}, transport: outbox, format: {form}")
    manifest = seal_manifest(campaign(head=settings), datetime(2026, 12, 1, tzinfo=UTC), {}, {})
    deployment = read_settings({"OUTCAMP_HOME": str(tmp_path)})
    transport = transports_of(manifest, deployment, Ledger.at("postgresql://localhost/none"))[Channel.AGENT_VOICE]
    transport.submit(rows(ADA, ADA, channel="agent_voice"), NOW)
    (file,) = tmp_path.rglob(f"*.{form}")
    if form == "parquet":
        found, terms = pq.read_table(file, partitioning=None).to_pylist(), dict(TERMS)
    else:
        found = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        terms = {name: str(term).lower() for name, term in TERMS.items()}
    said = [{name.removeprefix("call."): term for name, term in row.items() if name.startswith("call.")} for row in found]
    assert [terms, terms] == said
