"""When the virtual clock must stop for an outcome that is still to come.

An outcome only matters to the clock when it can make something due: a reattempt, or the exit that a deferred row waits for.
All others are taken in by whichever wave comes next; they carry their own instant, so nothing is decided differently.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from outcamp.core.campaign import Campaign
from outcamp.core.dispositions import NO_OUTCOME
from outcamp.transports.base import INSTANT


def wake_at(coming: pa.Table, campaign: Campaign) -> pa.Array:
    """Return when something may be due because of each outcome (channel, disposition, sent_at, disposed_at); null: never."""
    names = coming["channel"].to_numpy()
    deadlines = np.zeros(coming.num_rows, "m8[us]")
    for channel, settings in campaign.channels.items():
        deadlines[names == channel] = np.timedelta64(settings.outcome_deadline)
    sent_at, happens_at = (coming[name].to_numpy().astype("M8[us]") for name in ("sent_at", "disposed_at"))
    late = happens_at > sent_at + deadlines
    known_at = np.where(late, sent_at + deadlines, happens_at)
    code = np.where(late, NO_OUTCOME, coming["disposition"].to_numpy())

    wakes = np.full(coming.num_rows, np.datetime64("NaT"), "M8[us]")
    if campaign.while_active == "defer":
        wakes = known_at
    else:
        for disposition in {named for rule in campaign.reattempts for named in rule.when}:
            shortest = min(rule.wait for rule in campaign.reattempts if disposition in rule.when)
            wakes = np.where(code == disposition, known_at + np.timedelta64(shortest), wakes)
    return pa.array(wakes).cast(INSTANT)
