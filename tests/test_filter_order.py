"""The order of the filter's rules: where two reasons apply to one candidate, the earlier one is its verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from outcamp.steps.simulate import simulate

AT = datetime(2026, 12, 1, 15, tzinfo=UTC)  # a Tuesday
TOMORROW = AT + timedelta(days=1)
ADA, BEN = "+12025550143", "+12125550143"
HEAD = """\
name: spring
segment: external
channel: sms
channels: {sms: {body: Hello}, email: {subject: Hello, body: Hello}}
"""
ONE_ENTRY = "entry_limits: {max: 1}\n"
ALL_HELD_OUT = "holdout: 99.999999%\n"
BY_COLUMN = "communication_time: {time_zone: recipient, detect: [column], active: [{days: mon-sun, from: '09:00', to: '18:00'}]}\n"
FOR_EMAIL_ONLY = "communication_time: {time_zone: UTC, active: [{days: mon-sun, from: '09:00', to: '18:00', channels: [email]}]}\n"
EVENINGS = "communication_time: {time_zone: UTC, active: [{days: mon-sun, from: '20:00', to: '22:00'}]}\n"
ONE_A_DAY = "communication_limits: [{count: 1, within: 1 day}]\n"
DAILY = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-02 18:00, repeat: daily}\n"
NOTHING_COMES = [{"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "delivered", "after": 1_000_000}]
CONTACTED = [{"recipient_id": "ada", "campaign": "other", "contacted_at": AT - timedelta(hours=1), "active": True}]


def verdicts(
    postgres_uri: str, more: str, recipients: list[dict[str, str]], until: datetime = AT, **books: list[dict[str, object]]
) -> list[tuple[datetime, str, str | None]]:
    """The verdicts of a campaign, in order of time."""
    tables = {name: pa.Table.from_pylist(rows) for name, rows in books.items()}
    found = simulate(
        campaign_text=HEAD + more,
        file="spring.yaml",
        recipients=pa.Table.from_pylist(recipients),
        history=tables.get("history"),
        outcomes=tables.get("outcomes"),
        suppressions=tables.get("suppressions"),
        at=AT,
        until=until,
        wave_interval=timedelta(minutes=1),
        postgres=postgres_uri,
    )
    assert found.summary["balanced"]
    rows = found.verdicts.sort_by([("wave_at", "ascending"), ("reason", "ascending")]).to_pylist()
    return [(row["wave_at"], row["verdict"], row["reason"]) for row in rows]


def ada(**columns: str) -> dict[str, str]:
    """A recipient who is fine but for these columns."""
    return {"recipient_id": "ada", "phone": ADA, "time_zone": "UTC", **columns}


def test_the_expiry_comes_before_everything(postgres_uri: str) -> None:
    """A reattempt that has no endpoint on its channel, and waits at the expiry, is dropped as expired."""
    more = (
        "reattempts: [{when: [blocked], channel: email, wait: 2 hours}]\n"
        "schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-01 16:00}\n"
    )
    outcomes = [{"recipient_id": "ada", "attempt": 1, "channel": "sms", "disposition": "blocked", "after": 60}]
    found = verdicts(postgres_uri, more, [ada()], TOMORROW, outcomes=outcomes)
    assert [(AT, "send", None), (AT + timedelta(hours=1), "drop", "expired")] == found


def test_duplicate_comes_before_invalid_endpoint(postgres_uri: str) -> None:
    """The second of two rows with the same wrong number is a duplicate."""
    found = verdicts(postgres_uri, "", [ada(phone="none"), ada(phone="none")])
    assert [(AT, "drop", "duplicate"), (AT, "drop", "invalid_endpoint")] == found


def test_invalid_endpoint_comes_before_suppressed(postgres_uri: str) -> None:
    """A suppressed recipient without a number has an invalid endpoint; with one, the recipient is suppressed."""
    rows = [ada(phone="none"), ada(recipient_id="ben")]
    found = verdicts(postgres_uri, "", rows, suppressions=[{"recipient_id": "ada"}, {"recipient_id": "ben"}])
    assert [(AT, "drop", "invalid_endpoint"), (AT, "drop", "suppressed")] == found


def test_suppressed_comes_before_already_in_campaign(postgres_uri: str) -> None:
    """Whose entry is open, and whose new number is suppressed, is suppressed."""
    rows = [ada(occurrence="0"), ada(occurrence="1", phone=BEN)]
    found = verdicts(postgres_uri, DAILY, rows, TOMORROW, outcomes=NOTHING_COMES, suppressions=[{"endpoint": BEN}])
    assert [(AT, "send", None), (TOMORROW, "drop", "suppressed")] == found


@pytest.mark.parametrize(("more", "verdict"), [("", "drop"), ("while_active: defer\n", "later")])
def test_already_in_campaign_comes_before_entry_limit(postgres_uri: str, more: str, verdict: str) -> None:
    """Whose only entry is still open is already in the campaign, dropped or deferred."""
    found = verdicts(postgres_uri, f"{DAILY}{ONE_ENTRY}{more}", [ada()], TOMORROW, outcomes=NOTHING_COMES)
    assert [(AT, "send", None), (TOMORROW, verdict, "already_in_campaign")] == found


def test_entry_limit_comes_before_no_time_zone(postgres_uri: str) -> None:
    """Who had all entries, and has lost the zone, is over the entry limit."""
    rows = [ada(occurrence="0"), ada(occurrence="1", time_zone="")]
    found = verdicts(postgres_uri, f"{DAILY}{ONE_ENTRY}{BY_COLUMN}", rows, TOMORROW)
    assert [(AT, "send", None), (TOMORROW, "drop", "entry_limit")] == found


def test_no_time_zone_comes_before_holdout(postgres_uri: str) -> None:
    """Who would be held out, and has no zone, has no time zone."""
    assert [(AT, "drop", "no_time_zone")] == verdicts(postgres_uri, f"{ALL_HELD_OUT}{BY_COLUMN}", [ada(time_zone="")])


def test_holdout_comes_before_no_open_time(postgres_uri: str) -> None:
    """Who is held out on a channel that is never open is held out."""
    assert [(AT, "drop", "holdout")] == verdicts(postgres_uri, f"{ALL_HELD_OUT}{FOR_EMAIL_ONLY}", [ada()])


def test_holdout_comes_before_window_closed(postgres_uri: str) -> None:
    """Who is held out while the window is closed is held out, and does not wait."""
    assert [(AT, "drop", "holdout")] == verdicts(postgres_uri, f"{ALL_HELD_OUT}{EVENINGS}", [ada()])


def test_no_open_time_comes_before_window_closed(postgres_uri: str) -> None:
    """When the window is closed and opens only at the expiry, nobody waits for it."""
    schedule = "schedule: {start: 2026-12-01 15:00, time_zone: UTC, expires: 2026-12-01 20:00}\n"
    assert [(AT, "drop", "no_open_time")] == verdicts(postgres_uri, f"{schedule}{EVENINGS}", [ada()])


def test_no_open_time_comes_before_over_limit(postgres_uri: str) -> None:
    """Who is over a limit on a channel that is never open has no open time."""
    assert [(AT, "drop", "no_open_time")] == verdicts(postgres_uri, f"{ONE_A_DAY}{FOR_EMAIL_ONLY}", [ada()], history=CONTACTED)


@pytest.mark.parametrize("more", ["", "on_limit: defer\n"])
def test_window_closed_comes_before_over_limit(postgres_uri: str, more: str) -> None:
    """Who is over a limit while the window is closed waits for the window."""
    assert [(AT, "later", "window_closed")] == verdicts(postgres_uri, f"{ONE_A_DAY}{EVENINGS}{more}", [ada()], history=CONTACTED)


@pytest.mark.parametrize(("more", "verdict"), [("", "drop"), ("on_limit: defer\n", "later")])
def test_over_limit_comes_before_send(postgres_uri: str, more: str, verdict: str) -> None:
    """Who is over a limit is not sent to, and waits only where the campaign says so."""
    assert [(AT, verdict, "over_limit")] == verdicts(postgres_uri, f"{ONE_A_DAY}{more}", [ada()], history=CONTACTED)


def test_whoever_no_rule_applies_to_is_sent_to(postgres_uri: str) -> None:
    """No reason is left: the verdict is send, and has none."""
    assert [(AT, "send", None)] == verdicts(postgres_uri, f"{ONE_A_DAY}{BY_COLUMN}{ONE_ENTRY}", [ada()])
