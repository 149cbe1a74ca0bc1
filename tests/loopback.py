"""An HTTP server on loopback, for the strict receivers of tests: they say what a request is answered with."""

from __future__ import annotations

import ssl
import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Loopback(ABC):
    """Serves until it is left; its heirs read a request and answer it in ``serve``. ``complaints``: what nobody should have asked."""

    protocol = "HTTP/1.1"
    tls: ssl.SSLContext | None = None
    port: int
    complaints: list[str]

    @abstractmethod
    def serve(self, http: BaseHTTPRequestHandler) -> None:
        """Read a request, and answer it."""

    def __enter__(self) -> Self:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = loopback.protocol

            def do_POST(self) -> None:
                loopback.serve(self)

            do_GET = do_PUT = do_POST  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                pass

        self.complaints = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if raised[0] is None:
            assert [] == self.complaints
