"""The StatsD client library as far as Airflow calls it, and a listener for what it sends; so that no test needs the library itself."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta
from types import TracebackType
from typing import Self


class StatsClient:
    """Sends each metric as a datagram of its own."""

    def __init__(self, host: str = "localhost", port: int = 8125, prefix: str | None = None, ipv6: bool = False) -> None:
        self._address, self._prefix = (host, port), f"{prefix}." if prefix else ""
        self._socket = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)

    def incr(self, stat: str, count: int = 1, rate: float = 1) -> None:
        """Count up."""
        self._send(stat, f"{count}|c")

    def decr(self, stat: str, count: int = 1, rate: float = 1) -> None:
        """Count down."""
        self._send(stat, f"{-count}|c")

    def gauge(self, stat: str, value: float, rate: float = 1, delta: bool = False) -> None:
        """Tell a value."""
        self._send(stat, f"{value:+g}|g" if delta else f"{value:g}|g")

    def timing(self, stat: str, delta: timedelta | float) -> None:
        """Tell how long something took."""
        milliseconds = delta.total_seconds() * 1000 if isinstance(delta, timedelta) else delta
        self._send(stat, f"{milliseconds:.3f}|ms")

    def timer(self, stat: str, rate: float = 1) -> Stopwatch:
        """Return a watch that tells how long something took."""
        return Stopwatch(self, stat)

    def close(self) -> None:
        """Send nothing more."""
        self._socket.close()

    def _send(self, stat: str, value: str) -> None:
        self._socket.sendto(f"{self._prefix}{stat}:{value}".encode(), self._address)


class Stopwatch:
    """Measures until it is stopped."""

    def __init__(self, client: StatsClient, stat: str) -> None:
        self._client, self._stat, self._began = client, stat, time.monotonic()

    def start(self) -> Self:
        """Begin."""
        self._began = time.monotonic()
        return self

    def stop(self, send: bool = True) -> None:
        """End, and tell."""
        if send:
            self._client.timing(self._stat, 1000 * (time.monotonic() - self._began))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


class Listener:
    """Keeps the datagrams about outcamp, as a StatsD server receives them."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> list[str]:
        """Return what was heard, after everything that was sent before this call has arrived."""
        if self._thread.is_alive():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", self.port))
            self._thread.join()
            self._socket.close()
        return self.heard

    def _listen(self) -> None:
        while datagram := self._socket.recv(65_536):
            if b"outcamp." in datagram:
                self.heard.append(datagram.decode())
