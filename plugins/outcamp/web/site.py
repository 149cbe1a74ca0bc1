"""What the pages work with: the project, its lake, and the ledger, a connection for each thread that answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.core.limits import Limit

if TYPE_CHECKING:
    from outcamp.store.ledger import Ledger


@dataclass(frozen=True)
class Site:
    """The deployment that the pages show.

    Attributes:
        home: The root of the project.
        lake: The folder of the lake.
        open_ledger: Returns a ledger of its own at each call.
        total_limits: The deployment's own communication limits.
    """

    home: Path
    lake: Path
    open_ledger: Callable[[], Ledger]
    total_limits: tuple[Limit, ...] = ()
    _of_thread: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    @property
    def ledger(self) -> Ledger:
        """The ledger of this thread; its tables are there, whoever comes first."""
        found: Ledger | None = getattr(self._of_thread, "ledger", None)
        if found is None:
            found = self.open_ledger()
            found.migrate()
            self._of_thread.ledger = found
        return found
