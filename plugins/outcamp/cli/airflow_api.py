"""Airflow's public API, as the embedded deployment asks it: calls under the UI's user, and whether every component is up."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, field
from typing import Any

HEALTH = ("dag_processor", "scheduler")  # what the API server knows of the others


@dataclass(frozen=True)
class AirflowApi:
    """The API of one deployment."""

    url: str
    user: str
    password: str = field(repr=False)

    def call(self, method: str, path: str, body: object | None = None) -> Any:
        """Call the API as the UI's user, and return what it answers."""
        token: str = _call("POST", f"{self.url}/auth/token", {"username": self.user, "password": self.password}, "")["access_token"]
        return _call(method, f"{self.url}/api/v2{path}", body, token)

    def is_healthy(self) -> bool:
        """Tell whether the API server answers and says that the other components beat."""
        try:
            health = _call("GET", f"{self.url}/api/v2/monitor/health", None, "")
        except OSError:
            return False
        return all((health.get(component) or {}).get("status") == "healthy" for component in HEALTH)


def _call(method: str, url: str, body: object | None, token: str) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        text = response.read()
    return json.loads(text) if text else None
