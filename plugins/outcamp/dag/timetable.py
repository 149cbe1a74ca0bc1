"""When Airflow starts a campaign: the schedule of its manifest, and nothing else.

Waves other than occurrences need no timetable: each is made by an earlier one, with the instant at which it starts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from outcamp.core.run_key import run_key
from outcamp.core.schedule import Schedule, latest_occurrence, next_occurrence

if TYPE_CHECKING:
    from pendulum import DateTime


class CampaignTimetable(Timetable):
    """Starts the occurrences of a schedule; of several that were missed, only the latest one."""

    description = "The schedule of a published campaign"

    def __init__(self, schedule: Schedule, published_at: datetime) -> None:
        self.schedule = schedule
        self.published_at = published_at

    @property
    def summary(self) -> str:
        """Return what the UI shows in the schedule column."""
        return str(self.schedule.repeat or "once")

    def next_dagrun_info(self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction) -> DagRunInfo | None:
        """Return the occurrence that Airflow starts next: the latest one that was missed, or the next to come."""
        last = last_automated_data_interval.start if last_automated_data_interval else None
        upcoming = self.upcoming(last, datetime.now(UTC))
        if upcoming is None or (restriction.latest is not None and upcoming > restriction.latest):
            return None
        return DagRunInfo.exact(pendulum.instance(upcoming))

    def upcoming(self, last: datetime | None, now: datetime) -> datetime | None:
        """Return the occurrence that follows the last one that was started; None when none is to come."""
        latest = latest_occurrence(self.schedule, self.published_at, now)
        if latest is not None and (last is None or latest > last):
            return latest
        return next_occurrence(self.schedule, self.published_at, now if last is None else max(last, now))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the instant itself: a hand-made run is an occurrence of its own."""
        return DataInterval.exact(run_after)

    def generate_run_id(self, *, run_type: Any, run_after: DateTime, data_interval: DataInterval | None, **_: Any) -> str:
        """Return the run id of an occurrence: its instant, in a form that is also a folder's name."""
        at = data_interval.start if data_interval is not None and run_type == "scheduled" else run_after
        # An occurrence that somebody starts by hand may fall on a scheduled one.
        return run_key(at) if run_type == "scheduled" else f"{run_key(at)}-{run_type}"

    def serialize(self) -> dict[str, Any]:
        """Return the schedule as plain data."""
        return {"schedule": self.schedule.model_dump(mode="json"), "published_at": self.published_at.isoformat()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CampaignTimetable:
        """Return the timetable that was serialised."""
        return cls(Schedule.model_validate(data["schedule"]), datetime.fromisoformat(data["published_at"]))
