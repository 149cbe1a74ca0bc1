"""Which campaigns are paused: Airflow's own switch, read from its database.

Airflow's API would ask for a password, and importing Airflow's models takes seconds and writes a configuration into the home folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from outcamp.core.errors import SourceUnavailable
from outcamp.steps.published import campaign_of_dag

VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


def paused_campaigns(home: Path) -> frozenset[str] | None:
    """Return the campaigns whose DAG is paused; None when nothing here says which database is Airflow's."""
    import sqlalchemy
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    configured = os.environ.get(VARIABLE)
    address = configured or _embedded(home)
    if address is None:
        return None
    dag = sqlalchemy.table("dag", sqlalchemy.column("dag_id"), sqlalchemy.column("is_paused", sqlalchemy.Boolean))
    try:
        with sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool).connect() as connection:
            found = connection.scalars(sqlalchemy.select(dag.c.dag_id).where(dag.c.is_paused)).all()
    except DBAPIError as error:
        if not configured:
            return frozenset()  # Airflow has not run here yet, so nobody has paused anything
        problem = f"Airflow's database, which says what is paused, did not answer: {str(error.orig).strip().splitlines()[0]}"
        raise SourceUnavailable(problem, next_step=f"start it, or unset {VARIABLE} to see the states without Paused") from None
    except (SQLAlchemyError, ImportError) as error:
        problem = f"{VARIABLE} cannot be used: {type(error).__name__}."
        raise SourceUnavailable(problem, next_step="correct it, or unset it to see the states without Paused") from None
    return frozenset(name for dag_id in found if (name := campaign_of_dag(dag_id)) is not None)


def _embedded(home: Path) -> str | None:
    """Return the address of the embedded Airflow's database; None when the ledger is not the embedded one, and so Airflow is not."""
    from outcamp.cli.deployment_settings import airflow_address
    from outcamp.cli.ledger import is_embedded
    from outcamp.store.embedded import embedded_uri

    return airflow_address(embedded_uri(home)) if is_embedded() else None
