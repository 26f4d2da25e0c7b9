"""What the emulator says: quotations that answer, honest remarks, and the limits put on them."""

from __future__ import annotations

from typing import Any

import pytest

HANDBOOK = """file_path: docs/handbook.md

# Lighthouse

Lighthouse is a scheduler for nightly jobs. It was written by [Mara Lindqvist](https://example.org/mara) in 2019.
The program is licensed under the **Apache License 2.0**. Questions go to the forum, e.g. about upgrades.

## Installation

Install it with pip:

```console
pip install lighthouse-scheduler
lighthouse init --port 7411
```

Python 3.11 or newer is needed. Windows is not supported.

## Settings

| setting | default | meaning |
|---|---|---|
| `retry_limit` | 5 | how often a failed job is started again |
| `grace_period` | 90 seconds | how long a job may go on after the stop signal |
| `heartbeat` | 15 | seconds between signs of life |

The web interface listens on port 7411. It can be changed with `--port`.

## Storage

Results are kept in SQLite. They are deleted after 30 days because the disk of the first server was small.

- Logs are written to `/var/log/lighthouse`.
- Backups go to object storage every Sunday.
- Secrets stay in the keyring of the system.

## Limits

A job may run for six hours at most. At most 200 jobs run at once.
"""
QUESTIONS = [
    ("Who wrote Lighthouse?", "Mara Lindqvist", 220),
    ("Under which license is the program?", "Apache License 2.0", 120),
    ("How do I install it?", "pip install lighthouse-scheduler", 160),
    ("Which Python version is needed?", "Python 3.11", 80),
    ("Is Windows supported?", "Windows is not supported", 80),
    ("What is the default of retry_limit?", "5", 90),
    ("How long may a job go on after the stop signal?", "90 seconds", 130),
    ("On which port does the web interface listen?", "port 7411", 120),
    ("Why are results deleted after 30 days?", "disk of the first server was small", 180),
    ("Where are logs written to?", "/var/log/lighthouse", 90),
    ("When do backups happen?", "every Sunday", 90),
    ("How many jobs run at once?", "200 jobs", 120),
    ("What is Lighthouse?", "scheduler for nightly jobs", 220),
]

LLAMAINDEX = (
    "Context information is below.\n---------------------\n{context}\n---------------------\n"
    "Given the context information and not prior knowledge, answer the query.\nQuery: {question}\nAnswer: "
)
LANGCHAIN = "Answer the question based only on the following context:\n{context}\n\nQuestion: {question}\n"
LANGCHAIN_HUB = (
    "You are an assistant for question-answering tasks. Use the following pieces of retrieved context to answer the "
    "question. Use three sentences maximum.\nQuestion: {question} \nContext: {context} \nAnswer:"
)
LANGCHAIN_SYSTEM = (
    "You are an assistant for question-answering tasks. Use the given context to answer the question. "
    "Keep the answer concise.\n\n{context}"
)
PROMPTS = {
    "llamaindex": [("user", LLAMAINDEX)],
    "llamaindex chat": [("system", "You are an expert Q&A system."), ("user", LLAMAINDEX)],
    "langchain": [("user", LANGCHAIN)],
    "langchain hub": [
        ("user", LANGCHAIN_HUB),
    ],
    "langchain system": [
        ("system", LANGCHAIN_SYSTEM),
        ("user", "{question}"),
    ],
    "tags": [("user", "<context>\n{context}\n</context>\n\n{question}")],
    "plain": [("user", "{context}\n\n{question}")],
}


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize(("question", "fact", "longest"), QUESTIONS)
def test_the_right_fact(server: Any, prompt: str, question: str, fact: str, longest: int) -> None:
    """A factual question over a Markdown document is answered with the fact, readably and not at length."""
    context = HANDBOOK
    messages = [
        {"role": role, "content": text.replace("{context}", context).replace("{question}", question)}
        for role, text in PROMPTS[prompt]
    ]

    answer = server.say("", messages=messages)

    assert fact in answer
    assert len(answer) <= longest
    assert "**" not in answer
    assert "](" not in answer
    assert "file_path" not in answer
    assert "|" not in answer


def test_code_and_lists_stay_whole(server: Any) -> None:
    """A quotation that announces a code block brings it, fences and all."""
    answer = server.say(LLAMAINDEX.format(context=HANDBOOK, question="How do I install it?"))

    assert (
        answer == "Install it with pip:\n```console\npip install lighthouse-scheduler\nlighthouse init --port 7411\n```"
    )


@pytest.mark.parametrize(
    "question", ["What is the capital of Mongolia?", "Does Lighthouse integrate with Kubernetes operators?"]
)
def test_what_the_context_does_not_say(server: Any, question: str) -> None:
    """What the context does not say is not made up."""
    answer = server.say(LLAMAINDEX.format(context=HANDBOOK, question=question))

    assert answer == f"(emulator) The context does not say anything about: {question}"


REFINE = (
    "The original query is as follows: {question}\nWe have provided an existing answer: {answer}\n"
    "We have the opportunity to refine the existing answer (only if needed) with some more context below.\n"
    "------------\n{context}\n------------\nGiven the new context, refine the original answer to better answer "
    "the query. "
    "If the context isn't useful, return the original answer.\nRefined Answer: "
)
CHAT_REFINE = (
    "You are an expert Q&A system that strictly operates in two modes when refining existing answers:\n"
    "1. **Rewrite** an original answer using the new context.\n"
    "2. **Repeat** the original answer if the new context isn't useful.\n"
    "When in doubt, just repeat the original answer.\n"
    "New Context: {context}\nQuery: {question}\nOriginal Answer: {answer}\nNew Answer: "
)


@pytest.mark.parametrize("template", [REFINE, CHAT_REFINE])
@pytest.mark.parametrize(
    ("answer", "context", "expected"),
    [
        (
            "A job may run for six hours at most.",
            "Bread is baked with flour and water and salt.",
            "A job may run for six hours at most.",
        ),
        (
            "(emulator) The context does not say anything about it.",
            "A job may run for six hours.",
            "A job may run for six hours.",
        ),
        ("Jobs are nice.", "A job may run for six hours.", "A job may run for six hours."),
    ],
)
def test_refine(server: Any, template: str, answer: str, context: str, expected: str) -> None:
    """LlamaIndex's refine prompts keep the earlier answer unless the new context says more."""
    prompt = template.format(question="How long may a job run?", answer=answer, context=context)

    assert server.say(prompt) == expected


def test_summary(server: Any) -> None:
    """A request for a summary is answered with sentences of the text."""
    answer = server.say(
        f"Write a summary of the following. Try to use only the information provided.\n\n\n{HANDBOOK}\n\n\nSUMMARY:"
    )

    assert "Lighthouse is a scheduler for nightly jobs." in answer
    assert len(answer) < 600


def test_standalone_question(server: Any) -> None:
    """The prompts that make a standalone question of a follow-up get a question."""
    prompt = (
        "Given a conversation (between Human and Assistant) and a follow up message from Human, rewrite the message to "
        "be a standalone question that captures all relevant context from the conversation.\n\n<Chat History>\n"
        "user: hi\n\n<Follow Up Message>\nWhich port is it?\n\n<Standalone question>\n"
    )

    assert server.say(prompt) == "Which port is it?"


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([("user", "Hello")], "(emulator) You said: Hello"),
        ([("user", "hello"), ("assistant", "hello"), ("user", "how are you")], "(emulator) You said: how are you"),
        (
            [("system", "You are a pirate who answers in rhymes, always and to everybody."), ("user", "Ahoy")],
            "(emulator) You said: Ahoy",
        ),
        ([("user", "My name is Anna."), ("assistant", "Hello"), ("user", "What is my name?")], "My name is Anna."),
        ([("user", "")], "(emulator) You said nothing."),
    ],
)
def test_talk(server: Any, messages: list[tuple[str, str]], expected: str) -> None:
    """Without material the answer says honestly that it is an emulator's; what the user said before is material."""
    assert server.say("", messages=[{"role": role, "content": text} for role, text in messages]) == expected


def test_media(server: Any) -> None:
    """Parts that are no text are named."""
    content = [{"type": "text", "text": "Describe it."}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]

    assert (
        server.say("", messages=[{"role": "user", "content": content}])
        == "(emulator) You sent image_url. You said: Describe it."
    )


def test_the_same_request_gets_the_same_answer(server: Any) -> None:
    """Two equal requests differ in id and time only."""
    first, second = (server.chat("Tell me about tides.", seed=1) for _ in range(2))

    assert first["id"] != second["id"]
    assert {**first, "id": "", "created": 0} == {**second, "id": "", "created": 0}


@pytest.mark.parametrize(
    ("limits", "text", "finish_reason"),
    [
        ({}, "(emulator) You said: one two three", "stop"),
        ({"max_tokens": 5}, "(emulator) You", "length"),
        ({"max_tokens": 1000}, "(emulator) You said: one two three", "stop"),
        ({"max_tokens": 0}, "", "length"),
        ({"stop": ["two"]}, "(emulator) You said: one ", "stop"),
        ({"stop": "two"}, "(emulator) You said: one ", "stop"),
        ({"stop": ["three", "said"]}, "(emulator) You ", "stop"),
        ({"stop": ["absent"]}, "(emulator) You said: one two three", "stop"),
        ({"max_tokens": 5, "stop": ["three"]}, "(emulator) You", "length"),
    ],
)
def test_limits(server: Any, limits: dict[str, Any], text: str, finish_reason: str) -> None:
    """`max_tokens` and `stop` cut the text, and the finish reason says which did."""
    choice = server.chat("one two three", **limits)["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"]) == (text, finish_reason)


def test_usage_adds_up(server: Any) -> None:
    """Usage counts prompt and answer, grows with both, adds up, and has its details."""
    short, long = server.chat("Hi"), server.chat("Hi " * 50)

    for usage in (short["usage"], long["usage"]):
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert sum(usage["prompt_tokens_details"].values()) <= usage["prompt_tokens"]
        assert usage["completion_tokens_details"]["total_tokens"] == usage["completion_tokens"]
    assert 0 < short["usage"]["prompt_tokens"] < long["usage"]["prompt_tokens"]
    assert server.chat("one two three", max_tokens=4)["usage"]["completion_tokens"] == 4


def test_audio_is_counted(server: Any) -> None:
    """Audio in the prompt shows in the details of the usage."""
    content = [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]
    usage = server.chat(messages=[{"role": "user", "content": content}])["usage"]

    assert 0 < usage["prompt_tokens_details"]["audio_tokens"] <= usage["prompt_tokens"]


def test_several_choices(server: Any) -> None:
    """The extra parameter `n` gives so many choices."""
    choices = server.chat("Hi", n=3)["choices"]

    assert [choice["index"] for choice in choices] == [0, 1, 2]


def test_filtered_answer(server: Any) -> None:
    """The other trigger phrase cuts the answer with `content_filter`, whole and streamed."""
    text = "[[filter the answer]] one two three four"
    choice = server.chat(text)["choices"][0]
    frames = server.frames({"messages": [{"role": "user", "content": text}]})

    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["content"] != ""
    assert not choice["message"]["content"].endswith("four")
    assert frames[-2]["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("Hello", ["(emulator) You said: Hello"]),
        (["Hello", "Bye"], ["(emulator) You said: Hello", "(emulator) You said: Bye"]),
        ([1, 2], ["(emulator) You said: 1 2"]),
        (
            LLAMAINDEX.format(context="The sky is green here.", question="Which colour has the sky?"),
            ["The sky is green here."],
        ),
    ],
)
def test_completions(server: Any, prompt: Any, texts: list[str]) -> None:
    """`/completions` answers each prompt in the shape of text completions, 256 tokens at most."""
    body = server.post("/models/completions", {"prompt": prompt}).json()

    assert body["object"] == "text_completion"
    assert [choice["text"] for choice in body["choices"]] == texts
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]


def test_the_lone_surrogate(server: Any) -> None:
    """Half of an emoji in the prompt comes back as JSON that can be read."""
    answer = server.http.post(
        "/models/chat/completions", content=b'{"messages":[{"role":"user","content":"half \\ud83d"}]}'
    )

    assert answer.json()["choices"][0]["message"]["content"] == "(emulator) You said: half \ud83d"
