"""Object stores on loopback, which speak the real APIs: moto's S3, and an emulator of Google Cloud Storage; and buckets in them."""

from __future__ import annotations

import itertools
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from outcamp.core.places import Address
from outcamp.store.object_paths import ObjectPath
from outcamp.store.object_stores import Account, open_address

SECRET = "wJalrXUtnFEMI"
# Google's client within pyarrow keeps Python waiting while it opens an object, so this server cannot be in the same process.
_GS_SERVER = """
import sys
from gcp_storage_emulator.server import create_server
with create_server("127.0.0.1", 0, in_memory=True) as server:
    print(server._api._httpd.server_address[1], flush=True)
    sys.stdin.read()
"""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Store:
    """An object store: how addresses of it begin, and where it answers."""

    scheme: str
    url: str

    @property
    def account(self) -> Account:
        """Whose buckets these are."""
        if self.scheme == "s3":
            return Account(key_id="AKIA", secret=SECRET, region="us-east-1", endpoint_url=self.url)
        return Account(anonymous=True, endpoint_url=self.url)

    @property
    def connection(self) -> str:
        """The definition of an Airflow connection that leads there."""
        if self.scheme == "s3":
            extra = {"endpoint_url": self.url, "region_name": "us-east-1"}
            return json.dumps({"conn_type": "aws", "login": "AKIA", "password": SECRET, "extra": extra})
        return json.dumps({"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, "endpoint_url": self.url}})

    def bucket(self) -> ObjectPath:
        """Make a bucket that nobody else uses."""
        name = f"bucket-{next(_numbers)}"
        if self.scheme == "s3":
            httpx.put(f"{self.url}/{name}").raise_for_status()
        else:
            httpx.post(f"{self.url}/storage/v1/b", json={"name": name}).raise_for_status()
        return open_address(Address(self.scheme, name), self.account)


@contextmanager
def s3_server() -> Iterator[Store]:
    """Serve S3 from a thread of this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield Store("s3", "http://{}:{}".format(*server.get_host_and_port()))
    finally:
        server.stop()


@contextmanager
def gs_server() -> Iterator[Store]:
    """Serve Google Cloud Storage from a process of its own."""
    with subprocess.Popen([sys.executable, "-c", _GS_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        port = int(process.stdout.readline())
        yield Store("gs", f"http://127.0.0.1:{port}")
        process.stdin.close()


def names(place: ObjectPath) -> list[str]:
    """Return the keys of everything below a place, hidden ones too, without the empty objects that stand for folders."""
    found = (path for depth in range(5) for path in place.glob("/".join(["*"] * (depth + 1))))
    return sorted(path.key.removeprefix(f"{place.key}/") for path in found if path.is_file())
