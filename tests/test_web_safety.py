"""No way in: every route of the pages, without a token, without the permission, from another site, and with tricks in its address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from outcamp.steps.send import send
from outcamp.store.embedded import throw_away_database
from small_world import NOW, RUN, World, make_world
from web_world import Pages, add_dag, airflow_at, audit_rows, make_tables, serve

pytestmark = pytest.mark.filterwarnings("ignore")

CAMPAIGN = "/outcamp/campaigns/outcamp.spring/"
SIGNED = "/outcomes"  # nobody is logged in there: tests/test_web_callbacks.py tries these
BODY = {"recipient_id": "ada"}
# What must not be in an answer to somebody who may not read the campaign.
SECRETS = ("spring", "ada", "+12025550143", "12025550143", RUN)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres_uri: str) -> Iterator[tuple[Pages, World]]:
    """The pages over a campaign that belongs to the team east, and one that belongs to nobody."""
    folder = tmp_path_factory.mktemp("airflow")
    with throw_away_database(postgres_uri, "web_safety") as uri, airflow_at(folder, teams=True), ExitStack() as stack:
        make_tables()
        add_dag("spring", team="east", tags=("outcamp", "channel:sms"))
        add_dag("summer")
        world = make_world(stack, uri, folder / "lake", published_at=NOW)
        home = folder / "home"
        (home / "dags" / "published").mkdir(parents=True)
        (home / "dags" / "published" / "spring.json").write_text(world.engine.manifest.to_json(), encoding="utf-8")
        for batch in world.batches():
            send(world.engine, RUN, batch.batch, lambda: NOW)
        pages = serve()
        pages.show(home, folder / "lake", uri)
        yield pages, world


@pytest.fixture
def pages(world: tuple[Pages, World]) -> Pages:
    """The pages."""
    return world[0]


def routes(app: Any) -> list[tuple[str, str]]:
    """Every route of a user as (method, address with the campaign in it): a new one is here by itself."""
    found = []
    for route in flat(app.routes):
        if route.path.startswith(SIGNED):
            continue
        path = "/outcamp" + route.path.replace("{dag_id}", "outcamp.spring").replace("{run_id}", RUN)
        assert "{" not in path, f"{path}: this test does not know what to write there"
        found += [(method, path) for method in sorted(route.methods - {"HEAD"})]
    return found


def flat(found: Any) -> Iterator[Any]:
    """Every route that answers, whatever it is wrapped in; static files, which hold no data, are left out."""
    for route in found:
        if hasattr(route, "methods"):
            yield route
        elif getattr(route, "name", "") != "static":
            inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
            assert inner is not None, route
            yield from flat(inner)


def test_the_walk_finds_every_route(pages: Pages) -> None:
    """These are the routes; whoever adds one reads here that all the tests below try it."""
    assert [
        ("GET", "/outcamp/"),
        ("GET", CAMPAIGN),
        ("GET", f"{CAMPAIGN}waves/{RUN}/"),
        ("POST", f"{CAMPAIGN}delete"),
        ("POST", f"{CAMPAIGN}recipient"),
        ("POST", f"{CAMPAIGN}resume"),
        ("POST", f"{CAMPAIGN}stop"),
        ("POST", "/outcamp/push/outcamp.spring"),
    ] == sorted(routes(pages.app))
    signed = [(route.path, route.methods) for route in flat(pages.app.routes) if route.path.startswith(SIGNED)]
    assert [("/outcomes", {"POST"}), ("/outcomes/sns", {"POST"}), ("/outcomes/twilio", {"POST"})] == sorted(signed)


def test_nobody_gets_in_without_a_token(pages: Pages) -> None:
    """Each route answers 401, whatever the request says of its origin, and says nothing else."""
    for method, path in routes(pages.app):
        for origin in ("same-origin", "cross-site", None):
            answer = pages.visitor().ask(method, path, origin=origin, body=BODY)
            assert 401 == answer.status_code, (method, path)
            assert not any(secret in answer.text for secret in SECRETS)


def test_a_token_that_is_none_is_refused(pages: Pages) -> None:
    """A token of somebody's own making opens nothing."""
    for method, path in routes(pages.app):
        answer = pages.visitor().ask(method, path, body=BODY, authorization="Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.")
        assert 403 == answer.status_code, (method, path)
        assert not any(secret in answer.text for secret in SECRETS)


def test_a_viewer_changes_nothing(world: tuple[Pages, World]) -> None:
    """A viewer's stop, resume and delete answer 403, leave the books as they are, and no audit row says that they were done."""
    pages, made = world
    books, noted = made.books(), audit_rows()
    for action in ("stop", "resume", "delete"):
        assert 403 == pages.visitor("VIEWER", "east").ask("POST", f"{CAMPAIGN}{action}", body={}).status_code
    assert (books, noted) == (made.books(), audit_rows())


def test_another_teams_campaign_is_closed(pages: Pages) -> None:
    """Of a campaign of another team nothing is told and nothing is done, on each route, also to those who may change their own."""
    for role in ("VIEWER", "USER", "OP"):
        stranger = pages.visitor(role, "west")
        for method, path in routes(pages.app):
            answer = stranger.ask(method, path, body=BODY)
            assert (200 if path == "/outcamp/" else 403) == answer.status_code, (role, method, path)
            assert not any(secret in answer.text for secret in SECRETS), (role, method, path)


def test_ones_own_teams_campaign_is_open(pages: Pages) -> None:
    """The same campaign is shown to its own team."""
    mine = pages.visitor("VIEWER", "east")
    for method, path in routes(pages.app):
        if method == "GET" or path.endswith("recipient"):
            answer = mine.ask(method, path, body=BODY)
            assert (200, True) == (answer.status_code, "spring" in answer.text or "ada" in answer.text), (method, path)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "cross-site"},
        {"origin": "same-site"},
        {"origin": None},
        {"origin": "same-origin", "Origin": "https://evil.example"},
        {"origin": None, "Origin": "https://evil.example"},
        {"origin": None, "Origin": "null"},
        {"origin": None, "Origin": "http://testserver.evil.example"},
        {"origin": None, "Origin": "http://testserver:81"},
    ],
    ids=str,
)
def test_another_site_changes_nothing(world: tuple[Pages, World], headers: dict[str, Any]) -> None:
    """A request with the cookie of an admin, but from elsewhere or from nowhere, is refused and changes nothing."""
    pages, made = world
    books = made.books()
    for method, path in routes(pages.app):
        if method != "GET":
            assert 403 == pages.visitor("ADMIN").ask(method, path, body=BODY, **headers).status_code, path
    assert books == made.books()


def test_a_script_with_a_token_of_its_own_may(pages: Pages) -> None:
    """Whoever brings the token in a header needs no origin: no other site can make a browser do that."""
    token = pages.visitor("VIEWER", "east").token
    answer = pages.visitor().ask("POST", f"{CAMPAIGN}recipient", origin=None, body=BODY, authorization=f"Bearer {token}")
    assert 200 == answer.status_code


@pytest.mark.parametrize(
    "path",
    [
        "/outcamp/campaigns/outcamp.spring/?dag_id=outcamp.summer",
        "/outcamp/campaigns/outcamp.spring/recipient?dag_id=outcamp.summer",
        "/outcamp/campaigns/outcamp.spring/stop?dag_id=outcamp.summer",
        "/outcamp/campaigns/outcamp.summer/../outcamp.spring/",
        "/outcamp/campaigns/outcamp.summer/%2e%2e/outcamp.spring/",
        "/outcamp/campaigns/outcamp.summer%2F..%2Foutcamp.spring/",
        "/outcamp/campaigns/~/",
        "/outcamp/campaigns/outcamp.spring%20/",
        "/outcamp/campaigns/outcamp.spring%00/",
        "/outcamp/campaigns/outcamp.SPRING/",
        "/outcamp/campaigns/outcamp.outcamp.spring/",
        "/outcamp/campaigns/outcamp...%2Foutcamp.spring/",
        "/outcamp/campaigns/outcamp.summer/waves/..%2F..%2Foutcamp.spring/",
        f"/outcamp/campaigns/outcamp.summer/waves/{RUN}/",
        "/outcamp//campaigns/outcamp.spring/",
        "/outcamp/static/../app.py",
        "/outcamp/static/%2e%2e/app.py",
        "/outcamp/static/..%2fapp.py",
        "/outcamp/openapi.json",
        "/outcamp/docs",
    ],
)
def test_no_trick_in_the_address_opens_another_campaign(world: tuple[Pages, World], path: str) -> None:
    """Somebody who may change summer, which is nobody's, learns nothing of spring and changes nothing in it."""
    pages, made = world
    books, stranger = made.books(), pages.visitor("USER", "west")
    for method in ("GET", "POST"):
        answer = stranger.ask(method, path, body=BODY)
        # The name is in the address that they wrote, so that it comes back tells them nothing.
        assert [] == [word for word in ("2025550143", "ada", "Candidates", "Considered", "def create_app") if word in answer.text]
        assert answer.status_code in {200, 307, 403, 404, 405, 409}, answer.text
    assert books == made.books()


def test_no_page_shows_an_endpoint(pages: Pages) -> None:
    """Neither phone numbers nor addresses of recipients are on any page, not even on those that one may read."""
    for method, path in routes(pages.app):
        if method == "GET" or path.endswith("recipient"):
            answer = pages.visitor("ADMIN").ask(method, path, body=BODY)
            assert (200, False) == (answer.status_code, "2025550143" in answer.text)


def test_every_answer_forbids_foreign_scripts_and_frames(pages: Pages) -> None:
    """Each answer has the policy, no page has a script or style of its own in it, and data is never kept by a browser."""
    for method, path in [*routes(pages.app), ("GET", "/outcamp/nowhere"), ("GET", "/outcamp/static/page.js")]:
        for visitor in (pages.visitor(), pages.visitor("VIEWER", "east")):
            answer = visitor.ask(method, path, body=BODY)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'self'" in policy
            assert ("max-age" in answer.headers["cache-control"]) == path.endswith(".js")
            assert [] == re.findall(
                r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", answer.text if "static" not in path else ""
            )


def test_templates_trust_nothing() -> None:
    """No template marks anything as safe or turns the escaping off, and no script writes markup."""
    web = Path(__file__).parents[1] / "plugins" / "outcamp" / "web"
    for path in (web / "templates").iterdir():
        assert (".html", None) == (path.suffix, re.search(r"\|\s*safe|autoescape", path.read_text(encoding="utf-8")))
    scripts = "".join(path.read_text(encoding="utf-8") for path in (web / "static").glob("*.js"))
    assert None is re.search(r"innerHTML\s*=[^=]|insertAdjacentHTML|document\.write|\beval\b|new Function", scripts)
    assert None is re.search("Markup|autoescape=False", (web / "look.py").read_text(encoding="utf-8"))


def test_the_auth_manager_is_asked_about_the_dag_in_the_path(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each route about a campaign asks for the right method on the right DAG of the right team, whatever the query says."""
    from airflow.api_fastapi.app import get_auth_manager

    manager, asked = get_auth_manager(), []
    real = manager.is_authorized_dag

    def listening(*, method: str, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        asked.append((method, details.id, details.team_name))
        return real(method=method, user=user, access_entity=access_entity, details=details)

    monkeypatch.setattr(manager, "is_authorized_dag", listening)
    for method, path in routes(pages.app):
        if path != "/outcamp/":
            asked.clear()
            pages.visitor("VIEWER", "west").ask(method, f"{path}?dag_id=outcamp.summer", body=BODY)
            last = path.rsplit("/", 1)[-1]
            needed = {"stop": "PUT", "resume": "PUT", "delete": "DELETE", "outcamp.spring": "POST"}.get(last, "GET")  # the last one: push
            assert [(needed, "outcamp.spring", "east")] == asked, path


def test_where_there_are_teams_a_campaign_without_a_dag_is_shown_to_nobody(pages: Pages) -> None:
    """Nobody can say which team a draft would belong to, so its name is not told."""
    drafts = pages.app.state.site.home / "dags" / "campaigns"
    drafts.mkdir()
    (drafts / "autumn.yaml").write_text("name: autumn", encoding="utf-8")
    for role in ("VIEWER", "USER"):
        page = pages.visitor(role, "east").ask("GET", "/outcamp/").text
        assert (True, False) == ("spring" in page, "autumn" in page)
