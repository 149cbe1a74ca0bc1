"""What outcamp adds to Airflow itself. Airflow loads this file in every process, so it brings in nothing heavy."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from outcamp.dag.timetable import CampaignTimetable
from outcamp.web.links import WAVE_ROUTE, DatasetsLink, WaveLink, airflow_path


class OutcampPlugin(AirflowPlugin):
    """Registers the timetable, without which the scheduler could not read the DAGs of campaigns, the pages, and the links to them."""

    name = "outcamp"
    timetables = [CampaignTimetable]  # noqa: RUF012 - as Airflow declares it
    global_operator_extra_links = [WaveLink(), DatasetsLink()]  # noqa: RUF012 - as Airflow declares it

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # as a property it is read by the API server alone
        """The pages; only the API server asks for them, so only it imports what they need."""
        from outcamp.dag.callbacks import read_callback_secrets
        from outcamp.dag.connections import open_place
        from outcamp.dag.engines import open_ledger
        from outcamp.dag.settings import read_settings
        from outcamp.web.app import create_app
        from outcamp.web.site import Site

        settings = read_settings()
        site = Site(
            home=settings.home,
            lake=settings.store,
            open_ledger=lambda: open_ledger(settings),
            total_limits=settings.total_limits,
            outcomes=settings.outcomes,
            opens=open_place,
            secrets=read_callback_secrets,
        )
        return [{"app": create_app(site), "url_prefix": "/outcamp", "name": "outcamp"}]

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Where the pages appear: in the navigation, on each DAG, on each run."""
        pages = f"{airflow_path()}/outcamp"
        return [
            {"name": "Campaigns", "href": f"{pages}/", "destination": "nav", "url_route": "outcamp", "nav_top_level": True},
            {"name": "Campaign", "href": f"{pages}/campaigns/{{DAG_ID}}/", "destination": "dag", "url_route": "outcamp-campaign"},
            {"name": "Wave", "href": f"{pages}/campaigns/{{DAG_ID}}/waves/{{RUN_ID}}/", "destination": "dag_run", "url_route": WAVE_ROUTE},
        ]
