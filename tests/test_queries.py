"""The named queries of the ledger: each is used, and says why it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outcamp.core.errors import OutcampError
from outcamp.store.ledger import Ledger
from outcamp.store.sql import queries

ROOT = Path(__file__).parents[1]


def test_every_query_is_used_by_some_code() -> None:
    """A query that nobody names is dead."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins").rglob("*.py"))
    assert [] == [name for name in queries() if f'"{name}"' not in code]


def test_every_query_has_a_line_of_why() -> None:
    """The line under the name says why the query is, or what it relies on."""
    assert [] == [name for name, text in queries().items() if not text.startswith("-- ")]


@pytest.mark.parametrize("uri", ["postgres:/outcamp:s3cret@host/ledger", "postgresql://outcamp:s3c@ret@127.0.0.1:1/ledger"])
def test_a_uri_that_is_none_is_refused_without_its_password(uri: str) -> None:
    """Neither libpq's word about the whole URI nor a host that is the rest of a password gets out."""
    with pytest.raises(OutcampError) as raised:
        Ledger.at(uri).now()
    assert not re.search("s3cret|ret@", str(raised.value))
