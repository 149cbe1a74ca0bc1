"""A simulation in shares is the same simulation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from drafts import HEAD
from outcamp.steps.simulate import Simulation, simulate

AT = datetime(2026, 12, 1, 15, tzinfo=UTC)
PERSONS = 200
MORE = """\
communication_limits: [{count: 2, within: 1 day}]
reattempts: [{when: [unreachable, failed], channel: sms, wait: 30 minutes, times: 2}]
while_active: defer
schedule: {start: now, repeat: every 2 hours}
"""


def simulated(postgres_uri: str, shares: int) -> Simulation:
    """A day of a campaign in which outcomes, histories and suppressions differ from person to person."""
    ids = [f"person-{number}" for number in range(PERSONS)]
    people = pa.table({"recipient_id": [*ids, *ids[:9]], "phone": [f"+1202555{number:04d}" for number in range(PERSONS + 9)]})
    known = ids[::7]
    earlier = [AT - timedelta(hours=3)] * len(known)
    history = pa.table({"recipient_id": known, "campaign": ["other"] * len(known), "contacted_at": earlier})
    outcomes = pa.table(
        {
            "recipient_id": ids,
            "attempt": [1] * PERSONS,
            "channel": ["sms"] * PERSONS,
            "disposition": [("unreachable", "failed", "delivered")[number % 3] for number in range(PERSONS)],
            "after": [float(number * 60) for number in range(PERSONS)],
        }
    )
    suppressions = pa.table({"recipient_id": ids[::11]})
    given = (HEAD + MORE, "spring.yaml", people, history, outcomes, suppressions)
    return simulate(*given, AT, AT + timedelta(hours=12), timedelta(minutes=5), postgres=postgres_uri, shares=shares)


def test_shares_say_what_one_says(postgres_uri: str) -> None:
    """Verdicts, attempts and the summary of several processes are those of one, in the same order."""
    one, several = simulated(postgres_uri, 1), simulated(postgres_uri, 3)
    assert one.summary == several.summary
    assert one.verdicts.equals(several.verdicts)
    assert one.attempts.equals(several.attempts)
    assert {"send", "later", "drop"} == set(one.verdicts["verdict"].to_pylist())
    assert one.summary["balanced"]
