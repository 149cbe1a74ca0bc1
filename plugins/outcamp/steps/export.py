"""export: bring the lake up to date with the ledger: results of a wave, dispositions and entries of the parts that still change.

These files only show what the ledger holds. They are written anew as a whole, so a crash leaves an older truth, never half of one.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.steps.engine import Engine
from outcamp.store import exports, waves


def export_results(engine: Engine, run: str) -> None:
    """Write what became of each send verdict of a wave (dataset ``results``), a file for each part that sends."""
    with engine.ledger.transaction() as tx:
        wave = waves.find_wave(tx, engine.register(tx).campaign_id, run)
        if wave is None:
            return
        for part in waves.parts(tx, wave.wave_id, "filter"):
            for ref in part.files:
                if ref.dataset == "batches":
                    engine.lake.publish(ref)  # whoever decided the part may have died before that, and nobody else have asked
                    table = exports.results(tx, wave.wave_id, engine.lake.read(ref))
                    engine.lake.replace("results", engine.campaign.name, run, part.part, table, {"rows": str(table.num_rows)})


def export_entries(engine: Engine) -> None:
    """Write ``entries`` and ``dispositions`` of every part whose entries are open, or were when they were last written."""
    name = engine.campaign.name
    with engine.ledger.transaction() as tx:
        campaign_id = engine.register(tx).campaign_id
        still_open = exports.parts_with_open_entries(tx, campaign_id)
        for part in exports.snapshot_parts(tx, campaign_id):
            settled = engine.lake.fact("entries", name, part.run, part.part, "open") == "0"
            if settled and (part.occurrence_id, part.part) not in still_open:
                continue
            dispositions, entries = exports.dispositions(tx, part), exports.entries(tx, part)
            engine.lake.replace("dispositions", name, part.run, part.part, dispositions, {"rows": str(dispositions.num_rows)})
            engine.lake.replace("entries", name, part.run, part.part, entries, {"open": str(_unfinished(entries))})


def _unfinished(entries: pa.Table) -> int:
    """Return how many entries are open, or still wait for an outcome after their exit."""
    is_open = pc.not_equal(entries["state"], "exited")
    is_awaited = pc.and_(pc.is_valid(entries["sent_at"]), pc.is_null(entries["disposition"]))
    unfinished: int = pc.sum(pc.or_(is_open, is_awaited)).as_py() or 0
    return unfinished
