"""The HTTP application: routes of all dialects, JSON errors for everything else, and the journal of requests."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route
except ImportError as error:
    raise ImportError('The emulator needs starlette and uvicorn: pip install "azure-inference[emulator]"') from error

from azure_inference_emulator import (
    admission,
    chat,
    completions,
    embeddings,
    failures,
    faults,
    info,
    managed,
    models,
    stream_faults,
)
from azure_inference_emulator.admission import Dialect, Incoming
from azure_inference_emulator.failures import Refused
from azure_inference_emulator.faults import Fault, Faults
from azure_inference_emulator.journal import Journal
from azure_inference_emulator.limiter import Limiter
from azure_inference_emulator.rules import (
    CHAT_PARAMETERS,
    COMPLETIONS_PARAMETERS,
    EMBEDDINGS_PARAMETERS,
    IMAGE_EMBEDDINGS_PARAMETERS,
)
from azure_inference_emulator.settings import Settings
from azure_inference_emulator.values import JsonObject, to_bytes

_PREFIXES: tuple[tuple[str, Dialect], ...] = (
    ("", "model-inference"),
    ("/models", "model-inference"),
    ("/v1", "openai-v1"),
    ("/openai/v1", "openai-v1"),
    ("/openai/deployments/{deployment}", "azure-openai"),
)
_ROUTES = (
    "routes are /chat/completions, /completions, /embeddings, /images/embeddings and /info, "
    "at the root and under /models, /v1, /openai/v1 and /openai/deployments/<model>"
)
_JOURNAL = "/__emulator/requests"


@dataclass(frozen=True)
class _Outcome:
    """What a route has to say: one body, and the frames of it when a stream was asked for."""

    body: JsonObject
    frames: Iterator[JsonObject] | None = None


Handler = Callable[["_Emulator", Incoming], _Outcome]


@dataclass
class _Emulator:
    """What lives as long as the application."""

    settings: Settings
    journal: Journal
    limiter: Limiter
    faults: Faults
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class _Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else to_bytes(content)


def create_app(settings: Settings | None = None) -> Starlette:
    """The emulator as an ASGI application, for a server or for an in-process transport."""
    chosen = settings or Settings()
    emulator = _Emulator(chosen, Journal(chosen.journal_length), Limiter(chosen.rate_limit), Faults(chosen.faults))
    routes = [Route(_JOURNAL, _journal_endpoint(emulator), methods=["GET", "DELETE"])]
    for prefix, dialect in _PREFIXES:
        for path, handler in _POSTS.items():
            routes.append(Route(prefix + path, _endpoint(emulator, dialect, handler), methods=["POST"]))
        if dialect == "model-inference":
            routes.append(Route(f"{prefix}/info", _endpoint(emulator, dialect, _info), methods=["GET"]))
    handlers: Mapping[Any, Any] = {HTTPException: _http_error(emulator)}
    app = Starlette(routes=routes, exception_handlers=handlers)
    # The services answer 404 to a path with a slash too many, and no redirect.
    app.router.redirect_slashes = False
    return app


def _endpoint(emulator: _Emulator, dialect: Dialect, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """One route: the handler's answer or its refusal, journaled."""

    async def endpoint(request: Request) -> Response:
        incoming = Incoming(
            dialect=dialect,
            headers=request.headers,
            query=request.query_params,
            raw=await request.body(),
            deployment=request.path_params.get("deployment", ""),
        )
        try:
            response = await _answer(emulator, incoming, request, handler)
        except Refused as refused:
            passed = managed.wrapped(refused) if emulator.settings.managed_compute else refused
            response = _Json(passed.body, passed.status, passed.headers)
        _add_headers(response, request, next(emulator.numbers))
        _note(emulator, request, incoming.raw, response.status_code)
        return response

    return endpoint


async def _answer(emulator: _Emulator, incoming: Incoming, request: Request, handler: Handler) -> Response:
    """The answer of a route, with the rate limit, the latency and the faults of the request."""
    try:
        active = emulator.faults.active(incoming.headers.get(faults.HEADER, ""), request.url.path)
    except ValueError as error:
        raise failures.nested(400, "BadRequest", str(error)) from None
    await asyncio.sleep(emulator.settings.latency + faults.pause(active))
    raw = faults.instead(active)
    if raw is not None:
        return Response(raw.body, raw.status, dict(raw.headers), raw.content_type)
    admission.check_key(incoming, emulator.settings)
    limits = emulator.limiter.admit()
    admission.check_version(incoming, emulator.settings)
    outcome = handler(emulator, incoming)
    if outcome.frames is None or any(fault.name == "json" for fault in active):
        return _Json(faults.spoiled(active, outcome.body), headers=limits)
    pause = emulator.settings.latency / 20 + stream_faults.pause(active)
    return StreamingResponse(
        _events(outcome.frames, active, pause),
        media_type="text/event-stream",
        headers={"cache-control": "no-cache", **limits},
    )


async def _events(frames: Iterator[JsonObject], active: list[Fault], pause: float) -> AsyncIterator[bytes]:
    opening = stream_faults.opening(active)
    if opening:
        yield opening
    for event in stream_faults.events(frames, active):
        await asyncio.sleep(pause)
        yield event


def _add_headers(response: Response, request: Request, number: int) -> None:
    response.headers.setdefault("x-request-id", f"emulator-{number:012x}")
    response.headers.setdefault("apim-request-id", f"emulator-{number:012x}")
    sent = request.headers.get("x-ms-client-request-id")
    if sent:
        response.headers.setdefault("x-ms-client-request-id", sent)


def _note(emulator: _Emulator, request: Request, raw: bytes, status: int) -> None:
    try:
        body = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        body = raw.decode("utf-8", "replace")
    emulator.journal.add(
        method=request.method,
        path=request.url.path,
        query=request.query_params,
        headers=request.headers.items(),
        body=body,
        status=status,
    )


def _http_error(emulator: _Emulator) -> Callable[[Request, HTTPException], Awaitable[Response]]:
    """404 and 405 as the gateway says them."""

    async def handle(request: Request, error: HTTPException) -> Response:
        if emulator.settings.managed_compute:
            refused = managed.wrapped(Refused(error.status_code, {"detail": error.detail}))
        else:
            message = "Resource not found" if error.status_code == 404 else error.detail
            told = f"{message}: {request.method} {request.url.path} ({_ROUTES})"
            refused = failures.nested(error.status_code, str(error.status_code), told)
        response = _Json(refused.body, refused.status, {**refused.headers, **(error.headers or {})})
        _add_headers(response, request, next(emulator.numbers))
        _note(emulator, request, await request.body(), response.status_code)
        return response

    return handle


def _journal_endpoint(emulator: _Emulator) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method == "DELETE":
            emulator.journal.clear()
        return _Json(emulator.journal.entries())

    return endpoint


def _chat(emulator: _Emulator, incoming: Incoming) -> _Outcome:
    admitted = admission.admit(incoming, CHAT_PARAMETERS, "chat", emulator.settings)
    done = chat.answer(admitted, next(emulator.numbers))
    return _Outcome(chat.body_of(admitted, done), chat.frames(admitted, done) if admitted.body.get("stream") else None)


def _completions(emulator: _Emulator, incoming: Incoming) -> _Outcome:
    admitted = admission.admit(incoming, COMPLETIONS_PARAMETERS, "chat", emulator.settings)
    done = completions.complete(admitted, next(emulator.numbers))
    streamed = completions.frames(admitted, done) if admitted.body.get("stream") else None
    return _Outcome(completions.body_of(admitted, done), streamed)


def _embeddings(emulator: _Emulator, incoming: Incoming) -> _Outcome:
    admitted = admission.admit(incoming, EMBEDDINGS_PARAMETERS, "embeddings", emulator.settings)
    return _Outcome(embeddings.of_texts(admitted, next(emulator.numbers)))


def _image_embeddings(emulator: _Emulator, incoming: Incoming) -> _Outcome:
    admitted = admission.admit(incoming, IMAGE_EMBEDDINGS_PARAMETERS, "embeddings", emulator.settings)
    return _Outcome(embeddings.of_images(admitted, next(emulator.numbers)))


def _info(emulator: _Emulator, incoming: Incoming) -> _Outcome:
    asked = emulator.settings.only or incoming.query.get("model") or models.DEFAULTS["chat"]
    known = models.find(emulator.settings.models.get(asked, asked))
    task = known.task if known else "chat"
    return _Outcome(
        info.body_of(*admission.resolve(replace(incoming, deployment=asked), asked, task, emulator.settings))
    )


_POSTS: dict[str, Handler] = {
    "/chat/completions": _chat,
    "/completions": _completions,
    "/embeddings": _embeddings,
    "/images/embeddings": _image_embeddings,
}
