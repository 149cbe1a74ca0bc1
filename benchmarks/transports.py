"""Messages a second to an SMTP server and to a webhook on this machine, and what the ledger and the checks add to each.

    python benchmarks/transports.py [--messages 2000]

Prints one table. The yardsticks run in the same minute against the same server, which is a process of its own: a loop over smtplib,
aiosmtplib with as many connections as ours, and httpx posting the same chunks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import smtplib
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
import pyarrow as pa
from aiosmtpd.controller import Controller
from table import Row, show

from outcamp.core.campaign_file import campaign_of
from outcamp.core.dispositions import Channel
from outcamp.core.document import read_document
from outcamp.core.manifest import seal_manifest
from outcamp.steps.engine import Engine
from outcamp.steps.fan_out import fan_out
from outcamp.steps.filter import filter_part
from outcamp.steps.send import reference_column, send
from outcamp.steps.simulation_input import TableSegment
from outcamp.steps.snapshot import snapshot_occurrence
from outcamp.steps.virtual_clock import NoRuns
from outcamp.store.embedded import throw_away_server
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger
from outcamp.transports.base import INSTANT, REFERENCE, SUBMISSION, VALID_UNTIL
from outcamp.transports.smtp import CONNECTIONS, SmtpTransport
from outcamp.transports.smtp_session import SmtpServer
from outcamp.transports.webhook import Receiver, WebhookTransport

NOW = datetime(2026, 12, 1, 16, tzinfo=UTC)
SENDER = "Acme <news@acme.example>"
BODY = "Hello,\n\nyour policy ends soon. Renew it at https://acme.example/renew.\n\nAcme\n"
CHUNK = 50
ROUNDS = 3
CAMPAIGN = """
name: NAME
segment: {file: recipients.parquet}
channel: email
channels: {email: {subject: Your policy, body: hello.txt, sender: "Acme <news@acme.example>"}}
communication_limits: [{count: 2, within: 1 day}, {count: 4, within: 1 week}]
"""


class Sink:
    """Takes every message, and keeps none."""

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802 - the name that aiosmtpd calls
        """Keep the message, as far as the client can tell."""
        return "250 kept"


class Taker(BaseHTTPRequestHandler):
    """Accepts every message of a chunk."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_POST(self) -> None:
        """Answer each message by its reference."""
        chunk = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"answers": [{"reference": one["reference"], "status": "accepted"} for one in chunk["messages"]]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve_smtp(port: int) -> None:
    """Run the SMTP server until the process ends."""
    Controller(Sink(), "127.0.0.1", port).start()
    time.sleep(3600)


def serve_http(port: int) -> None:
    """Run the webhook's receiver until the process ends."""
    ThreadingHTTPServer(("127.0.0.1", port), Taker).serve_forever()


@contextmanager
def served(serve: Callable[[int], None]) -> Any:
    """Yield the port of a server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = get_context("spawn").Process(target=serve, args=(port,), daemon=True)
    process.start()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    try:
        yield port
    finally:
        process.terminate()
        process.join()


def chunks(messages: int) -> list[pa.Table]:
    """Return messages as send hands them to a transport."""
    made = []
    for start in range(0, messages, CHUNK):
        people = [f"p{number}" for number in range(start, min(start + CHUNK, messages))]
        keys = {
            "occurrence_id": pa.array([1] * len(people), pa.int64()),
            "occurrence": pa.array([0] * len(people), pa.int32()),
            "recipient_id": people,
            "attempt": pa.array([1] * len(people), pa.int16()),
            "channel": ["email"] * len(people),
            "endpoint": [f"{name}@example.com" for name in people],
        }
        table = pa.table(keys | {"content.subject": ["Your policy"] * len(people), "content.body": [BODY] * len(people)})
        table = table.append_column(REFERENCE, reference_column("benchmark", table))
        table = table.append_column(SUBMISSION, pa.array([f"20261201T160000Z-0-{start}"] * len(people)))
        made.append(table.append_column(VALID_UNTIL, pa.nulls(len(people), INSTANT)))
    return made


def plain_message(to: str) -> str:
    """Return the message as a script would write it."""
    return f"From: {SENDER}\r\nTo: {to}\r\nSubject: Your policy\r\n\r\n" + BODY.replace("\n", "\r\n")


def by_smtplib(port: int, messages: int) -> None:
    """Send one message after the other."""
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for number in range(messages):
            smtp.sendmail("news@acme.example", [f"p{number}@example.com"], plain_message(f"p{number}@example.com"))


def by_aiosmtplib(port: int, messages: int) -> None:
    """Send over a few connections at once."""

    async def some(first: int) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False) as smtp:
            for number in range(first, messages, CONNECTIONS):
                await smtp.sendmail("news@acme.example", [f"p{number}@example.com"], plain_message(f"p{number}@example.com"))

    async def everything() -> None:
        await asyncio.gather(*(some(first) for first in range(CONNECTIONS)))

    asyncio.run(everything())


def by_httpx(url: str, messages: int) -> None:
    """Post chunks of the same size."""
    with httpx.Client() as client:
        for chunk in chunks(messages):
            listed = [{"reference": row["reference"], "endpoint": row["endpoint"], "body": BODY} for row in chunk.to_pylist()]
            client.post(url, content=json.dumps({"messages": listed})).raise_for_status()


def rate(work: Callable[[], object], messages: int) -> float:
    """Return the most messages a second of a few rounds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return messages / min(seconds)


def submitted(transport: Any, tables: list[pa.Table]) -> None:
    """Submit every chunk; all of it must be accepted."""
    for table in tables:
        if {"accepted"} != set(transport.submit(table, NOW)["status"].to_pylist()):
            raise SystemExit("The server did not take everything.")


def whole_send(port: int, messages: int) -> tuple[float, float]:
    """Return the seconds of sending a wave with the ledger and all checks, and those of it in the transport."""
    with tempfile.TemporaryDirectory() as folder, throw_away_server() as uri:
        ledger = Ledger.at(uri)
        ledger.migrate()
        transport = SmtpTransport(SmtpServer("127.0.0.1", port, implicit_tls=False, starttls=False), SENDER)
        inside = 0.0
        submit = transport.submit

        def timed(rows: pa.Table, now: datetime) -> pa.Table:
            nonlocal inside
            start = time.perf_counter()
            answers = submit(rows, now)
            inside += time.perf_counter() - start
            return answers

        transport.submit = timed  # type: ignore[method-assign]
        manifest = seal_manifest(
            campaign_of(read_document(CAMPAIGN.replace("NAME", "benchmark"), "benchmark.yaml")), NOW, {}, {"hello.txt": BODY}
        )
        engine = Engine(manifest, ledger, Lake(Path(folder), durable=False), {Channel.EMAIL: transport}, NoRuns())
        ids = [f"p{number}" for number in range(messages)]
        people = pa.table({"recipient_id": ids, "email": [f"{name}@example.com" for name in ids]})
        for part in snapshot_occurrence(engine, TableSegment(people), "run", NOW, NOW):
            filter_part(engine, "run", part.part, NOW)
        batches = fan_out(engine, "run", NOW)
        start = time.perf_counter()
        sent = sum(send(engine, "run", batch.batch, lambda: NOW).submitted for batch in batches)
        seconds = time.perf_counter() - start
        ledger.close()
    if sent != messages:
        raise SystemExit(f"{sent} of {messages} were sent.")
    return seconds, inside


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=2000)
    count = parser.parse_args().messages
    tables = chunks(count)
    with served(serve_smtp) as port:
        plain = rate(lambda: by_smtplib(port, count), count)
        asynchronous = rate(lambda: by_aiosmtplib(port, count), count)
        transport = SmtpTransport(SmtpServer("127.0.0.1", port, implicit_tls=False, starttls=False), SENDER)
        ours = rate(lambda: submitted(transport, tables), count)
        seconds, inside = whole_send(port, count)
    with served(serve_http) as port:
        url = f"http://127.0.0.1:{port}/"
        posted = rate(lambda: by_httpx(url, count), count)
        webhook = WebhookTransport(Receiver(url, "s3cret"), "benchmark", Channel.EMAIL)
        hooked = rate(lambda: submitted(webhook, tables), count)
    added = (seconds - inside) / count
    show(
        f"transports: {count:,} messages",
        [
            Row("SMTP: a loop over smtplib", f"{plain:,.0f} messages a second"),
            Row(f"SMTP: aiosmtplib, {CONNECTIONS} connections", f"{asynchronous:,.0f} messages a second"),
            Row("SMTP: the transport, texts with all their headers", f"{ours:,.0f} messages a second"),
            Row("  against the loop", f"{ours / plain:.2f} x"),
            Row("webhook: httpx posts chunks of 50", f"{posted:,.0f} messages a second"),
            Row("webhook: the transport, signed", f"{hooked:,.0f} messages a second"),
            Row("send with ledger and checks, over SMTP", f"{count / seconds:,.0f} messages a second"),
            Row("  of which ledger, checks and texts", f"{added * 1e6:,.0f} us a message, {(seconds - inside) / seconds:.0%}"),
        ],
    )


if __name__ == "__main__":
    main()
