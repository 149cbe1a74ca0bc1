"""delete: a campaign ends for good, and its manifest goes."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from outcamp.core.errors import UsageError
from outcamp.core.manifest import Manifest
from outcamp.steps.project import Project
from outcamp.steps.stop import stop
from outcamp.store.ledger import Ledger


def delete(ledger: Ledger, manifest: Manifest, home: Path, now: datetime) -> int:
    """Stop a campaign for good, take its manifest away, and return how many people were in it; nothing is recorded where that cannot be."""
    published = Project(home).published
    require_writable(published)
    people = stop(ledger, manifest, now, delete=True)
    # The books first: a crash here leaves a deleted campaign with a manifest, and the next delete takes it away.
    published.joinpath(f"{manifest.campaign.name}.json").unlink(missing_ok=True)
    return people


def require_writable(folder: Path) -> None:
    """Refuse, before anything is recorded, to delete a manifest that this process cannot take away."""
    if not os.access(folder, os.W_OK, effective_ids=True):
        raise UsageError(
            f"The manifests in {folder.name}/ cannot be changed from here: the folder is read-only.",
            next_step="Stop the campaign here, and delete it where the manifests are kept: outcamp delete NAME, and commit.",
        )
