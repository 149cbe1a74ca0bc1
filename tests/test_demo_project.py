"""The project that the demo makes, as somebody would write it, and the database that it reads."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from outcamp.cli.demo import lay_out, statements
from outcamp.cli.demo_campaign import NAME, campaign_text
from outcamp.core.errors import Finding
from outcamp.segments import database
from outcamp.steps.project import Project
from outcamp.steps.validate import check_file
from outcamp.store.embedded import throw_away_server


def test_the_project_holds_segments_and_templates_alone(tmp_path: Path) -> None:
    """What sets the demo up is none of a project's files."""
    lay_out(tmp_path)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    sql, templates = "include/sql/segments", "include/templates"
    assert [
        f"{sql}/customers.sql",
        f"{sql}/employees.sql",
        f"{templates}/upgrade.sms.j2",
        f"{templates}/upgrade.txt.j2",
    ] == found


def test_the_database_has_what_the_project_reads(tmp_path: Path, database_uri: str) -> None:
    """The draft has no finding, with the columns that its queries return there."""
    lay_out(tmp_path)
    with closing(psycopg.connect(database_uri)) as connection:
        for statement in statements("warehouse.sql"):
            connection.execute(statement)
        now = datetime.now(UTC)
        draft = Project(tmp_path).drafts / f"{NAME}.yaml"
        draft.write_text(campaign_text(now, now + timedelta(minutes=2)), encoding="utf-8")
        found: list[Finding] = check_file(draft, tmp_path, lambda _, query: database.column_names(connection, query, "demo")).findings
    assert [] == found


def test_the_demo_does_not_wait_for_the_disk() -> None:
    """Each setting is taken, in a server of its own."""
    with throw_away_server() as uri, psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM RESET ALL")
        for statement in statements("unsafe.sql"):
            connection.execute(statement)
        rows = connection.execute("SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf' ORDER BY name").fetchall()
    assert [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")] == rows
