"""What outcamp adds to Airflow itself. Airflow loads this file in every process, so it brings in nothing heavy."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from outcamp.dag.timetable import CampaignTimetable


class OutcampPlugin(AirflowPlugin):
    """Registers the timetable, without which the scheduler could not read the DAGs of campaigns."""

    name = "outcamp"
    timetables = [CampaignTimetable]  # noqa: RUF012 - as Airflow declares it
