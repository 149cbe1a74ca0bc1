"""Airflow's API server in this process, with the pages in it: its own tables in SQLite, the ledger in a real Postgres."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcamp.steps.published import dag_id_of
from outcamp.store.ledger import Ledger

ROOT = Path(__file__).parents[1]


@contextmanager
def airflow_at(folder: Path, *, teams: bool = False, auth_manager: str = "") -> Iterator[None]:
    """Point this process's Airflow at a fresh SQLite database, and back again at the end."""
    database = f"sqlite:///{folder / 'airflow.db'}"
    wanted = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database.replace("sqlite:", "sqlite+aiosqlite:"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MULTI_TEAM": str(teams),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a made-up secret that is long enough for every algorithm that Airflow may choose",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "no-plugins"),
    }
    if auth_manager:
        wanted["AIRFLOW__CORE__AUTH_MANAGER"] = auth_manager
    before = {name: os.environ.get(name) for name in wanted}
    handlers, level = logging.root.handlers[:], logging.root.level
    os.environ.update(wanted)
    try:
        settings = importlib.import_module("airflow.settings")
        settings.dispose_orm(do_log=False)
        settings.configure_vars()
        settings.configure_orm()
        # Which team a DAG belongs to is remembered for 30 seconds.
        importlib.import_module("airflow.models.dag")._team_name_cache.clear()  # noqa: SLF001 - Airflow offers no other way
        yield
        settings.dispose_orm(do_log=False)
    finally:
        logging.root.handlers[:] = handlers  # Airflow has put its own there, which write to what pytest captures now
        logging.root.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


@dataclass
class Visitor:
    """Somebody with a browser: a role, and the cookie that a login leaves."""

    client: Any
    token: str | None

    def ask(self, method: str, path: str, *, origin: str | None = "same-origin", body: Any = None, **headers: str) -> Any:
        """Send a request as a page of Airflow's would."""
        said = {"accept": "text/html", **({"sec-fetch-site": origin} if origin else {}), **headers}
        self.client.cookies.clear()
        if self.token:
            self.client.cookies.set("_token", self.token)
        return self.client.request(method, path, headers=said, json=body, follow_redirects=False)


@dataclass
class Pages:
    """The API server with the pages, and who visits it."""

    server: Any
    app: Any

    def show(self, home: Path, lake: Path, uri: str) -> None:
        """Show this project, this lake and this ledger from now on."""
        from outcamp.web.site import Site

        self.app.state.site = Site(home, lake, lambda: Ledger.at(uri))

    def visitor(self, role: str | None = None, *teams: str) -> Visitor:
        """Return somebody with this role; without one, nobody is logged in."""
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from fastapi.testclient import TestClient

        user = SimpleAuthManagerUser(username=f"a-{role}", role=role, teams=list(teams))
        token = get_auth_manager().generate_jwt(user) if role else None
        return Visitor(TestClient(self.server, base_url="http://testserver", raise_server_exceptions=True), token)


def make_tables() -> None:
    """Make Airflow's tables."""
    from airflow.utils.db import initdb

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        initdb()


def serve() -> Pages:
    """Mount the pages in Airflow's API server, as its plugin loader does; what they show is set by ``show``."""
    from airflow.api_fastapi.app import create_app, purge_cached_app

    from outcamp.web.app import create_app as create_pages
    from outcamp.web.site import Site

    def nothing() -> Ledger:
        raise AssertionError("the test has not said what to show")

    app = create_pages(Site(ROOT, ROOT, nothing))
    purge_cached_app()
    server = create_app(apps="core")
    # In front of the single-page application, which answers every other address.
    server.mount("/outcamp", app)
    server.router.routes.insert(0, server.router.routes.pop())
    return Pages(server, app)


def add_dag(name: str, *, team: str | None = None, paused: bool = False, tags: tuple[str, ...] = ()) -> None:
    """Let Airflow know the DAG of a campaign, in a bundle of its team."""
    from airflow.models.dag import DagModel, DagTag
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.team import Team
    from airflow.utils.session import create_session

    bundle = f"bundle-{team or 'all'}"
    with create_session() as session:
        found = session.get(DagBundleModel, bundle)
        if found is None:
            found = DagBundleModel(name=bundle)
            found.teams = [Team(name=team)] if team else []
            session.add(found)
            session.flush()
        dag = DagModel(dag_id=name if "." in name else dag_id_of(name), bundle_name=bundle, is_paused=paused, is_stale=False)
        dag.tags = [DagTag(name=tag, dag_id=dag.dag_id) for tag in tags]
        session.add(dag)


def audit_rows() -> list[tuple[str, str, str]]:
    """Return Airflow's audit log: event, DAG, user."""
    from airflow.models import Log
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [tuple(row) for row in session.execute(select(Log.event, Log.dag_id, Log.owner).order_by(Log.id))]
