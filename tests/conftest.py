"""What every test may ask for: a real Postgres with a fresh database in it, and object stores with a fresh bucket."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from outcamp.store.embedded import throw_away_database, throw_away_server

if TYPE_CHECKING:
    from object_stores import Store

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


@pytest.fixture(scope="session")
def s3() -> Iterator[Store]:
    """An S3 on loopback that lives as long as this test process."""
    from object_stores import s3_server

    with s3_server() as store:
        yield store


@pytest.fixture(scope="session")
def gs() -> Iterator[Store]:
    """A Google Cloud Storage on loopback that lives as long as this test process."""
    from object_stores import gs_server

    with gs_server() as store:
        yield store


@pytest.fixture(params=["s3", "gs"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of the object stores in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found
