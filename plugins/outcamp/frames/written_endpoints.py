"""Endpoints of unknown kind, as the filter writes them: what is kept of a suppression is the hash of exactly this form."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.frames.emails import email_verdicts
from outcamp.frames.phones import phone_verdicts


def written_endpoints(endpoint: pa.Array, country: pa.Array | None = None) -> pa.Array:
    """Return each e-mail address or phone number as the filter writes it; null where it is missing, or neither.

    ``country`` is where a number without ``+`` is dialled, an ISO 3166-1 alpha-2 code.
    """
    written = email_verdicts(endpoint)
    others = pc.and_(pc.is_valid(endpoint), pc.is_null(written))
    if not pc.any(others).as_py():
        return written
    dialled_in = country.filter(others) if country is not None else None
    numbers = phone_verdicts(endpoint.filter(others), dialled_in)["e164"].combine_chunks()
    return pc.replace_with_mask(written, others, numbers)
