"""An auth manager that decides by DAG, as FAB's does with a role for one of them: the pages keep to what it says of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from drafts import HEAD
from outcamp.store.embedded import throw_away_database
from small_world import NOW, RUN, World, make_world
from web_world import Pages, add_dag, airflow_at, make_tables, serve

pytestmark = pytest.mark.filterwarnings("ignore")  # Airflow's own start warns about what it is going to change


@pytest.fixture(scope="module")
def made(postgres_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pages, World]]:
    """Airflow's API server with that auth manager, two campaigns with a DAG and a draft."""
    folder = tmp_path_factory.mktemp("airflow")
    airflow = airflow_at(folder, auth_manager="per_dag.PerDagAuthManager")
    with throw_away_database(postgres_uri, "web_per_dag") as uri, airflow, ExitStack() as stack:
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


def test_the_list_shows_only_the_campaigns_whose_dag_one_may_read(made: tuple[Pages, World]) -> None:
    """A draft is treated as its DAG would be."""
    for dags, seen in (
        ((), set()),
        (("outcamp.spring",), {"spring"}),
        (("outcamp.winter",), {"winter"}),
        (("outcamp.spring", "outcamp.autumn"), {"spring", "autumn"}),
    ):
        page = made[0].visitor("USER", *dags).ask("GET", "/outcamp/").text
        assert seen == {name for name in ("spring", "autumn", "winter") if name in page}


def test_each_page_and_action_asks_about_its_own_dag(made: tuple[Pages, World]) -> None:
    """The one that is allowed answers; the other one is refused and stays as it is, whatever the query says."""
    pages, world = made
    visitor = pages.visitor("USER", "outcamp.spring")
    for path in ("", f"waves/{RUN}/"):
        assert 200 == visitor.ask("GET", f"/outcamp/campaigns/outcamp.spring/{path}").status_code
        assert 403 == visitor.ask("GET", f"/outcamp/campaigns/outcamp.autumn/{path}?dag_id=outcamp.spring").status_code
    books = world.books()
    for action in ("stop", "resume", "delete", "recipient"):
        answer = visitor.ask("POST", f"/outcamp/campaigns/outcamp.autumn/{action}?dag_id=outcamp.spring", body={"recipient_id": "ada"})
        assert 403 == answer.status_code
    assert books == world.books()


def test_the_role_still_decides_what_may_be_done_there(made: tuple[Pages, World]) -> None:
    """A viewer of a campaign has no button, a user has them."""
    pages, _ = made
    for role, buttons in (("VIEWER", False), ("USER", True)):
        page = pages.visitor(role, "outcamp.spring").ask("GET", "/outcamp/campaigns/outcamp.spring/").text
        assert buttons == ('data-asks="stop"' in page)
