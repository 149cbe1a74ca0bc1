"""The timetable that Airflow asks: each occurrence once, in order, and after downtime only the latest missed one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from oracle.schedule import occurrences_until
from oracle.strategies import schedules

from outcamp.dag.timetable import CampaignTimetable
