"""The JSON Schema of the campaign file agrees with what the model takes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from drafts import HEAD, read_campaign
from outcamp.core.campaign_schema import campaign_schema, words_at
from outcamp.core.document import read_document
from outcamp.core.errors import CampaignFileError
from test_campaign_model import FULL

ROOT = Path(__file__).parents[1]


def test_the_published_schema_is_this_one() -> None:
    """The file for editors is what ``outcamp schema`` prints."""
    text = (ROOT / "include/schema/campaign.schema.json").read_text(encoding="utf-8")
    assert json.dumps(campaign_schema(), indent=2, ensure_ascii=False) + "\n" == text


def test_the_schema_is_one() -> None:
    """The schema keeps the rules of JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(campaign_schema())


@pytest.mark.parametrize("text", [FULL, HEAD, (ROOT / "dags/campaigns/spring-renewal.yaml").read_text(encoding="utf-8")])
def test_the_schema_takes_what_the_model_takes(text: str) -> None:
    """Files that are right are right for an editor too."""
    jsonschema.validate(read_document(text, "a.yaml").data, campaign_schema())


@pytest.mark.parametrize(
    "more",
    [
        "chanel: sms",
        "holdout: 5",
        "counts: all",
        "review: yes",
        "schedule: {repeat: dayly}",
        "schedule: {start: tomorrow}",
        "communication_limits: [{count: 0, within: 1 day}]",
        "communication_limits: [{count: 1, within: 1 fortnight}]",
        "reattempts: [{when: [lost], channel: sms}]",
        "reattempts: [{when: [], channel: sms}]",
        "communication_time: {time_zone: UTC, active: [{days: monday, from: 09:00, to: 10:00}]}",
        "communication_time: {time_zone: UTC, active: [{days: mon, from: 9, to: 10:00}]}",
        "communication_time: {time_zone: UTC, exceptions: [{name: x}]}",
        "communication_time: {time_zone: UTC, exceptions: [{name: x, date: 2026-12-24, to: 2026-12-24}]}",
    ],
)
def test_the_schema_refuses_what_the_model_refuses(more: str) -> None:
    """What an editor can see of a mistake, it shows."""
    text = f"{HEAD}{more}\n"
    with pytest.raises(CampaignFileError):
        read_campaign(text, "a.yaml")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read_document(text, "a.yaml").data, campaign_schema())


def test_every_setting_is_explained_to_an_editor() -> None:
    """Each field of the campaign, of its schedule and of its communication time has a description."""
    schema = campaign_schema()
    for part in (schema, schema["$defs"]["Schedule"], schema["$defs"]["CommunicationTime"], schema["$defs"]["SmsSettings"]):
        assert [] == [name for name, field in part["properties"].items() if "description" not in field and "$ref" not in field]


def test_the_schema_knows_the_words_of_a_place() -> None:
    """The closest match of a wrong word is looked for among the words that are right where it stands."""
    assert ("count", "within") == words_at(("communication_limits", 3))
    assert ("agent_voice", "automated_voice", "email", "sms") == words_at(("reattempts", 0, "channel"))
    assert () == words_at(("nowhere", "at", "all"))
