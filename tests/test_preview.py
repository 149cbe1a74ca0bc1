"""outcamp preview: the message that somebody would get, from the frozen templates and their row, with the books untouched."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from drafts import make_project
from outcamp.cli.main import main
from outcamp.steps.publish import write_manifest
from small_world import NOW, make_world

HEAD = """\
name: spring
segment: {file: people.csv}
channel: sms
channels:
  sms: {body: "Hi {{ first_name }}"}
  email: {transport: smtp_default, subject: "For {{ first_name }}", body: hello.j2, html: "<p>{{ first_name }}</p>"}
reattempts: [{when: [blocked], channel: email, wait: 1 hour}]
"""
PEOPLE = """\
recipient_id,phone,email,first_name,city
ada,+12025550143,ada@example.com,A&B,Ulm
ben,12,ben@example.com,Ben,
zoe,+12025550143,zoe@example.com,,Ulm
ada,+12125550143,other@example.com,Second,
"""


@pytest.fixture
def home(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a draft, its list and its template, and a ledger and a lake that nothing has been written to."""
    make_project(tmp_path, HEAD, PEOPLE)
    (tmp_path / "include/templates/hello.j2").write_text("Dear {{ first_name }},\nfrom {{ city }}\n", encoding="utf-8")
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("OUTCAMP_LEDGER", database_uri)
    monkeypatch.setenv("OUTCAMP_STORE", str(tmp_path / "lake"))
    return tmp_path


@pytest.mark.usefixtures("home")
def test_a_draft_shows_the_message_of_every_channel(capsys: pytest.CaptureFixture[str]) -> None:
    """Each part is made as it would be sent; of two rows with one id the first one counts."""
    assert 0 == main(["preview", "spring", "ada"])
    assert (
        "ada in spring, by the segment as it is now\n"
        "sms to +12025550143, by simulator\n"
        "  body:\n"
        "    Hi A&B\n"
        "  (6 characters in 1 part, GSM 03.38)\n"
        "email to ada@example.com, by smtp_default\n"
        "  subject:\n"
        "    For A&B\n"
        "  body:\n"
        "    Dear A&B,\n"
        "    from Ulm\n"
        "  html:\n"
        "    <p>A&amp;B</p>\n"
    ) == capsys.readouterr().out


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("recipient", "lines"),
    [
        ("ben", ["sms to nobody, by simulator", "  endpoint cannot be made: nothing valid for sms stands in phone"]),
        ("ben", ["  body cannot be made: 'city' is undefined"]),
        ("zoe", ["  subject cannot be made: 'first_name' is undefined", "  html cannot be made: 'first_name' is undefined"]),
    ],
)
def test_what_cannot_be_made_is_told_with_its_reason(recipient: str, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A message that could not go is a finding; the parts that can be made are shown all the same."""
    assert 1 == main(["preview", "spring", recipient])
    said = capsys.readouterr().out.splitlines()
    assert lines == [line for line in said if line in lines]


@pytest.mark.usefixtures("home")
def test_machines_get_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The parts and the problems by their names."""
    assert 1 == main(["preview", "spring", "zoe", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert ("spring", "zoe", "the segment as it is now") == (said["campaign"], said["recipient_id"], said["source"])
    sms, email = said["channels"]
    expected = {"channel": "sms", "transport": "simulator", "endpoint": "+12025550143", "texts": {}}
    assert expected | {"problems": {"body": "'first_name' is undefined"}, "length": None} == sms
    assert 1 == main(["preview", "spring", "ben", "--json"])
    sms, _ = json.loads(capsys.readouterr().out)["channels"]
    assert {"encoding": "GSM 03.38", "units": 6, "parts": 1, "foreign": []} == sms["length"]
    assert ["subject", "body", "html"] == list(email["problems"])


def test_the_snapshot_that_was_taken_is_what_counts(home: Path, database_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Once somebody is in a snapshot their columns are those, whatever the segment says now; the books stay as they are."""
    head = 'name: spring\nsegment: {file: people.csv}\nchannel: sms\nchannels: {sms: {body: "Hi {{ first_name }}"}}\n'
    people = [{"recipient_id": "ada", "phone": "+12025550143", "first_name": "Old Ada"}]
    with ExitStack() as stack:
        here = make_world(stack, database_uri, home / "lake", head=head, people=people)
        (home / "dags/published").mkdir()
        write_manifest(here.engine.manifest, home / "dags/published/spring.json", "spring.json")
        assert 0 == main(["preview", "spring", "ada"])
        assert "by the segment as it is now\n" in capsys.readouterr().out
        here.filtered(NOW)
        before = here.books()
        assert 0 == main(["preview", "spring", "ada"])
        expected = "ada in spring, by the snapshot 20261201T150000Z\nsms to +12025550143, by simulator\n  body:\n    Hi Old Ada\n"
        expected += "  (10 characters in 1 part, GSM 03.38)\n"
        assert expected == capsys.readouterr().out
        assert 1 == main(["preview", "spring", "zoe"]), "who is in no snapshot is looked for in the segment"
        assert before == here.books()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["spring", "noah"], "The segment of spring has no recipient 'noah'.\n  Next: Check the id; it is compared as text.\n"),
        (["sprng", "ada"], "There is no draft of a campaign 'sprng'.\n  Next: Did you mean 'spring'?\n"),
        (["x", "ada"], "There is no draft of a campaign 'x'.\n  Next: Write it as dags/campaigns/NAME.yaml.\n"),
    ],
)
def test_nobody_to_show_is_wrong_use(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An id or a name that is not there is told."""
    assert 2 == main(["preview", *words])
    assert message == capsys.readouterr().err
