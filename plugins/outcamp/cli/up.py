"""``outcamp up``: the embedded deployment with Airflow's UI, until Ctrl-C."""

from __future__ import annotations

import argparse
import time

from outcamp.steps.project import project_home

PORT = 8080


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("--port", type=int, default=PORT, help=f"where the UI answers on 127.0.0.1 (default: {PORT})")


def run(args: argparse.Namespace) -> int:
    """Start everything, say where the UI is, and stop everything when the user has had enough."""
    from outcamp.cli.deployment import Deployment, stop_on_signals

    deployment = Deployment(project_home(), port=args.port)
    stop_on_signals()
    deployment.stop_leftovers()
    print("Starting Postgres and Airflow ...", flush=True)
    with deployment.running():
        print(f"Airflow is up: {deployment.url}  (user {deployment.user}, password {deployment.password})")
        print(f"Campaigns that you publish run here; everything lies in {deployment.state}. Ctrl-C stops it.", flush=True)
        while True:
            deployment.check()
            time.sleep(1)
