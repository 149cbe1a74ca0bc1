"""Pushes over HTTP: who may trigger the campaign may push to it, each row is answered, and no log of Airflow's names anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from outcamp.store.embedded import throw_away_database
from outcamp.web.bodies import LARGEST
from push_world import external_world
from small_world import ADA, BEN, World
from web_world import Pages, Visitor, add_dag, airflow_at, make_tables, serve

pytestmark = pytest.mark.filterwarnings("ignore")

PUSH, LINES = "/outcamp/push/outcamp.spring", "application/x-ndjson"
ROWS = [{"recipient_id": "ada", "phone": ADA}, {"recipient_id": "ben", "phone": "1"}]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres_uri: str) -> Iterator[tuple[Pages, World]]:
    """The pages over an external campaign."""
    folder = tmp_path_factory.mktemp("airflow")
    with throw_away_database(postgres_uri, "web_push") as uri, airflow_at(folder), ExitStack() as stack:
        make_tables()
        add_dag("spring")
        world = external_world(stack, uri, folder / "lake", published_at=datetime(2020, 1, 1, tzinfo=UTC))
        home = folder / "home"
        (home / "dags" / "published").mkdir(parents=True)
        (home / "dags" / "published" / "spring.json").write_text(world.engine.manifest.to_json(), encoding="utf-8")
        pages = serve()
        pages.show(home, folder / "lake", uri)
        yield pages, world


def lines(rows: list[dict[str, Any]]) -> bytes:
    """Rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def posted(visitor: Visitor, body: bytes, path: str = PUSH, kind: str = LINES) -> Any:
    """Push a body as a script does that brings its token."""
    headers = {"content-type": kind, "authorization": f"Bearer {visitor.token}"}
    return visitor.client.request("POST", path, headers=headers, content=body)


def extras() -> str:
    """Everything that Airflow's audit log keeps beside the event."""
    from airflow.models import Log
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return " ".join(str(extra) for extra in session.scalars(select(Log.extra).where(Log.event == "outcamp.push")))


def test_each_row_is_answered_and_the_same_push_is_one(world: tuple[Pages, World]) -> None:
    """What is accepted is on the books at once; who pushed stands in Airflow's audit log, and whom does not."""
    pages, made = world
    operator = pages.visitor("OP")
    first, again = (posted(operator, lines(ROWS)).json() for _ in range(2))
    assert [(None, "ada"), ("invalid_endpoint", "ben")] == [(row["refused"], row["recipient_id"]) for row in first["answers"]]
    assert first | {"known": True} == again
    assert [(first["push"], 1)] == made.rows("SELECT run, sum(rows) FROM outcamp.waves JOIN outcamp.parts USING (wave_id) GROUP BY run")
    assert "POST" in extras()
    assert [] == [word for word in ("ada", "ben", ADA) if word in extras()]


def test_the_expiry_and_the_token_are_in_the_address(world: tuple[Pages, World]) -> None:
    """They are for the whole push."""
    pages, _ = world
    found = posted(pages.visitor("OP"), lines([{"recipient_id": "cleo", "phone": BEN}]), f"{PUSH}?expires=2020-01-02T00:00:00Z&token=a")
    assert {"expired": 1} == found.json()["refused"]


def test_a_body_that_would_be_logged_is_refused(world: tuple[Pages, World]) -> None:
    """Airflow writes JSON bodies into its audit log, so JSON is not taken."""
    pages, _ = world
    answer = posted(pages.visitor("OP"), json.dumps({"recipient_id": "dora"}).encode(), kind="application/json")
    assert (415, "Send JSON lines, one object a line, with the Content-Type application/x-ndjson.") == (
        answer.status_code,
        answer.json()["detail"],
    )
    assert "dora" not in extras()


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "the body: there is nobody in it\n  Next: push the rows as soon as there are any"),
        (b" null", 400, "the body: these are no JSON lines: null at byte 1\n  Next: write one object a line"),
        (b"no", 400, "the body: these are no JSON lines: JSON parse error: Invalid value. in row 0\n"
         "  Next: write one object a line, with ids, numbers of phones and times as text"),
        (b"[" * (LARGEST + 1), 413, "This is more than 1,048,576 bytes. Send it in parts."),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_taken_is_refused(world: tuple[Pages, World], body: bytes, status: int, message: str) -> None:
    """Nothing of it is pushed, and what to do is said."""
    pages, _ = world
    answer = posted(pages.visitor("OP"), body)
    assert (status, message) == (answer.status_code, answer.json()["detail"])


def test_who_may_only_look_pushes_nothing(world: tuple[Pages, World]) -> None:
    """The permission is that to trigger the campaign's DAG."""
    pages, made = world
    books = made.books()
    assert 403 == posted(pages.visitor("VIEWER"), lines(ROWS)).status_code
    assert books == made.books()
