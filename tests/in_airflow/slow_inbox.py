"""A mail server that takes its time with the messages of chosen campaigns, so that something can happen in between."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from outcamp.cli.demo_inbox import Inbox


@dataclass
class _Slow:
    after: int
    pace: float
    turn: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)


class SlowInbox(Inbox):
    """Keeps messages as the demo's mail server does, and knows when each one came."""

    def __init__(self, log: Path) -> None:
        super().__init__(log)
        self.arrivals: defaultdict[str, list[datetime]] = defaultdict(list)
        self._slow: dict[str, _Slow] = {}

    def slow_down(self, name: str, after: int = 20, pace: float = 1.0) -> None:
        """From now on, a campaign's messages after the first few take so many seconds each."""
        self._slow[name] = _Slow(after, pace)

    def hurry(self, name: str) -> None:
        """Take a campaign's messages in as they come, also the one that is being taken in."""
        self._slow[name].over.set()

    def is_slow(self, name: str) -> bool:
        """Whether the quick messages of a campaign are all in, so that its send is at work for some time."""
        return len(self.arrivals[name]) > self._slow[name].after

    def keep(self, recipient: str, text: str) -> None:
        """Keep a message, after its time."""
        name = subject_of(text)
        slow = self._slow.get(name)
        if slow is not None and len(self.arrivals[name]) >= slow.after:  # at once, when somebody has said hurry
            with slow.turn:  # whatever the number of connections
                slow.over.wait(slow.pace)
        super().keep(recipient, text)
        self.arrivals[name].append(datetime.now(UTC))


def subject_of(text: str) -> str:
    """Return the subject of a message, which is the name of its campaign."""
    return next(line.removeprefix("Subject: ") for line in text.splitlines() if line.startswith("Subject: "))
