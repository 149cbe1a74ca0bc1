"""The pages as one application, which Airflow's API server mounts under ``/outcamp``.

Airflow leaves a mounted application open to everybody. Here nothing but the static files, which hold no data, is: every router asks
first who the user is, then where the request came from, and each route about a campaign whether the user may. Those who tell outcomes
are no users: they are believed by their signature.
"""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import get_user  # noqa: TID253 - only the API server imports this folder
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint

from outcamp.core.errors import OutcampError, Transient
from outcamp.web import access, actions, callbacks, pages, pushes, recipients
from outcamp.web.look import HEADERS, STATIC, prepare, render
from outcamp.web.site import Site


def create_app(site: Site) -> FastAPI:
    """Return the application that shows this deployment's campaigns."""
    app = FastAPI(title="outcamp", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.site = site
    prepare()
    # The user first: whoever has no token is told so, wherever the request came from.
    guards = [Depends(get_user), Depends(access.same_origin)]
    for router in (pages.router, recipients.router, actions.router, pushes.router):
        app.include_router(router, dependencies=guards)
    app.include_router(callbacks.router)  # its senders have no user: they sign
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.middleware("http")(_guarded_answer)
    app.add_exception_handler(OutcampError, _said_by_us)
    app.add_exception_handler(HTTPException, _refused)
    return app


async def _guarded_answer(request: Request, call_next: RequestResponseEndpoint) -> Response:
    answer = await call_next(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if request.url.path.endswith((".css", ".js")):
        answer.headers["Cache-Control"] = "max-age=86400"  # their addresses change with what is in them
    return answer


def _said_by_us(request: Request, error: Exception) -> Response:
    """Say what outcamp raised on purpose: 503 when trying again may help, 409 when it cannot."""
    assert isinstance(error, OutcampError)  # noqa: S101 - as it is registered
    status = 503 if isinstance(error, Transient) else 409
    if _wants_a_page(request):
        return render(request, "message.html", status, title="This did not work", text=error.message, next_step=error.next_step)
    return JSONResponse({"detail": error.message, "next_step": error.next_step}, status)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    if _wants_a_page(request):
        title = {401: "You are not logged in", 403: "You may not see this"}.get(error.status_code, "There is nothing here")
        return render(request, "message.html", error.status_code, title=title, text=str(error.detail))
    return await http_exception_handler(request, error)


def _wants_a_page(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")
