"""A Postfix of its own on loopback: with STARTTLS and pipelining, for the addresses of example.com, each with its mailbox."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

from certificates import self_signed

PROGRAM = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]  # it starts as root, and drops what it may
OWNER = os.geteuid() or 65534  # of the mailboxes: root must not be
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.com
mydestination =
mynetworks =
message_size_limit = {largest}
mailbox_size_limit = 0
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/people
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
smtpd_tls_chain_files = {certificate}
smtpd_tls_security_level = may
"""
# Only what takes mail in and puts it into mailboxes: nothing here could send any on.
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """A server that runs."""

    port: int
    certificate: Path
    mail: Path

    def mailbox(self, name: str, messages: int) -> list[EmailMessage]:
        """Return what lies in a mailbox, once it is so many messages."""
        box = self.mail / name / "new"
        for _ in range(600):
            found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(box.glob("*"))]
            if len(found) >= messages:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{name} has {len(found)} messages, and not {messages}")


@contextmanager
def postfix(names: Sequence[str], *, largest: int) -> Iterator[Postfix]:
    """Run Postfix with a mailbox for each name, for messages of so many bytes at most."""
    with TemporaryDirectory(prefix="outcamp-postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postfix's own users must get in
        certificate = self_signed(folder)
        for inner in ("conf", "queue", "data", "mail"):
            (folder / inner).mkdir()
        _as_root("chown", "postfix", folder / "data")
        _as_root("chown", str(OWNER), folder / "mail")
        folder.joinpath("people").write_text("".join(f"{name}@example.com {name}/\n" for name in names), encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        said = {"folder": folder, "largest": largest, "certificate": certificate, "owner": OWNER, "port": port}
        folder.joinpath("conf", "main.cf").write_text(MAIN.format(**said), encoding="utf-8")
        folder.joinpath("conf", "master.cf").write_text(MASTER.format(**said), encoding="utf-8")
        _as_root(PROGRAM, "-c", folder / "conf", "start")
        try:
            yield Postfix(port, certificate, folder / "mail")
        finally:
            _as_root(PROGRAM, "-c", folder / "conf", "stop")
            _as_root("chown", "--recursive", str(os.geteuid()), folder)  # so that it can be removed


def _as_root(*command: str | Path | None) -> None:
    subprocess.run([*AS_ROOT, *map(str, command)], check=True, capture_output=True, timeout=60)
