"""The built-in simulator: reaches nobody, and lets happen what happens to real messages, drawn from a seed.

What becomes of an attempt depends on the seed and on the attempt's reference alone, so the same campaign over the same people
ends the same, whatever the batches, retries and processes were.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.core.dispositions import Channel
from outcamp.transports.base import ANSWERS, INSTANT, OUTCOMES, Capabilities

# Of a thousand messages of a channel, what becomes of how many, and about how many seconds later (0: known at once).
# What is left of the thousand never has an outcome.
_VOICE: Final = (
    ("answered", 420, 30),
    ("voicemail", 280, 40),
    ("no_answer", 200, 30),
    ("busy", 50, 5),
    ("invalid_number", 25, 0),
    ("failed", 15, 1),
)
CHANCES: Final[Mapping[Channel, tuple[tuple[str, int, int], ...]]] = {
    Channel.SMS: (
        ("delivered", 915, 3),
        ("unreachable", 35, 8),
        ("blocked", 15, 1),
        ("invalid_number", 12, 0),
        ("failed", 8, 2),
        ("expired", 5, 20),
        ("opted_out", 5, 15),
    ),
    Channel.EMAIL: (("delivered", 955, 2), ("bounced", 20, 3), ("soft_bounced", 12, 10), ("complained", 1, 60), ("rejected", 7, 0)),
    Channel.AUTOMATED_VOICE: _VOICE,
    Channel.AGENT_VOICE: (*_VOICE, ("abandoned", 5, 10)),
}


class Coming(Protocol):
    """Where outcomes wait until they have happened."""

    def keep(self, coming: pa.Table) -> None:
        """Keep what will become of these attempts."""

    def happened(self, now: datetime) -> pa.Table:
        """Return what has happened by now and was not forgotten."""

    def forget(self) -> None:
        """Forget what was handed out last."""


class SimulatorTransport:
    """Accepts every message; some of what becomes of them is known at once, the rest happens later."""

    # It carries no text anywhere, and has it made all the same: who rehearses a campaign wants to see whose message cannot be made.
    capabilities = Capabilities(chunk_size=1000, texts=True)

    def __init__(self, seed: int, campaign: str, coming: Coming) -> None:
        self._salt = f"{seed}/{campaign}/"
        self._coming = coming

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Accept every row, and let happen to it what its reference and the seed say."""
        channel = Channel(rows["channel"][0].as_py())
        disposition, after = drawn(rows, channel, self._salt)
        disposed_at = pc.add(pa.scalar(now, INSTANT), pa.array(np.round(after * 1e6).astype("int64"), pa.duration("us")))
        at_once = pa.array(after == 0)
        code = pa.array(disposition, pa.string())
        later = pc.and_(pc.invert(at_once), pc.is_valid(code))
        coming = pa.table([*(rows[name] for name in OUTCOMES.names[:4]), code, disposed_at], schema=OUTCOMES).filter(later)
        if coming.num_rows:
            self._coming.keep(coming)
        return pa.table(
            [
                pa.repeat(pa.scalar("accepted"), rows.num_rows),
                pc.binary_join_element_wise("sim", *(rows[name].cast(pa.string()) for name in OUTCOMES.names[:3]), "-"),
                pc.if_else(at_once, code, None),
                pc.if_else(pc.and_(at_once, pc.is_valid(code)), disposed_at, None),
                pa.nulls(rows.num_rows, INSTANT),
            ],
            schema=ANSWERS,
        )

    def outcomes(self, now: datetime) -> pa.Table:
        """Return the outcomes that have happened by now and were not acknowledged."""
        return self._coming.happened(now)

    def acknowledge(self, now: datetime) -> None:  # noqa: ARG002 - exactly what was handed out, whatever the clock says
        """Forget the outcomes that were handed out: the ledger has them."""
        self._coming.forget()


def drawn(rows: pa.Table, channel: Channel, salt: str) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Return what becomes of each row (None: nothing ever) and after how many seconds."""
    key = pc.binary_join_element_wise(salt, channel.value, rows["recipient_id"], rows["attempt"].cast(pa.string()), "/")
    chances = CHANCES[channel]
    which = np.searchsorted(np.cumsum([share for _, share, _ in chances]), _uniform(key, "what") * 1000, side="right")
    codes = np.array([*(code for code, _, _ in chances), None], object)
    mean = np.array([*(seconds for _, _, seconds in chances), 0.0])
    # Most outcomes come soon and a few late; the quickest after a second, so that "later" is later.
    wait = np.where(mean[which] > 0, np.maximum(1.0, -np.log1p(-_uniform(key, "when")) * mean[which]), 0.0)
    return codes[which], np.where(codes[which] == None, 1.0, wait)  # noqa: E711 - elementwise


def _uniform(key: pa.ChunkedArray, purpose: str) -> NDArray[np.float64]:
    import pandas as pd  # here: a task that only takes outcomes in starts a second sooner without it

    # pandas' keyed hash (SipHash) is the same in every process and on every machine.
    hashed = pd.util.hash_array(key.to_numpy(), hash_key=f"{purpose:_<16}")
    share: NDArray[np.float64] = hashed.astype(np.float64) / 2.0**64
    return share
