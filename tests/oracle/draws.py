"""What all strategies draw from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

CHANNELS = ["sms", "sms", "automated_voice", "email", "agent_voice"]
# Of every channel there may also be no_outcome, and unknown when nobody knows whether it was submitted.
DISPOSITIONS = {
    "sms": ["delivered", "blocked", "invalid_number", "unreachable", "expired", "opted_out", "failed"],
    "email": ["delivered", "bounced", "soft_bounced", "complained", "rejected"],
    "automated_voice": ["answered", "voicemail", "no_answer", "busy", "invalid_number", "fax", "abandoned", "failed"],
    "agent_voice": ["answered", "voicemail", "no_answer", "busy", "invalid_number", "fax", "abandoned", "failed"],
}
ON_EVERY_CHANNEL = ["no_outcome", "unknown"]
RARELY_BAD = 7


def mostly(answer: bool) -> st.SearchStrategy[bool]:
    """Draw this answer four times out of five."""
    return st.sampled_from([answer] * 4 + [not answer])


def one_of(good: list[Any], bad: list[Any]) -> st.SearchStrategy[Any]:
    """Draw something good, or sometimes something bad."""
    return st.integers(0, RARELY_BAD).flatmap(lambda number: st.sampled_from(bad if number == RARELY_BAD else good))
