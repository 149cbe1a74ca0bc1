"""``outcamp schema``: the JSON Schema of the campaign file."""

from __future__ import annotations

import argparse
import json

from outcamp.core.campaign_schema import campaign_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb: it has none."""


def run(args: argparse.Namespace) -> int:  # noqa: ARG001 - every verb is called alike
    """Print the schema, as it stands in ``include/schema/campaign.schema.json``."""
    print(json.dumps(campaign_schema(), indent=2, ensure_ascii=False))
    return 0
