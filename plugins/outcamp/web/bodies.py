"""Bodies of requests, which are read as they come and never beyond a bound."""

from __future__ import annotations

from typing import Final

from fastapi import HTTPException, Request

LARGEST: Final = 1_048_576  # bytes


async def body_of(request: Request) -> bytes:
    """Return the body of a request; one that is too large is refused as soon as it is."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise HTTPException(413, f"This is more than {LARGEST:,} bytes. Send it in parts.")
    return bytes(body)
