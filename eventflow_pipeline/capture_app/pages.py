"""The demo's pages: welcome, a redirect, a registration, once rendered here and once in the browser."""

import uuid
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi import Path as PathParameter
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from eventflow_pipeline.capture import Outcome
from eventflow_pipeline.capture.rules import UNCACHED
from eventflow_pipeline.capture_app.calls import Calls

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True)
)
Campaign = Annotated[uuid.UUID, PathParameter(description="Campaign the pages register for.")]


def add_pages(app: FastAPI, calls: Calls) -> None:
    """Add ``/demo/{campaign}/welcome`` to ``register`` (made here) and ``/demo/{campaign}/app`` (browser)."""

    def page(name: str, **values: object) -> HTMLResponse:
        headers = {"cache-control": UNCACHED}
        return HTMLResponse(_TEMPLATES.get_template(f"{name}.html").render(values), headers=headers)

    async def seen(request: Request, campaign: uuid.UUID, shown: Response) -> Response:
        """A page rendered here records its visit here: it needs no JavaScript, and the cookies are the truth (S6)."""
        event = {"campaign_id": str(campaign), "surface": request.scope["path"]}
        outcome, _ = await calls.answered(calls.take("visit", request, event))
        return with_cookies(shown, outcome)

    def with_cookies(response: Response, outcome: Outcome) -> Response:
        for cookie in outcome.cookies:
            response.headers.append("set-cookie", cookie.header(calls.rules))
        return response

    @app.get("/demo/{campaign}/welcome", include_in_schema=False)
    async def welcome(request: Request, campaign: Campaign) -> Response:
        return await seen(request, campaign, page("welcome", campaign=campaign))

    @app.get("/demo/{campaign}/go", include_in_schema=False)
    async def go(campaign: Campaign) -> Response:
        return RedirectResponse(f"/demo/{campaign}/register", 302)

    @app.get("/demo/{campaign}/register", include_in_schema=False)
    async def register(request: Request, campaign: Campaign) -> Response:
        return await seen(request, campaign, page("register", campaign=campaign, event_id=uuid.uuid4()))

    @app.post("/demo/{campaign}/register", include_in_schema=False)
    async def registered(request: Request, campaign: Campaign) -> Response:
        payload = await calls.payload(request)
        if isinstance(payload, Response):
            return payload
        form = {**payload, "campaign_id": str(campaign), "surface": request.scope["path"]}
        outcome, result = await calls.answered(calls.take("entry", request, form))
        return with_cookies(page("thanks", status=result.get("status") or "refused"), outcome)

    @app.get("/demo/{campaign}/app", include_in_schema=False)
    @app.get("/demo/{campaign}/app/register", include_in_schema=False)
    async def client_rendered(campaign: Campaign) -> Response:
        return page("app", campaign=campaign)
