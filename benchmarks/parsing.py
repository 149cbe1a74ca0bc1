"""What Airflow pays for reading dags/campaigns.py: with 1 and with 1,000 published campaigns, all of them and one of them.

Each figure is the median of three fresh processes, without what importing Airflow itself takes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from table import Row, show

from outcamp.core.campaign_file import campaign_of
from outcamp.core.document import read_document
from outcamp.core.manifest import seal_manifest

ROOT = Path(__file__).parents[1]
CAMPAIGN = (ROOT / "dags" / "campaigns" / "spring-renewal.yaml").read_text(encoding="utf-8")
PROGRAM = """
import time, runpy, sys
import airflow.sdk
began = time.perf_counter()
runpy.run_path(sys.argv[1])
print(time.perf_counter() - began)
"""


def publish(home: Path, count: int) -> None:
    """Publish this many campaigns."""
    folder = home / "dags" / "published"
    folder.mkdir(parents=True)
    settings = campaign_of(read_document(CAMPAIGN, "spring-renewal.yaml"))
    for number in range(count):
        manifest = seal_manifest(settings.model_copy(update={"name": f"c{number:04d}"}), datetime(2026, 12, 1, tzinfo=UTC), {}, {})
        (folder / f"c{number:04d}.json").write_text(manifest.to_json(), encoding="utf-8")


def seconds(home: Path, asked: str | None) -> float:
    """Return the seconds that reading the file takes."""
    environment = {
        **os.environ,
        "OUTCAMP_HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(ROOT / "plugins"),
        "PYTHONWARNINGS": "ignore",
    }
    if asked:
        environment["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = asked
    command = [sys.executable, "-c", PROGRAM, str(ROOT / "dags" / "campaigns.py")]
    taken = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()[-1] for _ in range(3)]  # noqa: S603
    return statistics.median(map(float, taken))


def main() -> None:
    """Measure, and print the table."""
    rows = []
    for count in (1, 1000):
        with tempfile.TemporaryDirectory() as folder:
            publish(Path(folder), count)
            for asked in (None, "outcamp.c0000"):
                what = f"{count:,} published, {'all' if asked is None else 'one'} asked for"
                rows.append(Row(what, f"{seconds(Path(folder), asked):.2f} s"))
    show("reading dags/campaigns.py", rows)


if __name__ == "__main__":
    main()
