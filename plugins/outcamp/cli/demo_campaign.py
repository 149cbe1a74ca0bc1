"""The demo's campaign file: an ordinary one, except that its hours are those around the moment at which the demo runs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytz

from outcamp.cli.demo_people import OPEN_AT_ONCE, OPENING

NAME = "faster-homes"


def campaign_text(now: datetime, opens_at: datetime) -> str:
    """Return the campaign file. People in ``OPENING`` may be contacted from ``opens_at`` on, a whole minute; all others at once."""
    windows = []
    for zone in OPEN_AT_ONCE:
        local = now.astimezone(pytz.timezone(zone))
        windows += _windows(local - timedelta(hours=1), local + timedelta(hours=2), zone)
    opening = opens_at.astimezone(pytz.timezone(OPENING))
    windows += _windows(opening, opening + timedelta(hours=3), OPENING)
    expires = now + timedelta(hours=2)
    return f"""\
name: {NAME}
description: An offer to customers, by text message, and by e-mail to whom it did not reach
owner: demo
segment:
  sql: customers.sql                 # 20,000 rows of a Postgres table
  connection: warehouse              # over an Airflow connection
  exclude: [employees.sql]
  columns: {{recipient_id: customer_no, country: country_code}}
endpoints: [mobile, home]            # the first valid one
channel: sms
channels:
  sms: {{transport: simulator, sender: "+18005550100", body: upgrade.sms.j2, batch_size: 10000, outcome_deadline: 25 seconds}}
  email: {{transport: inbox, sender: "Acme <news@acme.example>", subject: "{{{{ first_name }}}}, twice as fast", body: upgrade.txt.j2}}
communication_limits:
  - {{count: 3, within: 1 day}}
reattempts:
  - {{when: [unreachable, blocked, failed, no_outcome], channel: email, wait: 5 seconds}}
holdout: 2%
communication_time:
  time_zone: recipient
  detect: [area_code]
  active:
{chr(10).join(windows)}
schedule:
  start: now
  expires: {expires:%Y-%m-%d %H:%M}
"""


def _windows(start: datetime, end: datetime, zone: str) -> list[str]:
    """Return a daily window; one that passes midnight is two."""
    spans = [(start, end)] if start.date() == end.date() else [(start, None), (None, end)]
    return [
        f'    - {{days: mon-sun, from: "{a:%H:%M}", to: "{b:%H:%M}"}}  # {zone}'
        if a and b
        else f'    - {{days: mon-sun, from: "{a:%H:%M}", to: "24:00"}}  # {zone}'
        if a
        else f'    - {{days: mon-sun, from: "00:00", to: "{b:%H:%M}"}}  # {zone}'
        for a, b in spans
        if b is None or f"{b:%H:%M}" != "00:00"
    ]
