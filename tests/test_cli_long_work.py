"""Long work on a terminal says what is done and for how long already; what is printed for machines stays as it is."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SIMULATE = [
    *("simulate", "examples/renewal-reminder.yaml", "--recipients", "examples/recipients.csv"),
    *("--at", "2026-12-01T14:00:00Z", "--json", "--out"),
]


def test_a_simulation_shows_on_a_terminal_that_it_goes_on(tmp_path: Path) -> None:
    """Only there, and not in its output."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"OUTCAMP_HOME": str(ROOT), "PYTHONPATH": str(ROOT / "plugins"), "TERM": "xterm"}
    command = [sys.executable, "-m", "outcamp", *SIMULATE, str(tmp_path / "out")]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while read := os.read(ours, 4096):
                shown += read
        except OSError:  # Linux says so when nobody writes any more
            pass
        assert process.stdout is not None
        printed = process.stdout.read()
    os.close(ours)
    assert (0, True, True) == (process.returncode, json.loads(printed)["balanced"], b"Simulating 9 rows of recipients" in shown)
