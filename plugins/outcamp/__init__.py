"""Outbound campaigns on Apache Airflow: declared in YAML, never sent twice, nobody lost."""

__version__ = "0.1.0"
