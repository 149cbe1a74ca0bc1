"""A pytest plugin: a test that is skipped or expected to fail counts as failed, unless it is named here with its reason."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

_IN_A_BROWSER = (
    "test_a_run_is_watched_to_its_end",
    "test_campaigns_are_found_in_the_navigation_and_open_in_airflow",
    "test_dark_and_narrow",
    "test_pause_and_unpause",
    "test_a_trigger_asks_first_and_makes_a_run",
    "test_a_recipient_is_found",
    "test_the_keyboard_is_enough",
    "test_stop_is_asked_for_and_final",
)
# "tests/test_x.py::test_name": what it needs that a desk may lack. In CI everything is there, and nothing is skipped.
AT_A_DESK: dict[str, str] = {
    "tests/test_compose.py::test_docker_compose_accepts_the_file": "docker compose; Debian: apt-get install docker-compose",
    **{
        f"tests/test_smtp_postfix.py::{name}": "postfix, and root to start it; Debian: apt-get install postfix"
        for name in (
            "test_each_message_lies_in_its_mailbox_once",
            "test_what_postfix_does_not_take_is_that_row_s_alone",
            "test_a_certificate_that_nobody_knows_is_not_trusted",
        )
    },
    # pytest-xdist adds the group to the name.
    **{
        f"tests/in_browser/test_pages.py::{name}{group}": "chromium; Debian: apt-get install chromium"
        for name in _IN_A_BROWSER
        for group in ("", "@airflow")
    },
}
ALLOWED: dict[str, str] = {} if os.environ.get("CI") else AT_A_DESK


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the report of a skipped test into a failure."""
    report = yield
    return refuse(report)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the report of a file that skipped itself whole into a failure."""
    report = yield
    return refuse(report)


def refuse(report: Report) -> Report:
    """Fail what was skipped without a reason in ALLOWED."""
    if report.skipped and report.nodeid not in ALLOWED:
        # A skip's text is the last of three parts; an expected failure carries its own.
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} did not run: {reason}\n  Next: make it run, or give it a reason in tests/no_skips.py."
        # Left on, it would make pytest count the test as one that was meant to fail.
        vars(report).pop("wasxfail", None)
    return report
