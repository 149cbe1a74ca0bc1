"""The schemas of the lake's datasets. ``docs/datasets.md`` describes them; a change raises the version."""

from __future__ import annotations

import pyarrow as pa

SCHEMA_VERSION = 1
INSTANT = pa.timestamp("us", tz="UTC")

VERDICTS = pa.schema(
    [
        ("wave_at", INSTANT),
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("due_at", INSTANT),
    ]
)

# What a send task needs, and nothing more; the template's columns follow.
BATCH_KEYS = pa.schema(
    [
        ("occurrence_id", pa.int64()),
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("bucket", pa.int16()),
        ("channel", pa.string()),
        ("endpoint", pa.string()),
        ("zones", pa.string()),
    ]
)

# What became of each send verdict of a wave. became: submitted | later | drop.
RESULTS = pa.schema(
    [
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("became", pa.string()),
        ("reason", pa.string()),
        ("sent_at", INSTANT),
        ("message_id", pa.string()),
        ("disposition", pa.string()),
        ("disposed_at", INSTANT),
    ]
)

DISPOSITIONS = pa.schema(
    [
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("sent_at", INSTANT),
        ("disposition", pa.string()),
        ("disposed_at", INSTANT),
        ("counted", pa.bool_()),
        ("rule", pa.int16()),
    ]
)

# One row an entry, as it stands. state: waiting | sending | awaiting_outcome | exited.
ENTRIES = pa.schema(
    [
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("state", pa.string()),
        ("entered_at", INSTANT),
        ("exited_at", INSTANT),
        ("exit_reason", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("sent_at", INSTANT),
        ("disposition", pa.string()),
        ("waits_for", pa.string()),
        ("due_at", INSTANT),
    ]
)

ATTEMPTS = pa.schema(
    [
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("sent_at", INSTANT),
        ("disposition", pa.string()),
        ("disposed_at", INSTANT),
        ("counted", pa.bool_()),
        ("rule", pa.int16()),
    ]
)

# The keys of one attempt in the ledger.
ATTEMPT_KEYS = pa.schema([("occurrence_id", pa.int64()), ("recipient_id", pa.string()), ("attempt", pa.int16())])
CLAIMED = pa.schema(
    [
        *ATTEMPT_KEYS,
        ("bucket", pa.int16()),
        ("part", pa.int16()),
        ("channel", pa.string()),
        ("is_new", pa.bool_()),
    ]
)
STANDING = pa.schema(
    [
        ("is_open", pa.bool_()),
        ("entries", pa.int64()),
        ("last_entered_at", INSTANT),
        ("is_suppressed", pa.bool_()),
    ]
)
