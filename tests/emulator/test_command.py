"""The command `azure-inference-emulator`, and the emulator in a thread."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from azure_inference_emulator import running
from azure_inference_emulator.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
COMMAND = [sys.executable, "-W", "error", "-m", "azure_inference_emulator"]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and its base URL once it has said so."""
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("azure-inference-emulator listening on http://127.0.0.1:")
            yield process, line.split()[-1]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_a_signal(number: signal.Signals) -> None:
    """It says where it listens, answers, and ends quietly with exit code 0, also with a stream open."""
    with started("--port", "0", "--key", "k", "--latency", "0.2") as (process, url):
        with httpx.Client(base_url=url, headers={"api-key": "k"}) as client:
            assert client.post("/models/chat/completions", json=HELLO).status_code == 200
            with client.stream("POST", "/chat/completions", json={**HELLO, "stream": True}) as stream:
                next(stream.iter_lines())
        process.send_signal(number)
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (0, "", "")


def test_options_reach_the_server() -> None:
    """Model names, faults and modes given on the command line are those of the server."""
    with started(
        *("--port", "0", "--model", "mine=emulated-chat-2", "--only", "mine"),
        *("--fault", "status:code=502,times=1", "--strict"),
    ) as (_, url):
        body = {**HELLO, "model": "mine"}
        answers = [httpx.post(f"{url}/models/chat/completions", json=body, headers={"api-key": "k"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [502, 400]
    assert "api-version" in answers[1].text


def test_busy_port(capsys: pytest.CaptureFixture[str]) -> None:
    """A port in use is one line that says so and what to do, and exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"azure-inference-emulator: cannot listen on 127.0.0.1 port {port}: "
        "it is in use; choose another with --port, or --port 0 for a free one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "http"], "'http' is not a port"),
        (["--port", "70000"], "'70000' is not a port"),
        (["--key", " "], "the key is empty"),
        (["--model", "a=b"], "models='a': 'b' is not a name for one of the models"),
        (["--model", "=gpt-4o-mini"], "models='': 'gpt-4o-mini' is not a name for one of the models"),
        (["--only", "mine", "--model", "yours=gpt-4o-mini"], "only='mine' is none of the models"),
        (["--fault", "nonsense"], "There is no fault 'nonsense'; there are after-done"),
        (["--fault", "status:cod=404"], "There is no 'cod' of fault 'status'; there are code, body, retry-after, "),
        (["--fault", "cut:after=1,time=1"], "There is no 'time' of fault 'cut'; there are after, times, route, id."),
        (["--fault", "status:404"], "There is no '404' of fault 'status'"),
        (["--fault", "status:code=x"], "code='x' of fault 'status' is not a number"),
        (["--fault", "status:body=hmtl"], "body='hmtl' of fault 'status' is none of error, flat, "),
        (["--latency", "long"], "argument --latency: invalid float value: 'long'"),
        (["--latency", "-1"], "latency=-1.0 is not a number of seconds"),
        (["--latency", "nan"], "latency=nan is not a number of seconds"),
        (["--rate-limit", "-1"], "rate_limit=-1 is not a number of requests"),
    ],
)
def test_bad_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    """A bad argument is named with its value and what it should be; exit code 2."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_in_a_thread() -> None:
    """`running` leaves no thread, no socket and no warning behind, and two can run at once."""
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with running() as first, running(key="k") as second:
            assert first != second
            for url in (first, second):
                answer = httpx.post(f"{url}/chat/completions", json=HELLO, headers={"api-key": "k"})
                assert answer.status_code == 200
        gc.collect()

    # Threads of earlier tests may end meanwhile, so it is not their number that counts.
    assert set(threading.enumerate()) <= before
    with pytest.raises(httpx.ConnectError):
        httpx.get(first)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key": " "}, "the key is empty"),
        ({"models": {"a": "b"}}, "models='a': 'b'"),
        ({"only": "zz"}, "only='zz' is none of"),
        ({"latency": -1}, "latency=-1 is not a number of seconds"),
        ({"latency": "1"}, "latency='1' is not a number of seconds"),
        ({"rate_limit": -1}, "rate_limit=-1 is not a number of requests"),
        ({"journal_length": 0.5}, "journal_length=0.5 is not a number of requests"),
        ({"faults": ["cut:afer=1"]}, "There is no 'afer' of fault 'cut'"),
    ],
)
def test_wrong_values(settings: dict[str, Any], said: str) -> None:
    """What the command refuses, `running` refuses."""
    with pytest.raises(ValueError, match=said), running(**settings):
        pass


def test_wrong_setting() -> None:
    """A setting that does not exist is a TypeError that names it."""
    with pytest.raises(TypeError, match="colour"), running(colour="red"):
        pass


def test_import_does_not_need_the_extra() -> None:
    """Importing the package loads neither starlette nor uvicorn; using it without them says what to install."""
    code = (
        "import sys; import azure_inference_emulator as e; assert not {'starlette', 'uvicorn'} & set(sys.modules);"
        "sys.modules['uvicorn'] = None\ntry: e.running()\nexcept ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert 'pip install "azure-inference[emulator]"' in run.stdout


def test_in_process() -> None:
    """`create_app` is an ASGI application that needs no port."""
    import asyncio

    from azure_inference_emulator.app import create_app
    from azure_inference_emulator.settings import Settings

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(Settings(key="k")))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://emulator", headers={"api-key": "k"}
        ) as client:
            return await client.post("/models/chat/completions", json=HELLO)

    assert asyncio.run(ask()).json()["model"] == "emulated-chat"
