"""How an answer is made into a page: escaped templates, and headers that let it run nothing but our own files."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from outcamp.web import words

HERE = Path(__file__).parent
STATIC = HERE / "static"
PREFIX = "/outcamp"
HEADERS = {
    # No inline script or style, nothing from elsewhere, and no frame but Airflow's own pages.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def _environment() -> Environment:
    # Everything is escaped, whatever a template is called; a name that a page forgot is an error, not an empty place.
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    for filter_ in (words.word, words.number, words.instant, words.short, words.second, words.iso, words.setting, words.brief):
        environment.filters[filter_.__name__] = filter_
    environment.globals["share"] = words.share
    return environment


@cache
def _version() -> str:
    """Return what changes whenever a static file does, so that browsers may keep the files."""
    text = b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))
    return hashlib.sha256(text).hexdigest()[:12]


def prepare() -> None:
    """Compile the templates, which would otherwise make whoever comes first wait."""
    environment = _environment()
    for name in environment.list_templates():
        environment.get_template(name)


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Return a page."""
    base: str = request.scope.get("root_path", "")
    return Response(
        _environment().get_template(template).render(base=base, airflow=base.removesuffix(PREFIX), version=_version(), **values),
        status,
        media_type="text/html",
    )
