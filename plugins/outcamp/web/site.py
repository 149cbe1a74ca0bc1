"""What the pages work with: the project, its lake, and the ledger, a connection for each thread that answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from outcamp.core.callback_secrets import CallbackSecrets
from outcamp.core.errors import UsageError
from outcamp.core.limits import Limit
from outcamp.core.places import Address, Place
from outcamp.steps.places import Opens, opener
from outcamp.web import sns

if TYPE_CHECKING:
    from outcamp.store.ledger import Ledger


def _no_connection(conn_id: str) -> NoReturn:
    raise UsageError(f"The connection {conn_id!r} is not known here.", next_step="name none: the environment says whose the bucket is")


@dataclass(frozen=True)
class Site:
    """The deployment that the pages show.

    Threads share what takes long: whether the ledger's tables are there is asked once.

    Attributes:
        home: The root of the project.
        lake: Where the lake lies.
        open_ledger: Returns a ledger of its own at each call.
        total_limits: The deployment's own communication limits.
        outcomes: Where files of outcomes are taken in.
        opens: Opens these two places, over Airflow's connections.
        secrets: Returns what those are known by who tell outcomes.
        fetch: Returns what lies at an address of Amazon's.
    """

    home: Path
    lake: Path | Address
    open_ledger: Callable[[], Ledger]
    total_limits: tuple[Limit, ...] = ()
    outcomes: Path | Address = Path()
    opens: Opens = field(default_factory=lambda: opener(_no_connection))
    secrets: Callable[[], CallbackSecrets] = CallbackSecrets
    fetch: sns.Fetch = sns.fetch
    _migrated: threading.Event = field(default_factory=threading.Event, init=False, repr=False, compare=False)
    _of_thread: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    @property
    def lake_place(self) -> Place:
        """The lake, opened."""
        return self.opens(self.lake)

    @property
    def outcomes_place(self) -> Place:
        """Where outcomes are taken in, opened."""
        return self.opens(self.outcomes)

    @property
    def ledger(self) -> Ledger:
        """The ledger of this thread; its tables are there, whoever comes first."""
        found: Ledger | None = getattr(self._of_thread, "ledger", None)
        if found is None:
            found = self.open_ledger()
            if not self._migrated.is_set():
                found.migrate()
                self._migrated.set()
            self._of_thread.ledger = found
        return found
