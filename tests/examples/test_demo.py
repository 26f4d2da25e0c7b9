"""The tour that `make demo` runs: right answers about real documents, and one clear line when something is wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from azure_inference_emulator import running

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-W", "ignore", str(ROOT / "examples" / "demo.py")]

ASKED = {
    "Which Python is needed to run make demo?": "Python 3.11",
    "What does the extra_parameters policy drop do?": "leave them out",
    "Which error is raised when a stream ended before the model was done?": "StreamInterruptedError",
    "How does the emulator answer the same request?": "same answer",
    "Where are a key or token never sent?": "plain http",
}
"""Questions about README.md, each with words that only the right passage has."""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The tour as a user starts it, without settings of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_INFERENCE_")}
    return subprocess.run(
        [*DEMO, *arguments], capture_output=True, text=True, timeout=120, env=variables | environment, check=False
    )


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """This project's README among two documents about something else."""
    (tmp_path / "README.md").write_text((ROOT / "README.md").read_text("utf-8"), "utf-8")
    (tmp_path / "pump.html").write_text("<body><p>The pump has a warranty of thirty months.</p></body>", "utf-8")
    (tmp_path / "heater.txt").write_text("The heater draws two kilowatts and weighs 14 kg.", "utf-8")
    return tmp_path


@pytest.mark.timeout(180)
def test_the_tour_answers_five_questions(documents: Path) -> None:
    """Each of five questions about real documents is answered from the right passage, over real HTTP."""
    tour = run("--docs", str(documents), *(word for question in ASKED for word in ("--ask", question)))

    assert tour.returncode == 0, tour.stderr
    answers = dict(block.split("\nA: ", 1) for block in tour.stdout.split("\nQ: ")[1 : len(ASKED) + 1])
    wrong = {question: answers[question] for question, words in ASKED.items() if words not in answers[question]}
    assert wrong == {}


@pytest.mark.timeout(180)
def test_the_tour_shows_everything_it_promises(documents: Path) -> None:
    """Sources with scores, a bar, both agents' tool calls, the refused and the extra parameter, and the sum."""
    tour = run("--docs", str(documents), "--ask", "How long is the warranty of the pump?")

    assert tour.returncode == 0, tour.stderr
    assert tour.stdout.count("thirty months") >= 5  # the index, its source, the chain and both agents
    assert tour.stdout.count("   search_documents(") == 2
    assert tour.stdout.count("   list_documents()") == 2
    assert "pump.html: The pump has a warranty" in tour.stdout
    assert "ParameterNotSupportedError: location=['body', 'modalities'] value=['text', 'audio']" in tour.stdout
    assert "safe_prompt=True was passed through" in tour.stdout
    assert "Generating embeddings: 100%" in tour.stderr
    assert " requests, " in tour.stdout
    assert "AZURE_INFERENCE_ENDPOINT" in tour.stdout


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("route", "models", "said"),
    [
        ("/models", {}, "safe_prompt=True was passed through"),
        (
            "/openai/v1",
            {"CHAT_MODEL": "gpt-4o-mini", "EMBED_MODEL": "text-embedding-3-small"},
            "BadRequestError: location=[] value=None\n   400: Unrecognized request argument supplied: safe_prompt",
        ),
    ],
)
def test_the_tour_of_an_endpoint(documents: Path, route: str, models: dict[str, str], said: str) -> None:
    """It runs to its end on both routes, as the README has it, where a service takes no more than it must."""
    with running(strict=True) as url:
        endpoint = {"AZURE_INFERENCE_ENDPOINT": url + route, "AZURE_INFERENCE_CREDENTIAL": "key"}
        tour = run("--docs", str(documents), "--ask", "What does the heater weigh?", **endpoint, **models)

    assert tour.returncode == 0, tour.stderr
    assert "ParameterNotSupportedError: location=['body', 'modalities'] value=['text', 'audio']" in tour.stdout
    assert said in tour.stdout
    assert " requests, " in tour.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--docs", "no/such/folder"], {}, "DOCS=no/such/folder is not a folder"),
        (["--docs", "EMPTY"], {}, "holds no"),
        ([], {"AZURE_INFERENCE_ENDPOINT": "http://127.0.0.1:9/models"}, "AZURE_INFERENCE_CREDENTIAL is not"),
        (
            ["--docs", "TEXT"],
            {"AZURE_INFERENCE_ENDPOINT": "not a url", "AZURE_INFERENCE_CREDENTIAL": "key"},
            "endpoint='not a url' is not an http(s) URL",
        ),
        (
            ["--docs", "TEXT"],
            {"AZURE_INFERENCE_ENDPOINT": "http://127.0.0.1:9/models", "AZURE_INFERENCE_CREDENTIAL": "key"},
            "no connection to http://127.0.0.1:9",
        ),
        (["--docs", "TEXT"], {"EMBED_MODEL": "no-such-model"}, "no-such-model"),
        (["--docs", "TEXT"], {"EMULATOR_PORT": "BUSY"}, "the emulator did not start"),
    ],
)
def test_what_a_user_can_put_right_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    """A wrong folder, endpoint, credential, model or port ends the tour with one line and exit code 1."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("Something to read.", "utf-8")
    places = {"EMPTY": str(tmp_path / "empty"), "TEXT": str(tmp_path / "text")}
    with socket.create_server(("127.0.0.1", 0)) as busy:
        places["BUSY"] = str(busy.getsockname()[1])
        tour = run(
            *(places.get(word, word) for word in arguments),
            **{name: places.get(value, value) for name, value in environment.items()},
        )

    errors = [line for line in tour.stderr.splitlines() if line.startswith("error: ")]
    assert tour.returncode == 1
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in tour.stderr


def test_an_emulator_that_dies_is_said_so(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the emulator is killed in the middle, the tour says so and leaves nothing running."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import stage

    from azure_inference import ChatRequest, InferenceClient, RetryPolicy, UserMessage

    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("this system does not list the children of a process in /proc")
    others = set(children.read_text().split())
    with pytest.raises(stage.DemoError, match="ended by itself"), stage.endpoint() as url:  # noqa: PT012 - one story
        client = InferenceClient(url, "key", retry=RetryPolicy(max_retries=0))
        (emulator,) = set(children.read_text().split()) - others
        os.kill(int(emulator), signal.SIGKILL)
        time.sleep(0.2)
        client.chat(ChatRequest(messages=[UserMessage(content="hello")]))
