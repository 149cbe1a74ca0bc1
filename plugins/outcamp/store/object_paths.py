"""Files of an object store, by the methods of a path that outcamp uses: the other implementation of ``core/places.py``.

An object appears whole or not at all, and has no rename: ``replace`` copies and then deletes. Killed in between, both are there, and doing
it again ends the same. What the store answers is mapped to our errors here, at the border: everything else sees a missing file as
``FileNotFoundError``, and StorageRefused or SourceUnavailable with the bucket and the key, never with a secret.
"""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, Literal, NamedTuple

import pyarrow as pa
from pyarrow import fs

from outcamp.core.errors import OutcampError, SourceUnavailable, StorageRefused

_BUFFER: Final = 4 << 20  # bytes of one request, at most: each costs some 20 ms, whatever its size, and as long again for as many bytes
_STORE: Final = re.compile(r"AWS Error|google::cloud")  # a store says so, and no reader of Parquet
_MISSING: Final = re.compile(r"NO_SUCH_KEY|RESOURCE_NOT_FOUND|HTTP status 404")
_REFUSED: Final = re.compile(
    r"ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_ACCESS_KEY_ID|INVALID_SIGNATURE|SIGNATURE_DOES_NOT_MATCH|HTTP status (?:30[17]|40[13])"
    r"|PERMISSION_DENIED|UNAUTHENTICATED"
)


class Facts(NamedTuple):
    """What a listing says of an object."""

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True)
class ObjectPath:
    """An object, or the prefix of some. ``key`` begins with the bucket.

    A path that a listing has returned remembers what the listing said of it, which ``is_file`` and ``stat`` then answer without a request.
    """

    scheme: str
    key: str
    files: fs.FileSystem = field(repr=False, compare=False)
    listed: fs.FileInfo | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.key}"

    def __truediv__(self, name: str, /) -> ObjectPath:
        return ObjectPath(self.scheme, f"{self.key}/{name}", self.files)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The ending of the name."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> ObjectPath:
        """The prefix in which it lies."""
        return ObjectPath(self.scheme, self.key.rpartition("/")[0], self.files)

    def with_name(self, name: str, /) -> ObjectPath:
        """Return its neighbour of this name."""
        return self.parent / name

    def exists(self) -> bool:
        """Tell whether there is an object, or something below the prefix."""
        return bool(self._info().type != fs.FileType.NotFound)

    def is_file(self) -> bool:
        """Tell whether it is an object."""
        return bool((self.listed or self._info()).type == fs.FileType.File)

    def is_dir(self) -> bool:
        """Tell whether something lies below the prefix."""
        return bool(self._info().type == fs.FileType.Directory)

    def stat(self) -> Facts:
        """Return its size and when it was written."""
        info = self.listed or self._info()
        if info.type == fs.FileType.NotFound:
            raise _missing(self)
        return Facts(info.size or 0, info.mtime_ns or 0)

    def glob(self, pattern: str, /) -> Iterator[ObjectPath]:
        """Yield what lies below and matches, level by level; nothing where there is nothing, but a bucket."""
        wanted = pattern.split("/")
        selector = fs.FileSelector(self.key, allow_not_found=True, recursive=len(wanted) > 1)
        with _border(self):
            found = self.files.get_file_info(selector)
        if not found and not self._bucket().exists():
            raise _no_bucket(self)
        for info in found:
            parts = info.path.removeprefix(f"{self.key}/").split("/")
            if len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted)):
                yield replace(self, key=info.path, listed=info)

    def open(self, mode: Literal["rb"] = "rb", /) -> BinaryIO:  # noqa: ARG002 - as a path has it
        """Open it to be read, from any position."""
        with _border(self):
            file = self.files.open_input_file(self.key)
        return io.BufferedReader(_Opened(self, file), _BUFFER)

    @contextmanager
    def source(self) -> Iterator[pa.NativeFile]:
        """Open it for a reader of pyarrow's. Its threads must not call Python, which may have ended when they read ahead."""
        with _border(self):
            file = self.files.open_input_file(self.key)
        with file:
            try:
                yield file
            except OSError as error:
                if _STORE.search(str(error)):
                    raise _told(self, error) from None
                raise  # what the file holds is wrong

    def read_bytes(self) -> bytes:
        """Return all of it."""
        with self.open() as file:
            return file.read()

    def write_bytes(self, data: Any, /) -> int:
        """Write an object. An exception from outside may leave a part of it: store/whole_files.py gives only whole ones their names."""
        try:
            with _border(self), self.files.open_output_stream(self.key) as stream:
                stream.write(data)
        except FileNotFoundError:
            raise _no_bucket(self) from None
        return len(data)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a folder is there when something lies in it."""

    def replace(self, target: ObjectPath, /) -> ObjectPath:
        """Copy it to another key, whatever is there, and delete it, unless somebody has written it anew since it was copied."""
        path = replace(self, listed=None)
        before = path.stat()
        with _border(self):
            self.files.copy_file(self.key, target.key)
        with suppress(FileNotFoundError):  # somebody else has moved it
            if path.stat() == before:
                path.unlink()
        return target

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete it."""
        with suppress(*[FileNotFoundError] if missing_ok else []), _border(self):
            self.files.delete_file(self.key)

    def _bucket(self) -> ObjectPath:
        return ObjectPath(self.scheme, self.key.partition("/")[0], self.files)

    def _info(self) -> fs.FileInfo:
        with _border(self):
            return self.files.get_file_info(self.key)


class _Opened(io.RawIOBase):
    """An object that is read by Python, with our errors."""

    def __init__(self, path: ObjectPath, file: pa.NativeFile) -> None:
        self._path, self._file = path, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        position: int = self._file.seek(offset, whence)
        return position

    def tell(self) -> int:
        position: int = self._file.tell()
        return position

    def readinto(self, buffer: Any, /) -> int:
        with _border(self._path):
            count: int = self._file.readinto(buffer)
        return count

    def readall(self) -> bytes:
        with _border(self._path):  # at once: Python's own way would ask for 8 kB at a time
            rest: bytes = self._file.read()
        return rest

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _border(path: ObjectPath) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise _told(path, error) from None


def _missing(path: ObjectPath) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "there is no such object", str(path))


def _no_bucket(path: ObjectPath) -> StorageRefused:
    return StorageRefused(f"{path}: there is no such bucket", next_step="check its name, and whose it is")


def _told(path: ObjectPath, error: OSError) -> OutcampError | FileNotFoundError:
    reason = " ".join(str(error).split())
    if _REFUSED.search(reason):
        next_step = "check the bucket's name and region, and that the connection or the environment names who may do this"
        return StorageRefused(f"{path}: the store refuses: {reason}", next_step=next_step)
    if _MISSING.search(reason):
        return _missing(path)
    next_step = "check that the store can be reached from here, its region and its endpoint; then try again"
    return SourceUnavailable(f"{path}: the store cannot be reached: {reason}", next_step=next_step)
