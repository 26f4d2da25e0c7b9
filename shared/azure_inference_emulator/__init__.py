"""An emulator of the Azure AI Model Inference API: offline, deterministic, over real HTTP.

Start it with ``azure-inference-emulator --port 8080`` and point any client of the API at ``http://127.0.0.1:8080``
(serverless root), ``/models``, ``/v1``, ``/openai/v1`` or ``/openai/deployments/<model>``. In Python::

    from azure_inference_emulator import running

    with running() as url:
        ...  # an OpenAI-like client at f"{url}/v1", a client of this API at f"{url}/models"

It serves ``emulated-chat``, ``emulated-chat-2`` and ``emulated-embed``. Answers are quotations: the sentences of the
prompt that answer its question. Tools are called when their name and description fit the last user message, their
arguments filled from it; a JSON Schema is always satisfied. Embeddings are hashed words, word pairs and character
n-grams, so that related texts are near. The same request gets the same answer. ``emulated-chat`` refuses
``modalities`` with ``audio`` (422 ``parameter_not_supported``), ``emulated-chat-2`` that and ``seed``. Extra parameters
that are passed through come back under ``emulator.extra_parameters``. ``GET /__emulator/requests`` tells what clients
sent, secrets redacted.

To rehearse failures: ``--fault`` or the request header ``x-emulator-fault`` (see ``faults`` and ``stream_faults``),
``--rate-limit``, ``--latency``, ``--strict``, ``--managed-compute``; a last user message that begins with
``[[filter the prompt]]`` or ``[[filter the answer]]`` meets the content filter. Models of the API's catalogue can be
asked for by name (see ``models``): each refuses and answers as that family does.
"""

from contextlib import AbstractContextManager as _AbstractContextManager
from typing import Any as _Any

from azure_inference_emulator.settings import Settings

__all__ = ["Settings", "running"]


def running(**settings: _Any) -> _AbstractContextManager[str]:
    """An emulator on a free port of 127.0.0.1 in a thread, for as long as the ``with`` block; gives its base URL.

    Takes the fields of ``Settings``. Raises ``ImportError`` when starlette or uvicorn is missing.
    """
    from azure_inference_emulator import server  # noqa: PLC0415 - importing this package must not need the extra

    return server.running(**settings)
