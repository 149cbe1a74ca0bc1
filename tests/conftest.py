"""What every test may ask for: a real Postgres, and a fresh database in it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from outcamp.store.embedded import throw_away_database, throw_away_server

pytest_plugins = ["no_skips", "pytester"]

# A gate must say the same of the same tree, so CI draws the same examples each time; at a desk every run looks somewhere new.
settings.register_profile("desk", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """The URI of an embedded Postgres that lives as long as this test process."""
    with throw_away_server() as uri:
        yield uri


@pytest.fixture
def database_uri(postgres_uri: str) -> Iterator[str]:
    """The URI of a fresh empty database, dropped after the test."""
    name = f"test_{next(_numbers)}"
    with throw_away_database(postgres_uri, name):
        yield urlsplit(postgres_uri)._replace(path=f"/{name}").geturl()
