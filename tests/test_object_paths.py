"""Objects behave like files: the same methods, the same missing ones, and what a store answers is told in our words."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from drafts import HEAD, make_project
from loopback import Loopback
from object_stores import SECRET, Store, names
from outcamp.core.errors import Permanent, SourceUnavailable, StorageRefused, Transient, UsageError
from outcamp.core.places import Address, Place, source_of
from outcamp.segments import files
from outcamp.store.object_paths import ObjectPath
from outcamp.store.object_stores import Account, open_address
from outcamp.store.whole_files import write_whole


class Refusing(Loopback):
    """A store that answers everything in one way."""

    def __init__(self, status: int, code: str = "") -> None:
        self.answer = status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""

    def __enter__(self) -> Self:
        super().__enter__()
        handler = self._server.RequestHandlerClass
        handler.do_HEAD = handler.do_DELETE = handler.do_POST
        return self

    def serve(self, http: BaseHTTPRequestHandler) -> None:
        """Say no."""
        status, body = self.answer
        http.rfile.read(int(http.headers.get("Content-Length") or 0))
        http.send_response(status)
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        if http.command != "HEAD":
            http.wfile.write(body)


class Leaving(Refusing):
    """A store that hands out ranges of one object, and is away after so many of them."""

    def __init__(self, data: bytes, ranges: int) -> None:
        super().__init__(500)
        self.data, self.ranges = data, ranges

    def serve(self, http: BaseHTTPRequestHandler) -> None:
        """Answer with a range, or no more."""
        if http.command == "GET":
            self.ranges -= 1
            if self.ranges < 0:
                super().serve(http)
                return
            first, last = http.headers["Range"].removeprefix("bytes=").split("-")
            body = self.data[int(first) : int(last) + 1]
            http.send_response(206)
        else:
            body = self.data
            http.send_response(200)
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        if http.command == "GET":
            http.wfile.write(body)


def at(port: int) -> ObjectPath:
    """A file of a store that answers at this port."""
    account = Account(key_id="AKIA", secret=SECRET, region="us-east-1", endpoint_url=f"http://127.0.0.1:{port}")
    return open_address(Address("s3", "lists", "spring/people.csv"), account)


@pytest.fixture(params=["folder", "s3", "gs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place of each kind: what holds of a folder holds of a bucket."""
    if request.param == "folder":
        return tmp_path
    store: Store = request.getfixturevalue(request.param)
    return store.bucket() / "prefix"


def test_a_file_is_written_and_read(place: Place) -> None:
    """All of it, a line of it, and a piece from its middle."""
    file = place / "a" / "lines.txt"
    write_whole(file, b"one\ntwo\nthree\n")
    with file.open("rb") as opened:
        assert b"one\n" == opened.readline()
        assert 5 == opened.seek(5)
        assert [b"wo\n", b"three\n"] == list(opened)
    assert b"one\ntwo\nthree\n" == file.read_bytes()
    assert 14 == file.stat().st_size
    assert file.stat().st_mtime_ns > 0


def test_what_is_there(place: Place) -> None:
    """Files and folders are told apart, and what is not there is neither."""
    write_whole(place / "a" / "b.txt", b"x")
    for path, expected in ((place / "a" / "b.txt", (True, True, False)), (place / "a", (True, False, True)), (place / "c", (False,) * 3)):
        assert expected == (path.exists(), path.is_file(), path.is_dir())


def test_names_are_taken_apart_as_those_of_a_path(place: Place) -> None:
    """Name, stem, ending, folder and neighbour, also of a hidden name and of one with dots."""
    for name in ("part-00000.parquet", ".part-00000.abc.pending", "calls.records.jsonl", "plain"):
        path, known = place / "run=1" / name, Path("run=1") / name
        assert (known.name, known.stem, known.suffix) == (path.name, path.stem, path.suffix)
        assert ("run=1", str(place / "run=1" / "other")) == (path.parent.name, str(path.with_name("other")))


def test_a_pattern_finds_files_level_by_level(place: Place) -> None:
    """Hidden ones too, in no other level, and none where there is nothing."""
    for name in ("run=1/part-0.parquet", "run=2/part-0.parquet", "run=2/.part-1.x.pending", "run=2/deeper/part-2.parquet", "top.parquet"):
        write_whole(place / name, b"x")
    assert ["run=1/part-0.parquet", "run=2/part-0.parquet"] == sorted(
        str(path).removeprefix(f"{place}/") for path in place.glob("run=*/part-*.parquet")
    )
    assert [".part-1.x.pending"] == [path.name for path in (place / "run=2").glob(".part-1.*.pending")]
    assert [] == list((place / "nowhere").glob("*"))


def test_a_move_replaces_what_is_there(place: Place) -> None:
    """The old name is gone, the new one has the content; moving what is not there raises, and leaves the target alone."""
    old, new = place / "old", place / "new"
    write_whole(old, b"new content")
    write_whole(new, b"old content")
    old.replace(new)
    assert (False, b"new content") == (old.exists(), new.read_bytes())
    with pytest.raises(FileNotFoundError):
        old.replace(new)
    assert b"new content" == new.read_bytes()


def test_what_is_missing_is_missing_as_a_file_is(place: Place) -> None:
    """Opening, asking and deleting raise FileNotFoundError; a deletion may be asked not to."""
    file = place / "missing"
    for ask in (file.read_bytes, file.stat, file.unlink, lambda: file.open("rb").read()):
        with pytest.raises(FileNotFoundError):
            ask()
    file.unlink(missing_ok=True)


def test_columns_are_read_where_they_lie(place: Place) -> None:
    """Parquet and CSV are read by Arrow from the place itself."""
    table = pa.table({"recipient_id": ["ada", "ben"], "n": [1, 2]})
    for name, write in (("a.parquet", pq.write_table), ("a.csv", pacsv.write_csv)):
        sink = pa.BufferOutputStream()
        write(table, sink)
        write_whole(place / name, sink.getvalue())
    with source_of(place / "a.parquet") as parquet, source_of(place / "a.csv") as csv:
        assert table["n"].to_pylist() == pq.read_table(parquet, columns=["n"])["n"].to_pylist()
        assert ["ada", "ben"] == pacsv.read_csv(csv)["recipient_id"].to_pylist()


def test_a_large_object_arrives_as_it_was(store: Store) -> None:
    """More than one request, there and back."""
    data, path = os.urandom(12_000_000), store.bucket() / "large"
    write_whole(path, data)
    assert hashlib.sha256(data).digest() == hashlib.sha256(path.read_bytes()).digest()
    assert ["large"] == names(path.parent)


def test_the_address_of_a_file_is_what_other_tools_read(s3: Store) -> None:
    """A place shows itself without its connection, and pandas finds the file there."""
    bucket = s3.bucket()
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": [1]}), sink)
    write_whole(bucket / "run=1" / "a.parquet", sink.getvalue())
    assert f"s3://{bucket.key}/run=1/a.parquet" == str(bucket / "run=1" / "a.parquet")
    assert [{"n": 1, "run": 1}] == pd.read_parquet(bucket.key, filesystem=bucket.files).to_dict("records")


def test_a_file_that_was_written_anew_is_not_deleted_by_a_move(s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store has no rename: what came under the old name after it was copied stays there, for the next one to move."""
    bucket = s3.bucket()
    old, new = bucket / "old", bucket / "new"
    write_whole(old, b"first")
    copy = type(bucket.files).copy_file

    class Busy:
        """The files, and somebody who writes the old name anew as soon as it is copied."""

        def __getattr__(self, name: str) -> object:
            return getattr(bucket.files, name)

        def copy_file(self, source: str, target: str) -> None:
            copy(bucket.files, source, target)
            old.write_bytes(b"second one")

    ObjectPath("s3", old.key, Busy()).replace(new)
    assert (b"second one", b"first") == (old.read_bytes(), new.read_bytes())


# What a store answers, in our words.


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, ""), (403, "AccessDenied"), (403, "SignatureDoesNotMatch"), (403, "InvalidAccessKeyId"), (301, "PermanentRedirect"), (401, "")],
)
def test_who_may_not_is_told_for_good(status: int, code: str) -> None:
    """Trying again cannot help, and no file is called missing or damaged."""
    with Refusing(status, code) as store:
        path = at(store.port)
        for ask in (path.exists, path.read_bytes, lambda: list(path.glob("*")), lambda: path.write_bytes(b"x"), path.unlink):
            with pytest.raises(StorageRefused) as raised:
                ask()
            assert isinstance(raised.value, Permanent)
            assert str(raised.value).startswith("s3://lists/spring/people.csv: the store refuses: ")
            assert SECRET not in str(raised.value)


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, ""), (400, "ExpiredToken")])
def test_a_store_that_is_away_may_be_asked_again(status: int, code: str) -> None:
    """Its answer is Transient, and names the file and no secret."""
    with Refusing(status, code) as store, pytest.raises(SourceUnavailable) as raised:
        at(store.port).exists()
    assert isinstance(raised.value, Transient)
    assert str(raised.value).startswith("s3://lists/spring/people.csv: the store cannot be reached: ")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(("name", "ranges"), [("people.csv", 1), ("people.csv", 4), ("people.parquet", 1)])
def test_a_store_that_leaves_while_a_file_is_read_is_no_damage(name: str, ranges: int) -> None:
    """Whoever reads, Python or pyarrow, the answer is Transient, and nobody is told that the file is cut short."""
    people = pa.table({"recipient_id": [str(number) for number in range(50_000)], "phone": ["+12025550143"] * 50_000})
    sink = pa.BufferOutputStream()
    if name.endswith(".csv"):
        pacsv.write_csv(people, sink)
    else:
        pq.write_table(people, sink, row_group_size=10_000)
    with Leaving(sink.getvalue().to_pybytes(), ranges) as store, pytest.raises(SourceUnavailable):
        list(files.stream(at(store.port).with_name(name)))


def test_nobody_at_the_endpoint_is_transient() -> None:
    """A port where nobody listens."""
    with pytest.raises(SourceUnavailable) as raised:
        at(1).read_bytes()
    assert str(raised.value).endswith("Next: check that the store can be reached from here, its region and its endpoint; then try again")


def test_a_bucket_that_is_not_there_is_refused(store: Store) -> None:
    """A misspelt bucket is neither an empty folder nor a place to write to."""
    path = open_address(Address(store.scheme, "nobodys-bucket", "outcomes"), store.account)
    with pytest.raises(StorageRefused) as raised:
        list(path.glob("*"))
    assert f"{path}: there is no such bucket\n  Next: check its name, and whose it is" == str(raised.value)
    with pytest.raises(StorageRefused):
        (path / "a").write_bytes(b"x")


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    """It would be taken for the name of a scheme."""
    with pytest.raises(UsageError) as raised:
        open_address(Address("s3", "lists"), Account(endpoint_url="minio:9000"))
    assert "The endpoint 'minio:9000' of s3:// is no address.\n  Next: Write http://host:port, or https://." == str(raised.value)


def test_without_a_connection_the_environment_says_whose_the_bucket_is(s3: Store, tmp_path: Path) -> None:
    """The words of Amazon's own tools, in a process of its own, which also ends well with an object still open."""
    bucket = s3.bucket()
    write_whole(bucket / "people.csv", b"recipient_id,phone\nada,+12025550143\n")
    make_project(tmp_path, HEAD.replace("people.csv", f"{bucket}/people.csv"))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[1] / "plugins"),
        "OUTCAMP_HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": s3.url,
    }
    command = [sys.executable, "-m", "outcamp", "validate"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def test_no_secret_is_shown(s3: Store) -> None:
    """Neither the place nor the account shows it."""
    assert SECRET not in repr(s3.bucket()) + repr(s3.account)
