"""Where files lie, on a disk or in an object store, and what is asked of a file wherever it lies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal, Protocol, Self

from outcamp.core.errors import UsageError, closest

SCHEMES: Final = ("s3", "gs")
_FORM: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<connection>[^/]*)@)?(?P<bucket>[^/]*)(?:/(?P<key>.*))?", re.DOTALL)
_CONNECTION: Final = re.compile(r"[\w.-]+")
_NEXT: Final = "Write s3://bucket/key, or s3://connection@bucket/key with the id of an Airflow connection; gs:// likewise."


class Facts(Protocol):
    """What a store knows of a file without reading it."""

    @property
    def st_size(self) -> int:
        """How many bytes it has."""

    @property
    def st_mtime_ns(self) -> int:
        """When it was written."""


class Place(Protocol):
    """A file or a folder: the methods of ``pathlib.Path`` that outcamp uses, which ``store/object_paths.py`` has for object stores."""

    @property
    def name(self) -> str:
        """The last part."""

    @property
    def stem(self) -> str:
        """The name without its ending."""

    @property
    def suffix(self) -> str:
        """The ending of the name."""

    @property
    def parent(self) -> Self:
        """The folder in which it lies."""

    def __truediv__(self, name: str, /) -> Self: ...

    def __hash__(self) -> int: ...

    def with_name(self, name: str, /) -> Self:
        """Return its neighbour of this name."""

    def exists(self) -> bool:
        """Tell whether there is such a file or folder."""

    def is_file(self) -> bool:
        """Tell whether it is a file."""

    def is_dir(self) -> bool:
        """Tell whether it is a folder."""

    def stat(self) -> Facts:
        """Return what is known of it."""

    def glob(self, pattern: str, /) -> Iterator[Self]:
        """Yield what lies below and matches; nothing where there is nothing."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it to be read, from any position."""

    def read_bytes(self) -> bytes:
        """Return all of it."""

    def write_bytes(self, data: Any, /) -> int:
        """Write it."""

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Make a folder, where folders are made."""

    def replace(self, target: Any, /) -> Self:
        """Move it to another name, in place of what bears it."""

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete it."""


def source_of(place: Place) -> AbstractContextManager[Any]:
    """Open what pyarrow reads: a file on a disk by its path, an object by a handle of pyarrow's own, whose errors become ours."""
    opened = getattr(place, "source", None)
    return nullcontext(place) if opened is None else opened()


@dataclass(frozen=True)
class Address:
    """A place in an object store, and the Airflow connection that leads there; None: what the environment says."""

    scheme: str
    bucket: str
    key: str = ""
    connection: str | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/")


def address_of(text: str, what: str) -> Address | None:
    """Return the address that a text names; None: it is the path of a file. ``what`` says it, such as ``OUTCAMP_STORE``."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    scheme, connection, bucket, key = found["scheme"], found["connection"], found["bucket"], (found["key"] or "").rstrip("/")
    if scheme not in SCHEMES:
        near = closest(scheme, SCHEMES)
        hint = f" Did you mean {near!r}?" if near else ""
        raise UsageError(f"{what} begins with {scheme}://, where no files are read.{hint}", next_step=_NEXT)
    if connection is not None and not _CONNECTION.fullmatch(connection):
        # It may be a key and its secret, as other tools write them, so it is not shown.
        raise UsageError(f"{what}: what stands before the @ is not the id of an Airflow connection.", next_step=_NEXT)
    if not bucket:
        raise UsageError(f"{what} is {text!r}, which names no bucket.", next_step=_NEXT)
    if key and not all(part.strip(".") for part in key.split("/")):
        raise UsageError(f"{what} is {text!r}: a part of its key is empty or a dot.", next_step="Write the key as the store shows it.")
    return Address(scheme, bucket, key, connection)
