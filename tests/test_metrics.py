"""Metrics leave by Airflow's own StatsD logger, as datagrams, under the names that are documented."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk._shared.observability.metrics.statsd_logger import get_statsd_logger
from airflow.sdk.observability import stats

from outcamp.core.reasons import REASONS
from outcamp.dag import metrics
from small_world import NOW, RUN, World, make_world
from statsd import Listener, StatsClient

DOCS = Path(__file__).parents[1] / "docs" / "airflow.md"


@pytest.fixture
def statsd() -> Iterator[Listener]:
    """A StatsD server to which Airflow's logger talks, with tags."""
    with Listener() as listener:
        logger = get_statsd_logger(
            stats_class=StatsClient,
            host="127.0.0.1",
            port=listener.port,
            prefix="airflow",
            influxdb_tags_enabled=True,
            statsd_influxdb_enabled=True,
        )
        stats.initialize(factory=lambda: logger, export_legacy_names=False)
        yield listener
        stats.initialize(factory=NoStatsLogger, export_legacy_names=False)
        logger.statsd.close()


def test_each_metric_leaves_with_its_campaign(statsd: Listener) -> None:
    """Verdicts by their reason, sends, how late a wave is; what is nothing is not sent."""
    metrics.count_verdicts("spring", [("send", "", 3), ("later", "window_closed", 2), ("drop", "over_limit", 1)])
    metrics.count_sent("spring", 3, 0)
    metrics.time_lag("spring", timedelta(milliseconds=250))
    metrics.count_failed("spring")
    metrics.tell_unknown(7)
    assert [
        "airflow.outcamp.considered,campaign=spring:3|c",
        "airflow.outcamp.verdict.send,campaign=spring:3|c",
        "airflow.outcamp.considered,campaign=spring:2|c",
        "airflow.outcamp.verdict.later.window_closed,campaign=spring:2|c",
        "airflow.outcamp.considered,campaign=spring:1|c",
        "airflow.outcamp.verdict.drop.over_limit,campaign=spring:1|c",
        "airflow.outcamp.sent,campaign=spring:3|c",
        "airflow.outcamp.wave_lag,campaign=spring:250.000|ms",
        "airflow.outcamp.wave_failed,campaign=spring:1|c",
        "airflow.outcamp.unknown:7|g",
    ] == statsd.end()


def test_the_documented_names_are_these() -> None:
    """The table of docs/airflow.md names each metric, and no other one; any reason may end a name."""
    rows = DOCS.read_text(encoding="utf-8").split("## Metrics")[1].split("\n## ")[0].splitlines()
    documented = {row.split("`")[1].removesuffix(".REASON") for row in rows if row.startswith("| `")}
    assert {getattr(metrics, name) for name in vars(metrics) if name.isupper()} == documented
    assert [] == [reason for reason in REASONS if not reason.replace("_", "").isalpha()]


def test_a_part_that_is_found_decided_is_not_counted_again(database_uri: str, tmp_path: Path) -> None:
    """Only the call that decides it says that it is new; a Clear finds it."""
    with ExitStack() as stack:
        campaign: World = make_world(stack, database_uri, tmp_path)
        campaign.snapshot()
        assert [True, False] == [campaign.decide(0, RUN, NOW).anew for _ in range(2)]
