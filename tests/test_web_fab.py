"""The FAB auth manager with a role for one DAG: the pages keep to what it says of each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from drafts import HEAD
from outcamp.store.embedded import throw_away_database
from small_world import NOW, RUN, World, make_world
from web_world import Pages, Visitor, add_dag, airflow_at, make_tables, serve

pytestmark = pytest.mark.filterwarnings("ignore")  # Airflow's own start warns about what it is going to change

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
READ, EDIT, DELETE = "can_read", "can_edit", "can_delete"
_numbers = itertools.count(1)
# Returns somebody with a role of their own that has these permissions: pairs of an action and a resource.
Somebody = Callable[..., Visitor]


@pytest.fixture(scope="module")
def made(postgres_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pages, World]]:
    """Airflow's API server with that auth manager, two campaigns with a DAG and a draft."""
    folder = tmp_path_factory.mktemp("airflow")
    airflow = airflow_at(folder, auth_manager=FAB)
    with throw_away_database(postgres_uri, "web_fab") as uri, airflow, ExitStack() as stack:
        make_tables()
        home = folder / "home"
        (home / "dags" / "published").mkdir(parents=True)
        (home / "dags" / "campaigns").mkdir(parents=True)
        for name in ("spring", "autumn"):
            world = make_world(stack, uri, folder / "lake", head=HEAD.replace("spring", name), published_at=NOW)
            world.batches()
            add_dag(name, tags=("outcamp",))
            (home / "dags" / "published" / f"{name}.json").write_text(world.engine.manifest.to_json(), encoding="utf-8")
        (home / "dags" / "campaigns" / "winter.yaml").write_text(HEAD.replace("spring", "winter"), encoding="utf-8")
        pages = serve()
        pages.show(home, folder / "lake", uri)
        yield pages, world


@pytest.fixture(scope="module")
def somebody(made: tuple[Pages, World]) -> Somebody:
    """Makes users, each with a role of their own."""
    from airflow.api_fastapi.app import get_auth_manager
    from fastapi.testclient import TestClient

    manager: Any = get_auth_manager()

    def make(*permissions: tuple[str, str], name: str = "") -> Visitor:
        name = name or f"somebody-{next(_numbers)}"
        with manager.flask_app.app_context():
            security = manager.security_manager
            role = security.add_role(name)
            for action, resource in permissions:
                security.add_permission_to_role(role, security.create_permission(action, resource))
            user = security.add_user(name, "Ada", "Lovelace", f"{name}@example.com", role, password="a made-up password")
            token = manager.generate_jwt(user)
        return Visitor(TestClient(made[0].server, base_url="http://testserver"), token)

    return make


def of_dag(name: str, *actions: str) -> list[tuple[str, str]]:
    """Return permissions on the DAG of one campaign."""
    return [(action, f"DAG:outcamp.{name}") for action in actions]


def test_the_list_shows_only_the_campaigns_whose_dag_one_may_read(made: tuple[Pages, World], somebody: Somebody) -> None:
    """A draft is treated as its DAG would be."""
    for permissions, seen in (
        ([], set()),
        (of_dag("spring", READ), {"spring"}),
        (of_dag("winter", READ), {"winter"}),
        ([*of_dag("spring", READ), *of_dag("autumn", READ)], {"spring", "autumn"}),
        ([(READ, "DAGs")], {"spring", "autumn", "winter"}),
    ):
        page = somebody(*permissions).ask("GET", "/outcamp/").text
        assert seen == {name for name in ("spring", "autumn", "winter") if name in page}


def test_each_page_and_action_asks_about_its_own_dag(made: tuple[Pages, World], somebody: Somebody) -> None:
    """The one that is allowed answers; the other one is refused and stays as it is, whatever the query says."""
    visitor = somebody(*of_dag("spring", READ, EDIT, DELETE))
    for path in ("", f"waves/{RUN}/"):
        assert 200 == visitor.ask("GET", f"/outcamp/campaigns/outcamp.spring/{path}").status_code
        assert 403 == visitor.ask("GET", f"/outcamp/campaigns/outcamp.autumn/{path}?dag_id=outcamp.spring").status_code
    books = made[1].books()
    for action in ("stop", "resume", "delete", "recipient"):
        answer = visitor.ask("POST", f"/outcamp/campaigns/outcamp.autumn/{action}?dag_id=outcamp.spring", body={"recipient_id": "ada"})
        assert 403 == answer.status_code
    assert books == made[1].books()


def test_the_role_decides_what_may_be_done_there(made: tuple[Pages, World], somebody: Somebody) -> None:
    """Who may only read has no button and is refused; who may edit stops and resumes, and does not delete."""
    reader, editor = somebody(*of_dag("spring", READ)), somebody(*of_dag("spring", READ, EDIT))
    for visitor, may in ((reader, False), (editor, True)):
        page = visitor.ask("GET", "/outcamp/campaigns/outcamp.spring/").text
        assert (may, False) == ('data-asks="stop"' in page, 'data-asks="delete"' in page)
    books = made[1].books()
    for action in ("stop", "resume", "delete"):
        assert 403 == reader.ask("POST", f"/outcamp/campaigns/outcamp.spring/{action}", body={}).status_code
    assert 403 == editor.ask("POST", "/outcamp/campaigns/outcamp.spring/delete", body={}).status_code
    assert books == made[1].books()


def test_nobody_without_a_token_and_nobody_who_was_put_out_gets_in(made: tuple[Pages, World], somebody: Somebody) -> None:
    """No token is 401; a token of a user who is not active any more opens nothing."""
    from airflow.api_fastapi.app import get_auth_manager

    visitor = somebody((READ, "DAGs"), name="leaver")
    assert 401 == Visitor(visitor.client, None).ask("GET", "/outcamp/campaigns/outcamp.spring/").status_code
    manager: Any = get_auth_manager()
    with manager.flask_app.app_context():
        user = manager.security_manager.find_user(username="leaver")
        user.active = False
        manager.security_manager.update_user(user)
    assert visitor.ask("GET", "/outcamp/campaigns/outcamp.spring/").status_code in {401, 403}
