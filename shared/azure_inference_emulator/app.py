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

from azure_inference_emulator import admission, chat, completions, embeddings, failures, info, models, sse
from azure_inference_emulator.admission import Dialect, Incoming
from azure_inference_emulator.failures import Refused
from azure_inference_emulator.journal import Journal
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

Handler = Callable[["_Emulator", Incoming], Awaitable[Response]]


@dataclass
class _Emulator:
    """What lives as long as the application."""

    settings: Settings
    journal: Journal
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class _Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_bytes(content)


def create_app(settings: Settings | None = None) -> Starlette:
    """The emulator as an ASGI application, for a server or for an in-process transport."""
    chosen = settings or Settings()
    emulator = _Emulator(chosen, Journal(chosen.journal_length))
    routes = [Route(_JOURNAL, _journal_endpoint(emulator), methods=["GET", "DELETE"])]
    for prefix, dialect in _PREFIXES:
        for path, handler in _POSTS.items():
            routes.append(Route(prefix + path, _endpoint(emulator, dialect, handler), methods=["POST"]))
        if dialect == "model-inference":
            routes.append(Route(f"{prefix}/info", _endpoint(emulator, dialect, _info), methods=["GET"]))
    handlers: Mapping[Any, Any] = {HTTPException: _http_error(emulator)}
    return Starlette(routes=routes, exception_handlers=handlers)


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
            admission.check_key(incoming, emulator.settings)
            admission.check_version(incoming, emulator.settings)
            if emulator.settings.latency:
                await asyncio.sleep(emulator.settings.latency)
            response = await handler(emulator, incoming)
        except Refused as refused:
            response = _Json(refused.body, refused.status, refused.headers)
        _add_headers(response, request, next(emulator.numbers))
        _note(emulator, request, incoming.raw, response.status_code)
        return response

    return endpoint


def _add_headers(response: Response, request: Request, number: int) -> None:
    response.headers.setdefault("x-request-id", f"emulator-{number:012x}")
    response.headers.setdefault("apim-request-id", f"emulator-{number:012x}")
    sent = request.headers.get("x-ms-client-request-id")
    if sent:
        response.headers.setdefault("x-ms-client-request-id", sent)


def _note(emulator: _Emulator, request: Request, raw: bytes, status: int) -> None:
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
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


async def _chat(emulator: _Emulator, incoming: Incoming) -> Response:
    admitted = admission.admit(incoming, CHAT_PARAMETERS, "chat", emulator.settings)
    done = chat.answer(admitted, next(emulator.numbers))
    if admitted.body.get("stream"):
        return _stream(emulator, chat.frames(admitted, done))
    return _Json(chat.body_of(admitted, done))


async def _completions(emulator: _Emulator, incoming: Incoming) -> Response:
    admitted = admission.admit(incoming, COMPLETIONS_PARAMETERS, "chat", emulator.settings)
    done = completions.complete(admitted, next(emulator.numbers))
    if admitted.body.get("stream"):
        return _stream(emulator, completions.frames(admitted, done))
    return _Json(completions.body_of(admitted, done))


async def _embeddings(emulator: _Emulator, incoming: Incoming) -> Response:
    admitted = admission.admit(incoming, EMBEDDINGS_PARAMETERS, "embeddings", emulator.settings)
    return _Json(embeddings.of_texts(admitted, next(emulator.numbers)))


async def _image_embeddings(emulator: _Emulator, incoming: Incoming) -> Response:
    admitted = admission.admit(incoming, IMAGE_EMBEDDINGS_PARAMETERS, "embeddings", emulator.settings)
    return _Json(embeddings.of_images(admitted, next(emulator.numbers)))


async def _info(emulator: _Emulator, incoming: Incoming) -> Response:
    asked = incoming.query.get("model") or models.DEFAULTS["chat"]
    named = replace(incoming, deployment=asked)
    known = models.MODELS.get(emulator.settings.models.get(asked, asked))
    model, name = admission.resolve(named, asked, known.task if known else "chat", emulator.settings)
    return _Json(info.body_of(model, name))


def _stream(emulator: _Emulator, frames: Iterator[JsonObject]) -> Response:
    async def events() -> AsyncIterator[bytes]:
        pause = emulator.settings.latency / 20
        for data in frames:
            if pause:
                await asyncio.sleep(pause)
            yield sse.frame(data)
        yield sse.DONE

    return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-cache"})


_POSTS: dict[str, Handler] = {
    "/chat/completions": _chat,
    "/completions": _completions,
    "/embeddings": _embeddings,
    "/images/embeddings": _image_embeddings,
}
