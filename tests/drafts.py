"""Campaign files for tests: a small one that is right, projects to put it in, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from outcamp.core.campaign import Campaign
from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.errors import CampaignFileError

# Four lines; what a test adds begins on the fifth.
HEAD = """\
name: spring
segment: {file: people.csv}
channel: sms
channels: {sms: {body: Hello}}
"""
PEOPLE = "recipient_id,phone,email,first_name\n1,+12025550143,ada@example.com,Ada\n"


def read_campaign(text: str, file: str) -> Campaign:
    """The campaign that a file describes."""
    return campaign_of(read_document(text, file))


def campaign(more: str = "", head: str = HEAD) -> Campaign:
    """The campaign of the small file and these further lines."""
    return read_campaign(head + more, "spring.yaml")


def refusal(more: str, head: str = HEAD) -> str:
    """What is printed about the small file with these further lines."""
    with pytest.raises(CampaignFileError) as raised:
        campaign(more, head)
    return str(raised.value)


def make_project(home: Path, draft: str = HEAD, people: str = PEOPLE) -> Path:
    """A project with one draft and its recipient list; returns the draft."""
    for folder in ("dags/campaigns", "include/sql/segments", "include/templates"):
        (home / folder).mkdir(parents=True)
    (home / "people.csv").write_text(people, encoding="utf-8")
    file = home / "dags/campaigns/spring.yaml"
    file.write_text(draft, encoding="utf-8")
    return file
