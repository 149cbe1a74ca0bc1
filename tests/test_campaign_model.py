"""The campaign file: what it says, and every way in which it can be wrong."""

# ruff: noqa: DTZ001, E501 - the schedule's own times are wall-clock times; messages are pinned as they are printed

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from drafts import HEAD, campaign, read_campaign, refusal
from outcamp.core.campaign import Campaign, ExternalSegment, FileSegment, Limit, ReattemptRule, SqlSegment
from outcamp.core.campaign_schema import campaign_schema
from outcamp.core.channels import EmailSettings, Pace, SmsSettings
from outcamp.core.communication_time import ExceptionDays, Window
from outcamp.core.dispositions import DEFAULT_DEADLINE, DISPOSITIONS, ENDS_WELL, NEVER_REACHED, Channel
from outcamp.core.document import read_document
from outcamp.core.errors import CampaignFileError
from outcamp.core.refused_settings import refused_settings

ROOT = Path(__file__).parents[1]

# Every setting that there is.
FULL = """\
name: spring-renewal                 # letters, digits, -
description: Renewal reminders for policies that end within 30 days
owner: growth-data
segment:
  sql: renewals_due.sql
  connection: warehouse
  exclude: [employees.sql]
  columns: {recipient_id: customer_no, phone: mobile, country: country_code}
channel: sms
channels:
  sms:
    transport: twilio
    sender: "+18005550100"
    body: renewal.sms.j2
    pace: 100/second
    batch_size: 5000
    outcome_deadline: 72 hours
  automated_voice: {transport: connect, sender: "+18005550101", flow: renewal-reminder, ring_time: 30 seconds, detect_machine: true}
  email:
    transport: smtp_default
    sender: "Acme <news@example.com>"
    subject: "Your renewal, {{ first_name }}"
    body: renewal.txt.j2
    html: renewal.html.j2
    unsubscribe: "https://example.com/u/{{ recipient_id }}"
  agent_voice:
    transport: connect
    queue: renewals
    mode: predictive
    agent_share: 1.0
    abandonment: {target: 3%, within: 2 seconds, counted_from: greeting_end, over: 24 hours}
endpoints: [mobile, home]
communication_limits:
  - {count: 6, within: 2 days}
  - {count: 6, within: 2 weeks}
counts: active_campaigns
on_limit: drop
ignore_total_limits: false
reattempts:
  - {when: [unreachable, blocked], channel: automated_voice, wait: 30 minutes}
  - {when: [busy, no_answer], channel: automated_voice, wait: 2 hours, times: 2}
communication_time:
  time_zone: recipient
  detect: [column, address, area_code]
  scope: all
  active:
    - {days: mon-fri, from: "09:00", to: "12:00"}
    - {days: mon-fri, from: 13:00, to: 18:00}
    - {days: sat, from: "10:00", to: "14:00", channels: [sms]}
    - {days: [sun], from: "22:00", to: "24:00"}
  exceptions:
    - {name: Thanksgiving, date: 2026-11-26}
    - {name: Year end, from: 2026-12-24, to: 2027-01-01, channels: [automated_voice]}
  stop_early: 1 minute
schedule:
  start: 2026-12-01 07:03
  time_zone: America/New_York
  expires: 2026-12-31 23:59
  repeat: daily
entry_limits: {max: 3, min_interval: 7 days}
while_active: skip
holdout: 5%
review: false
breakers: {errors: 5%, complaints: 0.1%}
presets: [us_tcpa]
notify: [slack_ops]
"""


def test_the_full_example_says_all_of_this() -> None:
    """Every setting of the contract's example is read as what it means."""
    full = read_campaign(FULL, "spring-renewal.yaml")
    assert ("spring-renewal", "growth-data", "sms") == (full.name, full.owner, full.channel)
    mapping = {"recipient_id": "customer_no", "phone": "mobile", "country": "country_code"}
    assert SqlSegment(sql="renewals_due.sql", connection="warehouse", exclude=("employees.sql",), columns=mapping) == full.segment
    assert list(Channel) == sorted(full.channels)
    sms = full.channels[Channel.SMS]
    assert isinstance(sms, SmsSettings)
    assert ("renewal.sms.j2", Pace(100, "second"), timedelta(hours=72)) == (sms.body, sms.pace, sms.outcome_deadline)
    email = full.channels[Channel.EMAIL]
    assert isinstance(email, EmailSettings)
    assert ["subject", "body", "html", "unsubscribe"] == list(email.texts)
    assert timedelta(hours=24) == email.outcome_deadline
    assert ("mobile", "home") == full.endpoints
    assert (Limit(count=6, within=timedelta(days=2)), Limit(count=6, within=timedelta(weeks=2))) == full.communication_limits
    voice = Channel.AUTOMATED_VOICE
    assert (
        ReattemptRule(when=("unreachable", "blocked"), channel=voice, wait=timedelta(minutes=30)),
        ReattemptRule(when=("busy", "no_answer"), channel=voice, wait=timedelta(hours=2), times=2),
    ) == full.reattempts
    assert (Channel.SMS, voice) == full.channels_used
    times = full.communication_time
    assert times is not None
    assert ("recipient", ("column", "address", "area_code"), "all") == (times.time_zone, times.detect, times.scope)
    assert (
        Window(days=(0, 1, 2, 3, 4), start_minute=540, end_minute=720),
        Window(days=(0, 1, 2, 3, 4), start_minute=780, end_minute=1080),
        Window(days=(5,), start_minute=600, end_minute=840, channels=(Channel.SMS,)),
        Window(days=(6,), start_minute=1320, end_minute=1440),
    ) == times.active
    assert [
        ("Thanksgiving", date(2026, 11, 26), date(2026, 11, 26), ()),
        ("Year end", date(2026, 12, 24), date(2027, 1, 1), (voice,)),
    ] == [(days.name, days.start, days.end, days.channels) for days in times.exceptions]
    assert timedelta(minutes=1) == times.stop_early
    assert (datetime(2026, 12, 1, 7, 3), "America/New_York") == (full.schedule.start, full.schedule.time_zone)
    assert (datetime(2026, 12, 31, 23, 59), "daily") == (full.schedule.expires, str(full.schedule.repeat))
    assert full.entry_limits is not None
    assert (3, timedelta(days=7)) == (full.entry_limits.max, full.entry_limits.min_interval)
    assert (0.05, 0.001) == (full.holdout, full.breakers and full.breakers.complaints)
    assert (("us_tcpa",), ("slack_ops",)) == (full.presets, full.notify)


def test_the_smallest_campaign_has_these_defaults() -> None:
    """What a file leaves out is what the contract says."""
    small = campaign()
    assert (FileSegment(file="people.csv"), ("now", "UTC", None, None)) == (
        small.segment,
        (small.schedule.start, small.schedule.time_zone, small.schedule.expires, small.schedule.repeat),
    )
    assert ("active_campaigns", "drop", "skip", False, 0.0, False) == (
        small.counts,
        small.on_limit,
        small.while_active,
        small.ignore_total_limits,
        small.holdout,
        small.review,
    )
    assert (None, None, (), (), ()) == (
        small.communication_time,
        small.entry_limits,
        small.communication_limits,
        small.reattempts,
        small.endpoints,
    )
    sms = small.channels[Channel.SMS]
    assert ("simulator", None, None, 5000, timedelta(hours=72)) == (
        sms.transport,
        sms.sender,
        sms.pace,
        sms.batch_size,
        sms.outcome_deadline,
    )


@pytest.mark.parametrize("text", [FULL, HEAD, HEAD.replace("{file: people.csv}", "external")])
def test_a_campaign_survives_its_json(text: str) -> None:
    """What is written of a campaign reads back as the same campaign, and has the form of a campaign file."""
    read = read_campaign(text, "a.yaml")
    written = read.model_dump_json()
    assert read == Campaign.model_validate_json(written, strict=True, by_alias=True, by_name=False)
    jsonschema.validate(json.loads(read.model_dump_json(exclude_none=True)), campaign_schema())


def test_a_campaign_never_changes() -> None:
    """A campaign that was read cannot be edited."""
    with pytest.raises(ValueError, match="frozen"):
        campaign().name = "summer"


def test_external_recipients_are_one_word() -> None:
    """``segment: external`` has no settings."""
    assert ExternalSegment() == campaign(head=HEAD.replace("{file: people.csv}", "external")).segment


def test_an_external_campaign_does_not_repeat() -> None:
    """Each push is an occurrence; a schedule that starts by itself would have nobody to start with."""
    external = campaign("schedule: {repeat: daily}\n", HEAD.replace("{file: people.csv}", "external"))
    assert [
        'a.yaml: schedule.repeat: An external campaign has no starts of its own, so it cannot repeat. It says "daily".\n'
        "  Next: Leave it out: an external campaign starts whenever recipients are pushed."
    ] == [str(found) for found in refused_settings(external, file="a.yaml")]
    assert [] == refused_settings(external, simulated=True)


@pytest.mark.parametrize(
    ("days", "numbers"),
    [
        ("mon", (0,)),
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("sat-mon", (0, 5, 6)),
        ("sun-sat", (0, 1, 2, 3, 4, 5, 6)),
        ("[wed, mon]", (0, 2)),
        ("[sat-sun, mon, mon]", (0, 5, 6)),
    ],
)
def test_days_are_a_name_a_range_or_a_list(days: str, numbers: tuple[int, ...]) -> None:
    """A range may run over the end of the week, and a day that is named twice counts once."""
    times = campaign(f"communication_time: {{time_zone: UTC, active: [{{days: {days}, from: 09:00, to: 10:00}}]}}\n").communication_time
    assert times is not None
    assert numbers == times.active[0].days


SETTINGS = (
    "name, description, owner, segment, channel, channels, endpoints, communication_limits, counts, on_limit, ignore_total_limits, "
    "reattempts, communication_time, schedule, entry_limits, while_active, holdout, review, breakers, presets, notify"
)
CODES = "delivered, blocked, invalid_number, unreachable, expired, opted_out, failed, no_outcome, unknown"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            "reatempts: []\n",
            f"5: reatempts: 'reatempts' is not a setting here. Did you mean 'reattempts'?\n  Next: The settings here are: {SETTINGS}.",
        ),
        (
            "communication_limits:\n  - count: 6\n    witin: 2 days\n",
            (
                "6: communication_limits[0].within: within is missing.\n  Next: Add it.\n"
                "spring.yaml:7: communication_limits[0].witin: 'witin' is not a setting here. Did you mean 'within'?\n"
                "  Next: The settings here are: count, within."
            ),
        ),
        (
            "communication_limits: [{count: 0, within: 2 days}]\n",
            "5: communication_limits[0].count: 0 is not at least 1.\n  Next: Choose another value.",
        ),
        (
            'communication_limits: [{count: "6", within: 2 days}]\n',
            '5: communication_limits[0].count: A whole number is expected. It says "6".\n  Next: Write a whole number without quotes.',
        ),
        (
            "counts: all\n",
            '5: counts: "all" is not one of the values of this setting.\n  Next: Use one of: active_campaigns, all_campaigns.',
        ),
        ("review: yes\n", '5: review: true or false is expected. It says "yes".\n  Next: Write true or false, without quotes.'),
        ("owner: 12\n", "5: owner: Text is expected. It says 12.\n  Next: Put it in quotes."),
        ("owner: ''\n", "5: owner: The text is empty.\n  Next: Write something, or leave the setting out."),
        (
            "endpoints: mobile\n",
            '5: endpoints: A list is expected. It says "mobile".\n  Next: Write [one, two], or each item on a line of its own after a dash.',
        ),
        ("endpoints: [mobile, home, mobile]\n", "5: endpoints[2]: The column 'mobile' is named twice.\n  Next: Remove one."),
        (
            "schedule: daily\n",
            '5: schedule: A mapping is expected. It says "daily".\n  Next: Write {key: value}, or each key on an indented line of its own.',
        ),
        (
            "entry_limits: {}\n",
            "5: entry_limits: Entry limits need max, min_interval, or both.\n  Next: Add one, or leave entry_limits out.",
        ),
        (
            "reattempts: [{when: [unreachabel], channel: sms}]\n",
            (
                "5: reattempts[0].when[0]: 'unreachabel' is not a disposition. Did you mean 'unreachable'?\n"
                "  Next: Use one of: answered, voicemail, no_answer, busy, invalid_number, fax, abandoned, failed, no_outcome, unknown, delivered, "
                "bounced, soft_bounced, complained, rejected, blocked, unreachable, expired, opted_out."
            ),
        ),
        (
            "reattempts:\n  - {when: [blocked], channel: sms}\n  - {when: [busy], channel: sms}\n",
            f"7: reattempts[1].when[0]: 'busy' can never be the outcome here: no attempt by sms ends so.\n  Next: Use one of: {CODES}.",
        ),
        (
            "reattempts: [{when: [blocked], channel: smss}]\n",
            (
                "5: reattempts[0].channel: \"smss\" is not one of the values of this setting. Did you mean 'sms'?\n"
                "  Next: Use one of: agent_voice, automated_voice, email, sms."
            ),
        ),
        ("reattempts: [{when: [], channel: sms}]\n", "5: reattempts[0].when: The list is empty.\n  Next: Name at least one disposition."),
        (
            "reattempts: [{when: [blocked], channel: email}]\n",
            "4: channels.email: The campaign uses email, and channels has no block for it.\n  Next: Add email: with its settings to channels.",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(more: str, message: str) -> None:
    """Each wrong setting has its own message: line, field, what is wrong, the closest match, what to do."""
    assert f"spring.yaml:{message}" == refusal(more)


WINDOW = "{days: mon-fri, from: 09:00, to: 17:00}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{active: []}", "time_zone: time_zone is missing.\n  Next: Add it."),
        (
            "{time_zone: Recipient}",
            "time_zone: 'Recipient' is not a time zone. Did you mean 'recipient'?\n  Next: Write recipient, or a name of the IANA time zone database, such as America/New_York.",
        ),
        (
            "{time_zone: Europe/Berlni}",
            (
                "time_zone: 'Europe/Berlni' is not a time zone. Did you mean 'Europe/Berlin'?\n"
                "  Next: Write recipient, or a name of the IANA time zone database, such as America/New_York."
            ),
        ),
        (
            "{time_zone: UTC, exceptions: [{name: x, date: 2026-12-24}]}",
            (
                "exceptions: Exceptions need active times to be exceptions from.\n"
                '  Next: Add active: for instance [{days: mon-sun, from: "09:00", to: "20:00"}].'
            ),
        ),
        (
            "{time_zone: UTC, active: [{days: mon, from: 22:00, to: 06:00}]}",
            (
                "active[0].to: The window ends at 06:00, which is not after its start at 22:00.\n"
                '  Next: For a window across midnight write two: {from: "22:00", to: "24:00"}, and {from: "00:00", to: "06:00"} the next day.'
            ),
        ),
        (
            "{time_zone: UTC, active: [{days: mon, from: 22:00, to: 00:00}]}",
            (
                "active[0].to: The window ends at 00:00, which is not after its start at 22:00.\n"
                '  Next: Midnight at the end of the day is written to: "24:00".'
            ),
        ),
        (
            "{time_zone: UTC, active: [{days: mon, from: 9, to: 17:00}]}",
            'active[0].from: A time of day is expected. It says 9.\n  Next: Write hours and minutes in quotes: "09:00"; "24:00" is midnight at the end of the day.',
        ),
        (
            "{time_zone: UTC, active: [{days: monday, from: 09:00, to: 17:00}]}",
            "active[0].days: 'monday' is not a day. Did you mean 'mon'?\n  Next: Write a day (mon), a range (mon-fri, sat-mon) or a list ([mon, wed]).",
        ),
        (
            "{time_zone: UTC, active: [{days: wednesday, from: 09:00, to: 17:00}]}",
            "active[0].days: 'wednesday' is not a day. Did you mean 'wed'?\n  Next: Write a day (mon), a range (mon-fri, sat-mon) or a list ([mon, wed]).",
        ),
        (
            "{time_zone: UTC, active: [{days: 1, from: 09:00, to: 17:00}]}",
            "active[0].days: 1 is not a day.\n  Next: Write a day (mon), a range (mon-fri, sat-mon) or a list ([mon, wed]).",
        ),
        (
            "{time_zone: UTC, active: [{days: [1], from: 09:00, to: 17:00}]}",
            "active[0].days: 1 is not a day.\n  Next: Write a day (mon), a range (mon-fri, sat-mon) or a list ([mon, wed]).",
        ),
        (
            "{time_zone: UTC, active: [{days: mon, from: 09:00, to: 09:01}], stop_early: 1 minute}",
            (
                "active[0]: The window lasts 1 minute and stop_early is 1 minute: it would never be open.\n"
                "  Next: Make the window longer or stop_early shorter."
            ),
        ),
        (
            f"{{time_zone: UTC, active: [{WINDOW}], exceptions: [{{name: x, from: 2026-12-26, to: 2026-12-24}}]}}",
            (
                "exceptions[0].to: The exception ends on 2026-12-24, before its start on 2026-12-26.\n"
                "  Next: Both days are included: the same day twice is one day."
            ),
        ),
        (
            f"{{time_zone: UTC, active: [{WINDOW}], exceptions: [{{name: x, date: 2026-12-26, to: 2026-12-28}}]}}",
            'exceptions[0].date: An exception has either a date, or from and to. It says "2026-12-26".\n  Next: Remove one.',
        ),
        (
            f"{{time_zone: UTC, active: [{WINDOW}], exceptions: [{{name: x}}]}}",
            "exceptions[0].date: date is missing.\n  Next: Add date, or from and to.",
        ),
        (
            f"{{time_zone: UTC, active: [{WINDOW}], exceptions: [{{name: x, from: 2026-12-26}}]}}",
            "exceptions[0].to: to is missing.\n  Next: Add date, or from and to.",
        ),
        (
            f"{{time_zone: UTC, active: [{WINDOW}], exceptions: [{{name: x, date: 2026-02-30}}]}}",
            "exceptions[0].date: '2026-02-30' is not a day of the calendar.\n  Next: Write year, month and day: 2026-12-24.",
        ),
        (
            "{time_zone: recipient, detect: [column, column]}",
            "detect[1]: 'column' is named twice.\n  Next: Remove one.",
        ),
        (
            "{time_zone: recipient, detect: [columns]}",
            "detect[0]: \"columns\" is not one of the values of this setting. Did you mean 'column'?\n  Next: Use one of: column, address, area_code.",
        ),
    ],
)
def test_impossible_communication_times_are_refused(settings: str, message: str) -> None:
    """Each impossible communication time has its own message."""
    field = "" if message.startswith(":") else "communication_time."
    assert f"spring.yaml:5: {field}{message}" == refusal(f"communication_time: {settings}\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{sms: {}}", "channels.sms.body: body is missing.\n  Next: Add it."),
        (
            "{sms: {body: hi, bodi: ho}}",
            (
                "channels.sms.bodi: 'bodi' is not a setting here. Did you mean 'body'?\n"
                "  Next: The settings here are: transport, format, sender, pace, batch_size, outcome_deadline, body."
            ),
        ),
        (
            "{sms: {body: hi, sender: +18005550100}}",
            "channels.sms.sender: Text is expected. It says 18005550100.\n  Next: Put it in quotes.",
        ),
        (
            "{sms: {body: hi}, fax: {}}",
            "channels.fax: 'fax' is not a setting here.\n  Next: The settings here are: agent_voice, automated_voice, email, sms.",
        ),
        (
            "{sms: {body: hi}, email: {subject: Hi}}",
            "channels.email.body: An e-mail needs a body, as plain text, as html, or both.\n  Next: Add body or html.",
        ),
        (
            "{sms: {body: hi}, automated_voice: {ring_time: 90 seconds}}",
            'channels.automated_voice.ring_time: "90 seconds" is not at most 1 minute.\n  Next: Choose another value.',
        ),
        (
            "{sms: {body: hi}, agent_voice: {mode: preview, abandonment: {target: 3%}}}",
            "channels.agent_voice.abandonment: The mode preview has no abandonment.\n  Next: Remove it, or use mode: predictive.",
        ),
        (
            "{sms: {body: hi}, agent_voice: {mode: predicting}}",
            (
                "channels.agent_voice.mode: \"predicting\" is not one of the values of this setting. Did you mean 'predictive'?\n"
                "  Next: Use one of: agentless, progressive, predictive, preview."
            ),
        ),
    ],
)
def test_wrong_channel_settings_are_refused(settings: str, message: str) -> None:
    """Each wrong setting of a channel has its own message."""
    assert f"spring.yaml:4: {message}" == refusal("", HEAD.replace("{sms: {body: Hello}}", settings))


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ("externl", "segment: A segment is {sql: ...}, {file: ...} or external. It says \"externl\". Did you mean 'external'?\n  Next: Choose one of them."),
        ("External", "segment: A segment is {sql: ...}, {file: ...} or external. It says \"External\". Did you mean 'external'?\n  Next: Choose one of them."),
        ("{sql: a.sql, file: b.csv}", "segment.file: 'file' is not a setting here.\n  Next: The settings here are: exclude, columns, sql, connection."),
        ("{sql: a.sql, conection: x}", ("segment.conection: 'conection' is not a setting here. Did you mean 'connection'?\n"
         "  Next: The settings here are: exclude, columns, sql, connection.")),
        ("{file: ''}", "segment.file: The text is empty.\n  Next: Write something, or leave the setting out."),
        ("{file: a.csv, columns: {phone: 5}}", "segment.columns.phone: Text is expected. It says 5.\n  Next: Put it in quotes."),
    ],
)  # fmt: skip
def test_a_wrong_segment_is_refused(segment: str, message: str) -> None:
    """Each wrong segment has its own message."""
    assert f"spring.yaml:2: {message}" == refusal("", HEAD.replace("{file: people.csv}", segment))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("spring renewal", "'spring renewal' cannot be a campaign's name. Did you mean 'spring-renewal'?"),
        ("-spring", "'-spring' cannot be a campaign's name. Did you mean 'spring'?"),
        ("../../etc", "'../../etc' cannot be a campaign's name. Did you mean 'etc'?"),
        ('"spring\\n"', "'spring\\n' cannot be a campaign's name. Did you mean 'spring'?"),
        ("frühling", "'frühling' cannot be a campaign's name. Did you mean 'fr-hling'?"),
        ("''", "'' cannot be a campaign's name."),
    ],
)
def test_a_wrong_name_is_refused(name: str, said: str) -> None:
    """A name is also a file and a DAG: letters, digits and -."""
    message = refusal("", HEAD.replace("spring", name, 1))
    next_step = "  Next: Use 1 to 100 letters (a to z), digits and -, and begin with a letter or a digit."
    assert [f"spring.yaml:1: name: {said}", next_step] == message.splitlines()


def test_every_finding_is_told_in_the_order_of_the_file() -> None:
    """A file with several mistakes is refused once, with all of them."""
    with pytest.raises(CampaignFileError) as raised:
        campaign("holdout: 5\nchanel: sms\nreview: no\n")
    assert [(5, "holdout"), (6, "chanel"), (7, "review")] == [(found.line, found.field) for found in raised.value.findings]
    assert "channel" == raised.value.findings[1].closest
    assert "5" == raised.value.findings[0].value


@pytest.mark.parametrize(
    ("rules", "fine"),
    [
        ("[{when: [blocked], channel: automated_voice}, {when: [busy], channel: email}, {when: [bounced], channel: sms}]", True),
        ("[{when: [bounced], channel: sms}, {when: [blocked], channel: email}]", True),
        ("[{when: [blocked, busy], channel: automated_voice, times: 2}]", True),
        ("[{when: [blocked, busy], channel: automated_voice}]", False),
        ("[{when: [bounced], channel: email}]", False),
        ("[{when: [bounced], channel: automated_voice}, {when: [busy], channel: email}]", False),
    ],
)
def test_a_rule_may_name_what_an_earlier_attempt_can_become(rules: str, fine: bool) -> None:
    """An attempt before a rule is the main one, or one of a rule that can be used by then; the order of the rules does not matter."""
    channels = "{sms: {body: hi}, email: {subject: hi, body: hi}, automated_voice: {}}"
    head = HEAD.replace("{sms: {body: Hello}}", channels)
    if fine:
        assert campaign(f"reattempts: {rules}\n", head).reattempts
    else:
        assert "can never be the outcome here" in refusal(f"reattempts: {rules}\n", head)


def test_the_dispositions_of_every_channel_are_complete() -> None:
    """Each channel ends well in one of its codes, has those that stop counting, and knows both that nothing came and that nobody knows."""
    for channel in Channel:
        codes = DISPOSITIONS[channel]
        assert {ENDS_WELL[channel], "no_outcome", "unknown", *NEVER_REACHED[channel]} <= set(codes)
        assert len(codes) == len(set(codes))
        assert not {ENDS_WELL[channel], "no_outcome", "unknown"} & NEVER_REACHED[channel]
    assert {"sms": 72, "email": 24, "automated_voice": 12, "agent_voice": 12} == {
        channel: deadline / timedelta(hours=1) for channel, deadline in DEFAULT_DEADLINE.items()
    }


def test_python_may_build_the_parts_by_their_attributes() -> None:
    """Code names attributes; a campaign file cannot."""
    day = date(2026, 12, 24)
    assert ExceptionDays(name="x", start=day, end=day).start == day
    message = refusal("communication_time: {time_zone: UTC, active: [{days: mon, start_minute: 9, end_minute: 10}]}\n")
    assert "communication_time.active[0].start_minute: 'start_minute' is not a setting here." in message


def test_what_would_be_ignored_is_named() -> None:
    """Settings that mean nothing beside others are refused one by one, never ignored; everything else of a full file is obeyed."""
    assert [] == refused_settings(read_campaign(FULL, "spring-renewal.yaml"))
    segment = FULL[FULL.index("segment:") : FULL.index("channel: sms")]
    text = FULL.replace(segment, "segment: external\n")
    document, repeated = read_document(text, "spring-renewal.yaml"), read_campaign(text, "spring-renewal.yaml")
    found = [str(finding).splitlines()[0] for finding in document.located(refused_settings(repeated))]
    assert [
        f'spring-renewal.yaml:{text[: text.index("repeat:")].count(chr(10)) + 1}: schedule.repeat: An external campaign has no starts of its own, so it cannot repeat. It says "daily".'
    ] == found


def test_a_simulation_replaces_segment_and_transport() -> None:
    """Simulated, a campaign may name any transport and source; nothing is refused for what a simulation does not use."""
    full = read_campaign(FULL, "a.yaml")
    assert [] == [found.field for found in refused_settings(full, simulated=True)]
    repeated = campaign("schedule: {repeat: daily}\n", HEAD.replace("{file: people.csv}", "external"))
    assert ["schedule.repeat"] == [found.field for found in refused_settings(repeated)]
    assert [] == refused_settings(repeated, simulated=True)
    assert [] == refused_settings(campaign())
