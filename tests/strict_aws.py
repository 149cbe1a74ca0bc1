"""Amazon on loopback, as strict as the SDK's own description of it: what that description does not allow is no request.

Every request is read back by the service model of botocore (members, required ones, lengths, ranges, patterns, enumerations);
so is every answer that a test makes up.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
from botocore.model import OperationModel, Shape

from loopback import Loopback
from outcamp.transports.aws import AwsAccount


@dataclass
class Error:
    """An error of Amazon's: its code, HTTP status, and the members of its shape."""

    code: str
    status: int = 400
    members: dict[str, Any] = field(default_factory=dict)


Reply = dict[str, Any] | Error | None  # None: take the request, and end the connection without a word


@cache
def operations_of(service: str) -> dict[str, OperationModel]:
    """The operations of a service by their names."""
    model = botocore.session.get_session().get_service_model(service)
    return {name: model.operation_model(name) for name in model.operation_names}


class StrictAws(Loopback):
    """One service of Amazon's. ``asked`` has every request, by its operation and parameters, in the order of their arrival."""

    def __init__(self, service: str, reply: Callable[[str, dict[str, Any]], Reply], tls: ssl.SSLContext | None = None) -> None:
        self._service, self._reply, self.tls = service, reply, tls
        self._lock = threading.Lock()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._taken: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    def account(self, **more: Any) -> AwsAccount:
        """The connection that leads here."""
        url = f"http://127.0.0.1:{self.port}"
        return AwsAccount(**({"name": "amazon", "key_id": "AKID", "secret": "s3cret", "region": "us-east-1", "endpoint_url": url} | more))

    def taken(self) -> list[dict[str, Any]]:
        """The parameters of those requests that were answered well."""
        return list(self._taken)

    def serve(self, http: BaseHTTPRequestHandler) -> None:
        """Read a request by the model, and answer it."""
        body = http.rfile.read(int(http.headers.get("Content-Length", 0)))
        if "Credential=" not in (http.headers["Authorization"] or ""):
            self._send(http, 403, {"x-amzn-ErrorType": "MissingAuthenticationToken"}, {"message": "unsigned"})
            return
        try:
            operation, parameters = self._read(http, body)
            reply = self._reply(operation.name, parameters)
            if isinstance(reply, dict):
                complaints = list(complaints_about(operation.output_shape, wire(reply), operation.name))
                assert [] == complaints
        except Exception as complaint:  # noqa: BLE001 - the test that asked must hear of it
            self.complaints.append(repr(complaint))
            self._send(http, 400, {"x-amzn-ErrorType": "SerializationException"}, {"message": str(complaint)})
            return
        with self._lock:
            self.asked.append((operation.name, parameters))
            self.headers.append(dict(http.headers))
            if isinstance(reply, dict):
                self._taken.append(parameters)
        self._answer(http, reply)

    def _read(self, http: BaseHTTPRequestHandler, body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        operations = operations_of(self._service)
        form = parse_qs(body.decode(), strict_parsing=True) if self._service == "sts" else {}
        parameters: dict[str, Any] = json.loads(body) if body and not form else {}
        target = http.headers["X-Amz-Target"]
        if self._service == "sts":  # the old protocol: a form
            parameters = {name: values[0] for name, values in form.items()}
            operation = operations[parameters.pop("Action")]
            assert operation.service_model.api_version == parameters.pop("Version")
        elif target:
            operation = operations[target.rpartition(".")[2]]
        else:
            path = urlsplit(http.path)
            assert not parse_qs(path.query)
            operation, found = next(
                (one, match)
                for one in operations.values()
                if one.http["method"] == http.command
                and (match := re.fullmatch(re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", one.http["requestUri"]), path.path))
            )
            parameters |= {name: unquote(value) for name, value in found.groupdict().items()}
        complaints = list(complaints_about(operation.input_shape, parameters, operation.name))
        assert [] == complaints
        return operation, parameters

    def _answer(self, http: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply is None:
            http.close_connection = True
        elif self._service == "sts":
            self._send_xml(http, reply)
        elif isinstance(reply, Error):
            members = {"__type": reply.code, "message": "+12025550143 ada@example.com", **reply.members}
            self._send(http, reply.status, {"x-amzn-ErrorType": reply.code}, members)
        else:
            self._send(http, 200, {}, wire(reply))

    def _send_xml(self, http: BaseHTTPRequestHandler, reply: dict[str, Any] | Error) -> None:
        body = {"Error": {"Code": reply.code}} if isinstance(reply, Error) else {"AssumeRoleResult": reply}
        content = f"<Response>{_xml(body)}</Response>".encode()
        http.send_response(reply.status if isinstance(reply, Error) else 200)
        http.send_header("Content-Length", str(len(content)))
        http.end_headers()
        http.wfile.write(content)

    def _send(self, http: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: Any) -> None:
        content = json.dumps(body).encode()
        http.send_response(status)
        for name, value in ({"Content-Length": str(len(content)), "Content-Type": "application/json"} | headers).items():
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(content)


def _xml(value: Any) -> str:
    return "".join(f"<{name}>{_xml(one)}</{name}>" for name, one in value.items()) if isinstance(value, dict) else str(value)


def wire(value: Any) -> Any:
    """A reply as it goes over the wire."""
    return json.loads(json.dumps(value))


def complaints_about(shape: Shape | None, value: Any, path: str) -> Iterator[str]:
    """Everything about a value that its shape does not allow."""
    if shape is None:
        return
    kind, look = _KINDS[shape.type_name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        yield f"{path} is {value!r}, which is no {shape.type_name}"
        return
    yield from look(shape, value, path)
    size = value if isinstance(value, (int, float)) else len(value)
    least, most = shape.metadata.get("min", size), shape.metadata.get("max", size)
    if not least <= size <= most:
        yield f"{path} has the size {size}, which is not between {least} and {most}"


def _structure(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    yield from (f"{path}.{name} is unknown" for name in value if name not in names)
    yield from (f"{path}.{name} is missing" for name in shape.required_members if name not in {names.get(one) for one in value})
    if shape.metadata.get("union") and len(value) != 1:
        yield f"{path} is not one of its kinds"
    for name in set(value) & set(names):
        yield from complaints_about(shape.members[names[name]], value[name], f"{path}.{name}")


def _list(shape: Any, value: list[Any], path: str) -> Iterator[str]:
    for place, one in enumerate(value):
        yield from complaints_about(shape.member, one, f"{path}[{place}]")


def _map(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for key, one in value.items():
        yield from complaints_about(shape.key, key, f"{path} key")
        yield from complaints_about(shape.value, one, f"{path}.{key}")


def _string(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{path} is {value!r}, which is none of {shape.enum}"
    # Some patterns came into the model with their backslashes doubled.
    pattern = shape.metadata.get("pattern", "").replace("\\\\", "\\")
    if pattern and not re.fullmatch(pattern, value):
        yield f"{path} is {value!r}, which does not match {pattern}"


def _blob(shape: Any, value: str, path: str) -> Iterator[str]:
    if not re.fullmatch(r"(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?", value, re.ASCII):
        yield f"{path} is no base64"


def _timestamp(shape: Any, value: str | float, path: str) -> Iterator[str]:
    written = "iso8601" if isinstance(value, str) else "unixTimestamp"
    form = shape.serialization.get("timestampFormat", written)
    if form != written:
        yield f"{path} is {value!r}, which is not in the form {form}"


def _anything(shape: Any, value: Any, path: str) -> Iterator[str]:
    yield from ()


_KINDS: dict[str, tuple[Any, Callable[[Any, Any, str], Iterator[str]]]] = {
    "structure": (dict, _structure),
    "list": (list, _list),
    "map": (dict, _map),
    "string": (str, _string),
    "blob": (str, _blob),
    "timestamp": ((str, int, float), _timestamp),
    "boolean": (bool, _anything),
    "integer": (int, _anything),
    "long": (int, _anything),
    "double": ((int, float), _anything),
    "float": ((int, float), _anything),
}
