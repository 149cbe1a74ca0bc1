"""Links from a task of a wave to the wave's page. Airflow loads this file in every process, so it brings in nothing heavy."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf  # noqa: TID253 - as plugin.py, which names these links to Airflow
from airflow.sdk import BaseOperatorLink  # noqa: TID253

from outcamp.steps.published import campaign_of_dag

WAVE_ROUTE = "outcamp-wave"


def airflow_path() -> str:
    """Return the path that Airflow is served under; empty for the root."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


def wave_address(dag_id: str, run_id: str) -> str:
    """Return where a run's wave is shown inside of Airflow's pages."""
    return f"{airflow_path()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}/plugin/{WAVE_ROUTE}"


class WaveLink(BaseOperatorLink):
    """Leads from a task instance of a campaign to its wave; tasks of other DAGs have no such link."""

    name = "Wave"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of the wave's page."""
        del operator
        return "" if campaign_of_dag(ti_key.dag_id) is None else wave_address(ti_key.dag_id, ti_key.run_id)


class DatasetsLink(WaveLink):
    """Leads to where the wave's page names its Parquet files, and the line that reads them."""

    name = "Parquet"
    anchor = "#datasets"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of the wave's datasets."""
        address = super().get_link(operator, ti_key=ti_key)
        return f"{address}{self.anchor}" if address else ""
