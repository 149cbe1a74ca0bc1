"""Building the engine of a published campaign, from its manifest and the deployment's settings. Called inside tasks only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outcamp.core.places import Place
from outcamp.dag.connections import open_connection, open_place, target_of
from outcamp.dag.runs import AirflowRuns
from outcamp.dag.settings import Settings
from outcamp.dag.transports import transports_of
from outcamp.steps.published import dag_id_of, read_published

if TYPE_CHECKING:
    from outcamp.core.manifest import Manifest
    from outcamp.segments.source import PublishedSegment
    from outcamp.steps.engine import Engine
    from outcamp.store.ledger import Ledger

LEDGER_CONNECTION = "outcamp_ledger"


def engine_of(name: str, settings: Settings, ledger: Ledger | None = None) -> Engine:
    """Return the engine of a published campaign."""
    from outcamp.segments.templates import columns_read
    from outcamp.steps.engine import Engine
    from outcamp.steps.planned_runs import PlannedRuns
    from outcamp.store.lake import Lake

    manifest = read_published(settings.home, name)
    ledger = ledger or open_ledger(settings)
    return Engine(
        manifest=manifest,
        ledger=ledger,
        lake=Lake(open_place(settings.store)),
        transports=transports_of(manifest, settings, ledger),
        runs=PlannedRuns(ledger, name, AirflowRuns(dag_id_of(name))),
        wave_interval=settings.wave_interval,
        total_limits=settings.total_limits,
        read_columns=columns_read(manifest.campaign, manifest.templates),
    )


def segment_of(manifest: Manifest, settings: Settings) -> PublishedSegment:
    """Return the segment of a published campaign, read over Airflow's connections."""
    from outcamp.segments.source import PublishedSegment
    from outcamp.steps.places import named_place

    def file(name: str) -> Place:
        return open_place(named_place(name, "segment.file", settings.home))

    return PublishedSegment(manifest, file, lambda conn_id: open_connection(conn_id, settings.home))


def open_ledger(settings: Settings) -> Ledger:
    """Return the ledger: ``OUTCAMP_LEDGER``, or the Airflow connection ``outcamp_ledger``."""
    from outcamp.store.ledger import Ledger

    if settings.ledger:
        return Ledger.at(settings.ledger)
    target = target_of(LEDGER_CONNECTION)
    return Ledger.over(target.postgres_settings())
