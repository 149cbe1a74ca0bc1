"""An auth manager that decides by DAG, as FAB's does, for tests that need no more of it."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class PerDagAuthManager(SimpleAuthManager):
    """Lets somebody do, to the DAGs that their teams are called after, what their role may do; and nothing to any other."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **asked: Any) -> bool:
        """Tell whether the user may do this to this DAG."""
        return details is not None and details.id in user.teams and super().is_authorized_dag(user=user, details=details, **asked)
