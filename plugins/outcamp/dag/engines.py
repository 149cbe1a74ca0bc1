"""Building the engine of a published campaign, from its manifest and the deployment's settings. Called inside tasks only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcamp.core.channels import SIMULATOR
from outcamp.core.dispositions import Channel
from outcamp.core.errors import NotSupportedYet, SourceUnavailable
from outcamp.dag.runs import AirflowRuns
from outcamp.dag.settings import Settings
from outcamp.steps.published import dag_id_of, read_published

if TYPE_CHECKING:
    from outcamp.core.manifest import Manifest
    from outcamp.segments.drivers import Target
    from outcamp.segments.source import PublishedSegment
    from outcamp.steps.engine import Engine
    from outcamp.store.ledger import Ledger
    from outcamp.transports.base import Transport

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
        lake=Lake(settings.store),
        transports=_transports(manifest, settings, ledger),
        runs=PlannedRuns(ledger, name, AirflowRuns(dag_id_of(name))),
        wave_interval=settings.wave_interval,
        total_limits=settings.total_limits,
        read_columns=columns_read(manifest.campaign, manifest.templates),
    )


def segment_of(manifest: Manifest, settings: Settings) -> PublishedSegment:
    """Return the segment of a published campaign, read over Airflow's connections."""
    from outcamp.segments.source import PublishedSegment

    return PublishedSegment(manifest, settings.home, lambda conn_id: open_connection(conn_id, settings.home))


def open_ledger(settings: Settings) -> Ledger:
    """Return the ledger: ``OUTCAMP_LEDGER``, or the Airflow connection ``outcamp_ledger``."""
    import psycopg

    from outcamp.store.ledger import Ledger

    if settings.ledger:
        return Ledger.at(settings.ledger)
    target = _target(LEDGER_CONNECTION)
    return Ledger(lambda: psycopg.connect(**target.postgres_settings()))


def open_connection(conn_id: str | None, home: Path) -> Any:
    """Open the database that an Airflow connection names, to read from it; without a name, the embedded Postgres."""
    from outcamp.segments import drivers
    from outcamp.store.embedded import embedded_uri

    if conn_id is None:
        return drivers.open_postgres(drivers.Target("embedded Postgres", "postgres", options={"conninfo": embedded_uri(home)}))
    target = _target(conn_id)
    if target.kind in drivers.POSTGRES:
        return drivers.open_postgres(target)
    if target.kind == drivers.SQLITE:
        return drivers.open_sqlite(target, home)
    return _by_hook(conn_id, target.kind)


def _by_hook(conn_id: str, kind: str) -> Any:
    """Open any other database by the hook of its provider: whatever speaks Python's DB-API will do."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    try:
        hook = BaseHook.get_hook(conn_id)
    except (AirflowException, ImportError) as error:
        problem = f"The connection {conn_id!r} is of the kind {kind!r}, and no installed provider opens it: {error}."
        raise NotSupportedYet(problem, next_step="Install its Airflow provider, or use a postgres or sqlite connection.") from None
    if not hasattr(hook, "get_conn"):
        problem = f"The connection {conn_id!r} is of the kind {kind!r}, which is no database."
        raise NotSupportedYet(problem, next_step="Name a database connection in segment.connection.")
    return hook.get_conn()


def _target(conn_id: str) -> Target:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    from outcamp.segments.drivers import Target

    try:
        found = Connection.get(conn_id)
    except (AirflowNotFoundException, AirflowRuntimeError):
        problem = f"Airflow has no connection {conn_id!r}."
        next_step = f"Add it in Airflow (Admin, Connections), or as AIRFLOW_CONN_{conn_id.upper()}."
        raise SourceUnavailable(problem, next_step=next_step) from None
    return Target(
        name=conn_id,
        kind=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        options=found.extra_dejson,
    )


def _transports(manifest: Manifest, settings: Settings, ledger: Ledger) -> dict[Channel, Transport]:
    """Return the transport of each channel; channels that share the simulator share one, so that outcomes are taken in once."""
    campaign = manifest.campaign
    simulator = _simulator(campaign.name, settings, ledger)
    return {
        channel: simulator if campaign.channels[channel].transport == SIMULATOR else _connected(manifest, channel)
        for channel in campaign.channels_used
    }


def _simulator(campaign: str, settings: Settings, ledger: Ledger) -> Transport:
    from outcamp.store.simulated import SimulatedOutcomes
    from outcamp.transports.simulator import SimulatorTransport

    return SimulatorTransport(settings.seed, campaign, SimulatedOutcomes(ledger, campaign))


def _connected(manifest: Manifest, channel: Channel) -> Transport:
    """Return the transport that an Airflow connection stands for; its type decides which."""
    from outcamp.steps.content import RenderedTransport
    from outcamp.transports.smtp import SmtpServer, SmtpTransport

    channel_settings = manifest.campaign.channels[channel]
    target = _target(channel_settings.transport)
    if (channel, target.kind) != (Channel.EMAIL, "smtp"):
        problem = (
            f"channels.{channel}.transport: the connection {target.name!r} is of the type {target.kind!r}, which has no behaviour yet."
        )
        next_step = "Publish the campaign with transport: simulator, or e-mail with a connection of the type smtp."
        raise NotSupportedYet(problem, next_step=next_step)
    # As Airflow's own SMTP hook reads them: encrypted unless the connection says otherwise.
    implicit = not _yes(target.options.get("disable_ssl"))
    server = SmtpServer(
        host=target.host,
        port=target.port or (465 if implicit else 25),
        login=target.login,
        password=target.password,
        implicit_tls=implicit,
        starttls=not _yes(target.options.get("disable_tls")),
    )
    sender = channel_settings.sender or str(target.options.get("from_email") or "")
    return RenderedTransport(SmtpTransport(server, sender), manifest, channel)


def _yes(value: object) -> bool:
    return str(value).lower() in {"true", "1", "yes"}
