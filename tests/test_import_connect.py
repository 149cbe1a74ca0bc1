"""outcamp import connect: a campaign of Amazon Connect becomes a campaign file, and what has no counterpart is told."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from drafts import read_campaign
from outcamp.cli.main import main
from outcamp.steps.connect_import import import_connect

HOURS = {
    "dailyHours": {
        day: [{"startTime": "T09:00", "endTime": "T12:00"}, {"startTime": "T13:00", "endTime": "T23:59"}] for day in ("MONDAY", "TUESDAY")
    }
}
CLOSED = {"restrictedPeriodList": [{"name": "Summer", "startDate": "2026-07-12", "endDate": "2026-07-14"}]}
CAMPAIGN: dict[str, Any] = {
    "id": "3f0f9d4e-6f6a-4c58-9d3e-2f6d5a1f0f01",
    "arn": "arn:aws:connect-campaigns:us-east-1:123456789012:campaign/3f0f9d4e",
    "name": "Spring renewal, 2026",
    "connectInstanceId": "instance",
    "channelSubtypeConfig": {
        "telephony": {
            "capacity": 0.5,
            "connectQueueId": "queue",
            "outboundMode": {
                "predictive": {
                    "bandwidthAllocation": 1.5,
                }
            },
            "defaultOutboundConfig": {
                "connectContactFlowId": "flow",
                "connectSourcePhoneNumber": "+18005550101",
                "answerMachineDetectionConfig": {"enableAnswerMachineDetection": True, "awaitAnswerMachinePrompt": True},
            },
        },
        "sms": {
            "outboundMode": {"agentless": {}},
            "defaultOutboundConfig": {
                "connectSourcePhoneNumberArn": "arn:aws:connect:us-east-1:123456789012:phone-number/1",
                "wisdomTemplateArn": "arn:aws:wisdom:us-east-1:123456789012:message-template/1",
            },
        },
    },
    "source": {"customerProfilesSegmentArn": "arn:aws:profile:us-east-1:123456789012:segment/renewals"},
    "connectCampaignFlowArn": "arn:aws:connect:us-east-1:123456789012:flow/1",
    "schedule": {"startTime": "2026-12-01T12:03:00+00:00", "endTime": "2026-12-31T23:59:00+00:00", "refreshFrequency": "P1D"},
    "communicationTimeConfig": {
        "localTimeZoneConfig": {"localTimeZoneDetection": ["ZIP_CODE", "AREA_CODE"]},
        "telephony": {"openHours": HOURS, "restrictedPeriods": CLOSED},
        "sms": {"openHours": HOURS},
    },
    "communicationLimitsOverride": {
        "allChannelSubtypes": {"communicationLimitsList": [{"maxCountPerRecipient": 6, "frequency": 14, "unit": "DAY"}]},
        "instanceLimitsHandling": "OPT_OUT",
    },
}
YAML = """\
# Write include/sql/segments/Spring-renewal-2026.sql: who arn:aws:profile:us-east-1:123456789012:segment/renewals returned.
# Calls go by the Airflow connection 'connect': make it, or write another one.
# Texts come from arn:aws:connect:us-east-1:123456789012:phone-number/1: write its number as sender, and the transport that sends them.
# Write include/templates/imported.sms.j2: the text of arn:aws:wisdom:us-east-1:123456789012:message-template/1.
# It has several channels; agent_voice is taken for the main one: write reattempts that use sms.
# Reattempts stand in the campaign's flow, which this description does not hold: write them as reattempts.
# No counterpart: channelSubtypeConfig.telephony.capacity = 0.5
# No counterpart: channelSubtypeConfig.telephony.defaultOutboundConfig.answerMachineDetectionConfig.awaitAnswerMachinePrompt = True
name: Spring-renewal-2026
description: Imported from the Amazon Connect campaign Spring renewal, 2026
segment: {sql: Spring-renewal-2026.sql}
channel: agent_voice
channels:
  agent_voice: {transport: connect, sender: '+18005550101', flow: flow, detect_machine: true, queue: queue, mode: predictive,
    agent_share: 1.5}
  sms: {body: imported.sms.j2}
communication_limits:
- {count: 6, within: 14 days}
ignore_total_limits: true
communication_time:
  time_zone: recipient
  detect: [address, area_code]
  active:
  - days: [mon, tue]
    from: 09:00
    to: '12:00'
    channels: [agent_voice]
  - days: [mon, tue]
    from: '13:00'
    to: '24:00'
    channels: [agent_voice]
  - days: [mon, tue]
    from: 09:00
    to: '12:00'
    channels: [sms]
  - days: [mon, tue]
    from: '13:00'
    to: '24:00'
    channels: [sms]
  exceptions:
  - name: Summer
    from: '2026-07-12'
    to: '2026-07-13'
    channels: [agent_voice]
schedule: {start: '2026-12-01 12:03', time_zone: UTC, expires: '2026-12-31 23:59', repeat: daily}
"""


def changed(**changes: Any) -> dict[str, Any]:
    """The campaign with other values; a double underscore leads into a part, and None takes it away."""
    campaign = copy.deepcopy(CAMPAIGN)
    for path, value in changes.items():
        *parts, last = path.split("__")
        inner = campaign
        for part in parts:
            inner = inner.setdefault(part, {})
        inner.pop(last, None)
        inner.update({} if value is None else {last: value})
    return campaign


PREDICTIVE = {
    "predictive": {
        "bandwidthAllocation": 1.0,
        "pacingStrategies": [
            {
                "abandonmentRate": {
                    "targetRate": 0.03,
                    "connectionStartPoint": "GREETING_END",
                    "connectionThresholdSeconds": 3,
                    "evaluationWindow": "PT8H",
                }
            }
        ],
    }
}
MODES = {
    "agentless": (
        {"agentless": {}},
        "automated_voice",
        {"transport": "connect", "sender": "+18005550101", "flow": "flow", "detect_machine": True},
    ),
    "progressive": ({"progressive": {"bandwidthAllocation": 2.0}}, "agent_voice", {"mode": "progressive", "agent_share": 2.0}),
    "predictive": (
        PREDICTIVE,
        "agent_voice",
        {"mode": "predictive", "abandonment": {"target": "3%", "within": "3 seconds", "counted_from": "greeting_end", "over": "8 hours"}},
    ),
    "preview": (
        {"preview": {"bandwidthAllocation": 1.0, "timeoutConfig": {"durationInSeconds": 90}, "agentActions": ["DISCARD"]}},
        "agent_voice",
        {"mode": "preview", "preview_time": "90 seconds", "may_discard": True},
    ),
}


@pytest.mark.parametrize("mode", ["described", *MODES])
def test_what_is_imported_here_has_the_shape_that_amazon_gives_it(mode: str) -> None:
    """The descriptions of these tests are checked against Amazon's own model, as far as this release of it goes."""
    client = boto3.client("connectcampaignsv2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    campaign = CAMPAIGN if mode == "described" else changed(channelSubtypeConfig__telephony__outboundMode=MODES[mode][0])
    known = set(client.meta.service_model.shape_for("Campaign").members)
    if mode != "described" and not set(client.meta.service_model.shape_for("TelephonyOutboundMode").members) >= {mode}:
        pytest.fail(f"Amazon's model does not know the mode {mode}")
    moments = {name: datetime.fromisoformat(CAMPAIGN["schedule"][name]) for name in ("startTime", "endTime")}
    typed = {name: value for name, value in campaign.items() if name in known} | {"schedule": campaign["schedule"] | moments}
    with Stubber(client) as stubber:
        stubber.add_response("describe_campaign", {"campaign": typed}, {"id": campaign["id"]})
        assert campaign["name"] == client.describe_campaign(id=campaign["id"])["campaign"]["name"]


def test_everything_that_both_know_is_in_the_file_and_the_rest_is_told() -> None:
    """The notes stand at the head of the file, which is a right one."""
    made = import_connect({"campaign": copy.deepcopy(CAMPAIGN)})
    assert YAML == made.text
    campaign = read_campaign(made.text, "Spring-renewal-2026.yaml")
    assert ("Spring-renewal-2026", "agent_voice") == (campaign.name, campaign.channel)


@pytest.mark.parametrize(("mode", "channel", "block"), MODES.values(), ids=MODES)
def test_each_mode_of_calls_has_its_settings(mode: dict[str, Any], channel: str, block: dict[str, Any]) -> None:
    """Without agents the calls are automated."""
    made = import_connect(changed(channelSubtypeConfig__sms=None, channelSubtypeConfig__telephony__outboundMode=mode))
    found = made.settings["channels"][channel]
    assert block == {name: found[name] for name in block}
    assert ("queue" in found) == (channel == "agent_voice")
    assert channel == read_campaign(made.text, f"{made.name}.yaml").channel


@pytest.mark.parametrize(
    ("changes", "part", "expected"),
    [
        ({"schedule__refreshFrequency": "P7D"}, "schedule", "weekly"),
        ({"schedule__refreshFrequency": "PT36H"}, "schedule", "every 36 hours"),
        ({"schedule__refreshFrequency": "PT30M"}, "schedule", None),
        ({"schedule__refreshFrequency": None}, "schedule", None),
    ],
)
def test_a_refresh_is_a_repeat_where_it_is_whole_hours(changes: dict[str, Any], part: str, expected: str | None) -> None:
    """Shorter ones are told."""
    made = import_connect(changed(**changes))
    assert expected == made.settings[part].get("repeat")
    told = "No counterpart: the segment is refreshed every PT30M; outcamp's occurrences are whole hours apart."
    assert (changes["schedule__refreshFrequency"] == "PT30M") == (told in made.notes)


def test_seconds_since_1970_entry_limits_and_a_fixed_zone() -> None:
    """The SDK writes instants as numbers; an interval of nothing limits nothing."""
    changes = {
        "schedule": {"startTime": 1796126580, "endTime": 1798761540.0},
        "entryLimitsConfig": {"maxEntryCount": 3, "minEntryInterval": "P7D"},
        "communicationTimeConfig__localTimeZoneConfig": {"defaultTimeZone": "America/New_York"},
    }
    made = import_connect(changed(**changes))
    assert {"start": "2026-12-01 12:03", "time_zone": "UTC", "expires": "2026-12-31 23:59"} == made.settings["schedule"]
    assert {"max": 3, "min_interval": "1 week"} == made.settings["entry_limits"]
    assert "America/New_York" == made.settings["communication_time"]["time_zone"]
    read_campaign(made.text, f"{made.name}.yaml")
    without = import_connect(changed(entryLimitsConfig={"maxEntryCount": 0, "minEntryInterval": "PT0H"}))
    assert "entry_limits" not in without.settings


def test_no_value_leaves_its_comment() -> None:
    """A line end in a name writes no setting."""
    made = import_connect(changed(source={"customerProfilesSegmentArn": "arn\nreview: true"}, name="x\nholdout: 5%"))
    assert (False, 0.0) == ((campaign := read_campaign(made.text, f"{made.name}.yaml")).review, campaign.holdout)


def test_people_who_came_by_events_are_pushed() -> None:
    """Such a campaign has no segment."""
    made = import_connect(changed(source={"eventTrigger": {"customerProfilesDomainArn": "arn"}}))
    assert "external" == made.settings["segment"]
    assert "Its people came by events: it is an external campaign, into which they are pushed." in made.notes


def test_e_mails_have_their_sender_and_a_channel_of_theirs_alone_is_told() -> None:
    """WhatsApp is none of outcamp's channels."""
    email = {
        "outboundMode": {"agentless": {}},
        "defaultOutboundConfig": {
            "connectSourceEmailAddress": "news@example.com",
            "sourceEmailAddressDisplayName": "Acme",
            "wisdomTemplateArn": "arn:template",
        },
    }
    whats_app = {"defaultOutboundConfig": {"wisdomTemplateArn": "arn"}}
    made = import_connect(changed(channelSubtypeConfig={"email": email, "whatsApp": whats_app}))
    assert {"email": {"sender": "Acme <news@example.com>", "subject": "imported.subject.j2", "body": "imported.email.j2"}} == made.settings[
        "channels"
    ]
    assert "No counterpart: channelSubtypeConfig.whatsApp.defaultOutboundConfig.wisdomTemplateArn = 'arn'" in made.notes
    read_campaign(made.text, f"{made.name}.yaml")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([], "this is no Amazon Connect campaign as DescribeCampaign tells it"),
        ({"campaign": {"name": "x", "dialerConfig": {}}}, "this is no Amazon Connect campaign as DescribeCampaign tells it"),
        (changed(channelSubtypeConfig={"whatsApp": {}}), "Spring renewal, 2026: it uses none of the channels that outcamp has"),
        (
            changed(communicationLimitsOverride__allChannelSubtypes={"communicationLimitsList": [{"frequency": 2}]}),
            "the description is not as DescribeCampaign tells it: KeyError: 'maxCountPerRecipient'\n  Next: give it the JSON as it came",
        ),
        (
            changed(communicationTimeConfig__telephony__restrictedPeriods={"restrictedPeriodList": [{"startDate": "x", "endDate": "y"}]}),
            "the description is not as DescribeCampaign tells it: ValueError: Invalid isoformat string: 'x'",
        ),
        (changed(schedule__refreshFrequency="1 day"), "'1 day' is no duration as Amazon writes it"),
        (changed(schedule__startTime="tomorrow"), "'tomorrow' is no instant"),
    ],
)
def test_what_is_no_campaign_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: object, message: str
) -> None:
    """Nothing is written."""
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    file = tmp_path / "campaign.json"
    file.write_text(json.dumps(said), encoding="utf-8")
    assert 1 == main(["import", "connect", str(file)])
    assert capsys.readouterr().err.startswith(message)
    assert [file] == list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"campaign": ' * 100_000, "cannot be read: it is nested too deeply\n  Next: give it the JSON of DescribeCampaign"),
        (r'{"campaign": {"name": "\ud83d"}}', "holds a character that cannot be stored\n  Next: remove the \\ud... escape"),
    ],
)
def test_json_that_nobody_can_store_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    """Nothing is written."""
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    file = tmp_path / "campaign.json"
    file.write_text(text, encoding="utf-8")
    assert 1 == main(["import", "connect", str(file)])
    assert f"{file} {message}\n" == capsys.readouterr().err
    assert [file] == list(tmp_path.rglob("*"))


def test_a_byte_order_mark_is_no_part_of_the_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows writes one before the text."""
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    file = tmp_path / "campaign.json"
    file.write_text(json.dumps({"campaign": CAMPAIGN}), encoding="utf-8-sig")
    assert 0 == main(["import", "connect", str(file)])
    assert YAML == (tmp_path / "dags/campaigns/Spring-renewal-2026.yaml").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_read_is_told_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing, what is a folder and what is no JSON are three things; only the last is about what Amazon wrote."""
    missing, broken = tmp_path / "nofile.json", tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    said = {
        missing: f"{missing}: there is no such file\n  Next: check the path\n",
        tmp_path: f"{tmp_path} cannot be read: Is a directory\n  Next: check the path, and who may read it\n",
        broken: f"{broken} is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n"
        "  Next: give it the JSON of DescribeCampaign\n",
    }
    for path, message in said.items():
        assert (1, message) == (main(["import", "connect", str(path)]), capsys.readouterr().err)


def test_the_draft_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """People read what is left to do; a draft that is there already stays as it is."""
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    file = tmp_path / "campaign.json"
    file.write_text(json.dumps({"campaign": CAMPAIGN}), encoding="utf-8")
    assert 0 == main(["import", "connect", str(file)])
    lines = capsys.readouterr().out.splitlines()
    draft = "dags/campaigns/Spring-renewal-2026.yaml"
    assert (f"Wrote {draft}.", f"  Next: outcamp validate {draft}") == (lines[0], lines[-1])
    assert YAML == (tmp_path / draft).read_text(encoding="utf-8")
    assert 2 == main(["import", "connect", str(file)])
    assert f"{draft} is there already, and nothing was written.\n  Next: Rename or remove that draft first.\n" == capsys.readouterr().err
