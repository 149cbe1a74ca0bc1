"""A running Airflow, four campaigns in it, and a browser that logs in as people do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from outcamp.cli.deployment import Deployment
from outcamp.cli.deployment_settings import CHECKOUT

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE = 120_000  # milliseconds; a deadline for something that never comes, not a measure of speed
WORDS = {"admin": "word-of-admin", "vera": "word-of-vera"}
# Ended well, mostly, within seconds; whoever was not reached is tried again in two hours, so that the campaign stays open.
CAMPAIGN = """\
name: {name}
description: Renewal reminders for policies that end within 30 days
owner: growth-data
segment: {{file: {name}.csv}}
channel: sms
channels:
  sms: {{transport: simulator, body: "Hello {{{{ first_name }}}}, your policy ends soon.", batch_size: 400, outcome_deadline: 10 seconds}}
  automated_voice: {{transport: simulator, sender: "+18005550101", flow: renewal}}
communication_limits: [{{count: 3, within: 2 weeks}}]
{more}"""
REATTEMPTS = "reattempts: [{when: [unreachable, blocked, no_outcome], channel: automated_voice, wait: 2 hours}]\n"
# All day but for an hour in the middle, in each recipient's own zone: whenever the tests run, most may be contacted.
TIMES = """\
communication_time:
  time_zone: recipient
  active: [{days: mon-sun, from: "00:00", to: "12:00"}, {days: mon-sun, from: "13:00", to: "24:00"}]
"""
REPEAT = "schedule: {start: now, repeat: daily}\n"
REVIEW = "review: true\n"
AREAS = ("212", "415", "312", "305", "206", "303", "713", "617")


@dataclass
class Browser:
    """A browser that is logged in, and what it heard from the pages."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)
    shots: Path = Path()

    def frame(self, title: str) -> Any:
        """The frame in which Airflow shows one of our pages."""
        return self.page.frame_locator(f'iframe[title="{title}"]')

    def open(self, name: str) -> Any:
        """Open a campaign's tab, and return its frame."""
        self.page.goto(f"{self.url}/dags/outcamp.{name}/plugin/outcamp-campaign")
        frame = self.frame("Campaign")
        frame.get_by_role("heading", name=name, exact=True).wait_for()
        return frame

    def shoot(self, name: str, height: int | None = None) -> None:
        """Keep a picture of what is to be seen, or of so much of it."""
        part = {"x": 0, "y": 0, "width": 1440, "height": height} if height else None
        self.page.screenshot(path=self.shots / f"{name}.png", clip=part)


@dataclass
class Running:
    """The deployment that the browser visits."""

    deployment: Deployment

    def api(self, method: str, path: str) -> Any:
        """Ask Airflow's own API."""
        return self.deployment.api(method, path)

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until something has happened."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not happened():
            self.deployment.check()
            assert time.monotonic() < deadline, f"{what} did not happen"
            time.sleep(0.5)


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running Airflow with an admin, a viewer and four campaigns that begin at once."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing; Debian: apt-get install chromium")
    home = tmp_path_factory.mktemp("project")
    for folder in ("dags/campaigns", "dags/published", "include/templates", "include/sql/segments", ".outcamp/airflow"):
        (home / folder).mkdir(parents=True)
    (home / ".outcamp" / "airflow" / "passwords.json").write_text(json.dumps(WORDS), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    deployment = Deployment(
        home,
        port=port,
        extra={
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT / "plugins"), os.environ.get("PYTHONPATH", "")]),
            "OUTCAMP_WAVE_INTERVAL": "5",
            "OUTCAMP_PULSE": "10",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,vera:viewer",
        },
    )
    with deployment.closing():
        deployment.prepare()
        wanted = {"spring-renewal": REATTEMPTS + TIMES + REPEAT, "welcome": "", "win-back": REATTEMPTS + REPEAT, "autumn-offer": REVIEW}
        for number, (name, more) in enumerate(wanted.items()):
            (home / f"{name}.csv").write_text(_people(number), encoding="utf-8")
            (home / "dags" / "campaigns" / f"{name}.yaml").write_text(CAMPAIGN.format(name=name, more=more), encoding="utf-8")
            command = [sys.executable, "-m", "outcamp", "publish", name]
            done = subprocess.run(command, env=deployment.environment(), capture_output=True, text=True, check=False)
            assert 0 == done.returncode, done.stderr
        with deployment.running():
            yield Running(deployment)


def _people(campaign: int) -> str:
    """Each campaign has people of its own: whoever opts out of one is suppressed in all."""
    rows = [f"p{campaign}-{n:04d},+1{AREAS[n % 8]}{200 + n}{1000 + n * 7 + campaign},Pat{n}" for n in range(600)]
    rows += [f"x{n:04d},12 34,Nobody{n}" for n in range(25)]
    return "\n".join(["recipient_id,phone,first_name", *rows]) + "\n"


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """One browser for all tests; each of them has a window of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def logged_in() -> dict[str, Any]:
    """What the browser keeps of those who have logged in: nobody does so twice."""
    return {}


@pytest.fixture
def visit(running: Running, chromium: Any, logged_in: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Return a function that logs somebody in, and see to it that no page complained or called elsewhere."""
    shots = Path(os.environ.get("OUTCAMP_SCREENSHOTS") or tmp_path)
    opened: list[Browser] = []

    def log_in(user: str = "admin", **settings: Any) -> Browser:
        context = chromium.new_context(viewport={"width": 1440, "height": 900}, storage_state=logged_in.get(user), **settings)
        context.set_default_timeout(PATIENCE)
        browser = Browser(context.new_page(), running.deployment.url, shots=shots)
        page = browser.page
        page.on("pageerror", lambda error: browser.complaints.append(str(error)))
        page.on("console", lambda said: browser.complaints.append(said.text) if _is_about_us(said) else None)
        page.on("request", lambda request: browser.complaints.append(request.url) if not request.url.startswith(_ours(browser)) else None)
        page.goto(f"{browser.url}/")
        if user not in logged_in:
            page.fill("input[name=username]", user)
            page.fill("input[name=password]", WORDS[user])
            page.click("button[type=submit]")
        page.locator("[data-testid=nav-sidebar]").wait_for()
        logged_in[user] = context.storage_state()
        opened.append(browser)
        return browser

    yield log_in
    for browser in opened:
        browser.page.context.close()
    assert [] == [complaint for browser in opened for complaint in browser.complaints]


def _is_about_us(said: Any) -> bool:
    # That its frames are as free as they are is Airflow's own decision, and Chromium's remark on it.
    return "/outcamp/" in said.location["url"] and "allow-same-origin" not in said.text


def _ours(browser: Browser) -> tuple[str, ...]:
    return (browser.url, "data:", "blob:")
