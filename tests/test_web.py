"""The pages as people see them: campaigns, one campaign, one wave, one recipient, and what the buttons do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drafts import HEAD
from outcamp.core.errors import UsageError
from outcamp.core.run_key import run_key
from outcamp.steps.feed_back import feed_back
from outcamp.steps.send import send
from outcamp.store.embedded import throw_away_database
from small_world import World, make_world
from web_world import Pages, add_dag, airflow_at, audit_rows, make_tables, serve

# Airflow's own start warns about what it is going to change; the pages themselves warn of nothing.
pytestmark = pytest.mark.filterwarnings("ignore")

AT = datetime(2025, 1, 7, 15, tzinfo=UTC)  # a Tuesday, 10 o'clock in New York, and past: the pages ask the database for the time
RUN = run_key(AT)
CAMPAIGN = "/outcamp/campaigns/outcamp.spring/"
MORE = """\
description: Reminders for <b>policies</b>
owner: growth
reattempts: [{when: [unreachable], channel: sms, wait: 2 hours}]
communication_limits: [{count: 6, within: 2 days}]
communication_time: {time_zone: America/New_York, active: [{days: mon-fri, from: "09:00", to: "18:00"}]}
"""


@dataclass
class Site:
    """The pages over a campaign that has run one wave: ada was reached, ben will be tried again."""

    pages: Pages
    world: World
    home: Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Airflow's API server with the pages, once for all tests of this file."""
    with airflow_at(tmp_path_factory.mktemp("airflow")):
        make_tables()
        add_dag("spring", tags=("outcamp", "channel:sms", "owner:growth"))
        add_dag("reports.daily")
        yield serve()


@pytest.fixture
def site(pages: Pages, database_uri: str, tmp_path: Path) -> Iterator[Site]:
    """The pages, their project and their ledger."""
    with ExitStack() as stack:
        outcomes = [{"recipient_id": "ben", "attempt": 1, "channel": "sms", "disposition": "unreachable", "after": 0}]
        world = make_world(stack, database_uri, tmp_path / "lake", MORE, outcomes=outcomes, published_at=AT)
        home = tmp_path / "home"
        (home / "dags" / "published").mkdir(parents=True)
        (home / "dags" / "campaigns").mkdir(parents=True)
        (home / "dags" / "published" / "spring.json").write_text(world.engine.manifest.to_json(), encoding="utf-8")
        (home / "dags" / "campaigns" / "autumn.yaml").write_text(HEAD, encoding="utf-8")
        for batch in world.batches(AT):
            send(world.engine, RUN, batch.batch, lambda: AT)
        feed_back(world.engine, RUN, AT)
        pages.show(home, tmp_path / "lake", database_uri)
        yield Site(pages, world, home)


def text_of(page: str) -> str:
    """What a page says, without its tags, as one line."""
    body = re.sub(r"<(script|style|title)[^>]*>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_the_campaigns_are_listed_with_state_funnel_and_sums(site: Site) -> None:
    """A row has the campaign, its state, its channel, its progress and its sums; a draft is there too."""
    page = site.pages.visitor("VIEWER").ask("GET", "/outcamp/").text
    assert "1 Active, 1 Draft" in text_of(page)
    assert 'aria-label="2 considered, 2 let in, 2 contacted, 1 reached"' in page
    assert "spring growth Active SMS – 1 of 2 done 2 1" in text_of(page)
    assert "autumn Draft – – – – –" in text_of(page)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"autumn", "spring"}),
        ("q=SPR", {"spring"}),
        ("q=growth", {"spring"}),
        ("state=Draft", {"autumn"}),
        ("channel=sms", {"spring"}),
        ("channel=email", set()),
        ("sort=sent&down=1", {"autumn", "spring"}),
        ("sort=nothing-of-ours&page=99&state=Nowhere", set()),
    ],
)
def test_the_list_is_filtered_and_sorted_by_its_address(site: Site, query: str, names: set[str]) -> None:
    """Filter and order stand in the address, so that a list can be kept and sent to somebody."""
    page = site.pages.visitor("VIEWER").ask("GET", f"/outcamp/?{query}").text
    assert names == {name for name in ("autumn", "spring") if f'">{name}<' in page or f'row">{name}<' in page}


def test_the_sorted_column_is_told_to_a_screen_reader(site: Site) -> None:
    """The column that sorts says so, and its link turns the order round."""
    page = site.pages.visitor("VIEWER").ask("GET", "/outcamp/?sort=sent").text
    assert ["ascending"] == re.findall(r'aria-sort="(\w+)"', page)
    assert "sort=sent&amp;down=1" in page


def test_a_campaign_that_waits_for_an_answer_leads_to_the_question(site: Site) -> None:
    """The page says so, and links to where Airflow takes the answer; once it is given there is nothing to say."""
    for review, told in (("pending", 1), ("approved", 0)):
        site.world.change("UPDATE outcamp.occurrences SET review = %s", review)
        page = site.pages.visitor("VIEWER").ask("GET", CAMPAIGN).text
        assert told == page.count(f'href="/dags/outcamp.spring/runs/{RUN}/tasks/approve/required_actions"')
        assert told == page.count("Nothing is sent before somebody has answered")


def test_a_paused_dag_is_a_paused_campaign(site: Site) -> None:
    """The switch is Airflow's, and the page shows what it says."""
    from airflow.models import DagModel
    from airflow.utils.session import create_session

    for paused, state in ((True, "Paused"), (False, "Active")):
        with create_session() as session:
            session.get(DagModel, "outcamp.spring").is_paused = paused
        visitor = site.pages.visitor("USER")
        assert f'class="badge {state}"' in visitor.ask("GET", "/outcamp/").text
        page = visitor.ask("GET", CAMPAIGN).text
        assert (f'class="badge {state}"' in page, 'data-does="unpause"' in page) == (True, paused)


def test_a_campaign_shows_its_funnel_outcomes_hours_and_settings(site: Site) -> None:
    """The tab of a campaign has everything that was counted, and its settings in words."""
    said = text_of(site.pages.visitor("VIEWER").ask("GET", CAMPAIGN).text)
    for sentence in (
        "Sent 2 messages",
        "Delivered 1 50.0 % of sent",
        "In the campaign now 1 people",
        "Considered 2 100 %",
        "Reached 1 50.0 %",
        "1, SMS delivered 1 50.0 %",
        "Sent on may be contacted now 2 100 %",
        "2 sent between 06 Jan, 03:00 and 09 Jan, 03:00 UTC, at most 2 in an hour",
        "America/New_York",
        "Communication limits count 6, within 2 days",
        "Active days mon to fri, from 09:00, to 18:00",
        "07 Jan, 15:00 occurrence 0 2 2",
    ):
        assert sentence in said, said


def test_the_line_of_pandas_reads_what_the_page_says(site: Site) -> None:
    """The line under a dataset can be run as it stands, and reads the campaign's rows."""
    import html

    import pandas as pd

    page = site.pages.visitor("VIEWER").ask("GET", CAMPAIGN).text
    line = html.unescape(re.search(r'id="line-verdicts">(.*?)</pre>', page)[1])
    assert ["ada", "ben"] == sorted(eval(line, {"pd": pd})["recipient_id"])  # noqa: S307 - it is our own page's
    assert {"snapshots", "verdicts"} <= set(re.findall(r'id="line-(\w+)"', page))


def test_a_wave_shows_its_verdicts_and_its_files(site: Site) -> None:
    """The tab of a run has the wave's verdicts and where they lie."""
    said = text_of(site.pages.visitor("VIEWER").ask("GET", f"{CAMPAIGN}waves/{RUN}/").text)
    for sentence in (
        f"Wave {RUN} spring · occurrence 0",
        "Candidates 2",
        "To be sent to 2 100 %",
        "Batches begun 1 of 1",
        f"campaign=spring/run={RUN}",
    ):
        assert sentence in said, said


def test_a_run_without_a_wave_says_so(site: Site) -> None:
    """A run that has not begun is no error."""
    said = text_of(site.pages.visitor("VIEWER").ask("GET", f"{CAMPAIGN}waves/manual__2026-12-01T00:00:00+00:00/").text)
    assert "This run has opened no wave" in said


@pytest.mark.parametrize(
    "path", ["/outcamp/campaigns/reports.daily/", "/outcamp/campaigns/reports.daily/waves/x/", "/outcamp/campaigns/outcamp.dispositions.x/"]
)
def test_a_dag_that_is_no_campaign_says_so(site: Site, path: str) -> None:
    """The tabs are on every DAG, and have a sensible line for those that are none of ours."""
    answer = site.pages.visitor("VIEWER").ask("GET", path)
    assert (200, True) == (answer.status_code, "is no campaign of outcamp, so there is nothing to show here." in text_of(answer.text))


def test_a_campaign_without_a_manifest_says_what_to_do(site: Site) -> None:
    """A manifest that is gone or elsewhere is named, with the next step."""
    answer = site.pages.visitor("VIEWER").ask("GET", "/outcamp/campaigns/outcamp.winter/")
    assert 404 == answer.status_code
    assert "winter is not published dags/published/winter.json: the manifest cannot be read" in text_of(answer.text)
    assert "Next: Restore the file from version control." in text_of(answer.text)


def test_a_recipient_is_explained(site: Site) -> None:
    """Whoever may read the campaign is told what it did with a recipient, and why; the id is not in the address."""
    said = text_of(site.pages.visitor("VIEWER").ask("POST", f"{CAMPAIGN}recipient", body={"recipient_id": " ben "}).text)
    assert said.startswith("ben : Considered once, contacted once, still in the campaign.")
    assert "Attempt 1 ended as unreachable" in said
    unknown = site.pages.visitor("VIEWER").ask("POST", f"{CAMPAIGN}recipient", body={"recipient_id": "<script>alert(1)</script>"}).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in unknown
    assert "<script" not in unknown


def test_what_people_wrote_is_text(site: Site) -> None:
    """A description with tags is shown as it was written."""
    page = site.pages.visitor("VIEWER").ask("GET", CAMPAIGN).text
    assert "Reminders for &lt;b&gt;policies&lt;/b&gt;" in page
    assert "<b>" not in page


def test_below_a_path_every_address_is_below_it(site: Site) -> None:
    """Where Airflow is served below a path, the pages' own addresses and those of Airflow are, too."""
    from fastapi.testclient import TestClient

    visitor = site.pages.visitor("VIEWER")
    visitor.client = TestClient(site.pages.server, root_path="/airflow")
    page = visitor.ask("GET", "/airflow/outcamp/").text
    assert 'data-base="/airflow/outcamp" data-airflow="/airflow"' in page
    assert [] == [address for address in re.findall(r'(?:href|src|action)="(/[^"]*)"', page) if not address.startswith("/airflow/")]


def test_a_viewer_sees_no_button_that_they_may_not_press(site: Site) -> None:
    """Buttons follow the auth manager: a viewer has none, a user all that the state allows."""
    seen = {
        role: re.findall(r'data-(?:asks|does)="(\w+)"', site.pages.visitor(role).ask("GET", CAMPAIGN).text.partition("</header>")[0])
        for role in ("VIEWER", "USER")
    }
    assert {"VIEWER": [], "USER": ["pause", "trigger", "stop", "delete"]} == seen


def test_stop_is_final_and_noted(site: Site) -> None:
    """Stop ends the open entry, shows the state, leaves no button but delete, and is in Airflow's audit log."""
    user = site.pages.visitor("USER")
    answer = user.ask("POST", f"{CAMPAIGN}stop", body={})
    assert (200, {"said": "spring is stopped for good: 1 people left it. What was sent stays on the books."}) == (
        answer.status_code,
        answer.json(),
    )
    assert [("ada", "finished"), ("ben", "stopped")] == site.world.exits()
    assert ("outcamp.stop", "outcamp.spring", "a-USER") == audit_rows()[-1]
    page = user.ask("GET", CAMPAIGN).text.partition("</header>")[0]
    assert ('class="badge Stopped"' in page, ["delete"]) == (True, re.findall(r'data-(?:asks|does)="(\w+)"', page))


def test_resume_lifts_the_error(site: Site) -> None:
    """In Error the page says why; resume lifts it, and says that there is none to lift when there is none."""
    site.world.change("UPDATE outcamp.campaigns SET error_at = now(), error_reason = 'the <mast> broke'")
    user = site.pages.visitor("USER")
    assert "In Error, nothing is sent: the <mast> broke" in user.ask("GET", CAMPAIGN).text.replace("&lt;", "<").replace("&gt;", ">")
    assert {"said": "spring goes on with the next pulse. It was in Error: the <mast> broke"} == user.ask(
        "POST", f"{CAMPAIGN}resume", body={}
    ).json()
    again = user.ask("POST", f"{CAMPAIGN}resume", body={})
    told = {"detail": "The campaign 'spring' is not in Error.", "next_step": "outcamp status spring shows its state."}
    assert (409, told) == (again.status_code, again.json())


def test_delete_takes_the_manifest_away(site: Site) -> None:
    """Delete records it, removes the file, and the list shows the campaign as deleted."""
    user = site.pages.visitor("USER")
    assert {"said": "spring is deleted: 1 people left it. Its name is never used again."} == user.ask(
        "POST", f"{CAMPAIGN}delete", body={}
    ).json()
    assert [] == list((site.home / "dags" / "published").iterdir())
    assert "1 Draft, 1 Deleted" in text_of(user.ask("GET", "/outcamp/").text)


def test_delete_of_a_read_only_manifest_changes_nothing(tmp_path: Path) -> None:
    """Where the manifests cannot be changed, delete says so before anything is recorded, on the page and at the command line."""
    from outcamp.steps.delete import require_writable

    writable = tmp_path / "published"
    writable.mkdir()
    require_writable(writable)
    uid = os.geteuid()
    if uid == 0:
        os.seteuid(65534)  # root may write everywhere, nobody may not
    try:
        with pytest.raises(UsageError) as raised:
            require_writable(Path("/usr"))
    finally:
        os.seteuid(uid)
    assert str(raised.value) == (
        "The manifests in usr/ cannot be changed from here: the folder is read-only.\n"
        "  Next: Stop the campaign here, and delete it where the manifests are kept: outcamp delete NAME, and commit."
    )


def test_a_ledger_that_does_not_answer_is_said(pages: Pages, tmp_path: Path) -> None:
    """Without its ledger a page says so, and names no password."""
    pages.show(tmp_path, tmp_path, "postgresql://me:s3cret@127.0.0.1:1/none")
    answer = pages.visitor("VIEWER").ask("GET", "/outcamp/")
    assert (503, True, False) == (answer.status_code, "The ledger did not answer" in answer.text, "s3cret" in answer.text)


def test_a_ledger_without_campaigns_is_a_page(pages: Pages, postgres_uri: str, tmp_path: Path) -> None:
    """The first page of a new project says how to begin."""
    with throw_away_database(postgres_uri, "pages_of_nothing") as uri:
        pages.show(tmp_path, tmp_path, uri)
        said = text_of(pages.visitor("VIEWER").ask("GET", "/outcamp/").text)
    assert "There is none yet: write dags/campaigns/NAME.yaml, then outcamp publish NAME." in said
