"""docs/campaign-file.md says what a campaign file may hold: its tables are those of the schema and of the dispositions."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

import campaign_tables
from campaign_tables import DOCUMENT, TABLES, anchor, marked, write_tables
from outcamp.steps.status import state_of
from outcamp.store.status import Facts

ROOT = Path(__file__).parents[1]
TEXT = DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_the_document_has_the_tables_of_the_code(name: str) -> None:
    """Every setting and every disposition; ``.venv/bin/python tests/campaign_tables.py`` renews them."""
    assert list(TABLES[name]()) == marked(TEXT, name)[1]


def test_the_tables_are_renewed_where_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document whose tables are out of date is written as this one is, with all its other words."""
    old = Path(shutil.copy(DOCUMENT, tmp_path))
    old.write_text(TEXT.replace("| required |", "| |"), encoding="utf-8")
    monkeypatch.setattr(campaign_tables, "DOCUMENT", old)
    write_tables()
    assert TEXT == old.read_text(encoding="utf-8")


def test_every_link_within_the_page_has_its_heading() -> None:
    """A setting that is a mapping leads to the table of that mapping."""
    headings = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}
    assert set() == set(re.findall(r"\]\(#([^)]+)\)", TEXT)) - headings


def test_every_state_is_explained() -> None:
    """The states of the document are all that a campaign's facts can say."""
    at = datetime(2026, 12, 1, tzinfo=UTC)
    facts = [
        Facts(1, "spring", at, expires, None, stopped, deleted, error, None, live)
        for expires, stopped, deleted, error, live in product(*[(None, at)] * 4, (True, False))
    ]
    states = {
        state_of(known, at, known and known.expires_at, published=published, paused=paused)
        for known, published, paused in product([None, *facts], (True, False), (True, False))
    }
    table = TEXT.partition("\n## States\n")[2].partition("\n## ")[0]
    assert states == set(re.findall(r"^\| ([A-Z]\w+) \|", table, re.MULTILINE))


def test_the_line_for_editors_leads_to_the_schema() -> None:
    """From the folder of campaign files, and the shipped campaign begins with it."""
    line, path = re.search(r"(# yaml-language-server: \$schema=(\S+))", TEXT).groups()
    shipped = ROOT / "dags" / "campaigns" / "spring-renewal.yaml"
    assert (ROOT / "include" / "schema" / "campaign.schema.json") == (shipped.parent / path).resolve()
    assert line == shipped.read_text(encoding="utf-8").splitlines()[0]
