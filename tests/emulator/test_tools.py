"""Which tools the emulator calls, with which arguments, and that every conversation comes to an end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulator.conftest import tool

MAGIC = tool(
    "magic_function",
    "Apply a magic function.",
    input={"type": "integer", "exclusiveMinimum": -9, "exclusiveMaximum": 9},
)
NO_ARGUMENTS = {"type": "function", "function": {"name": "magic_function_no_args", "description": "A magic function."}}
ADDER = tool("my_adder_tool", "Tool that adds two integers.", a="integer", b="integer")
MULTIPLY = tool("multiply", "Multiply two numbers.", a="number", b="number")
UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"]}
WEATHER = tool("get_weather", "Get the current weather of a place.", ("unit",), location="string", unit=UNIT)
CUSTOMER = tool(
    "unicode_customer", "Create a customer with a Unicode name.", customer_name="string", description="string"
)
GREETING = tool("greeting_generator", "Generate a greeting in a particular style of speaking.", answer_style="string")
SEARCH = tool("search_docs", "Search the project documents and return the best passages.", query="string")
COUNT = tool("count_words", "Count the words of a document.", file="string")
LIST = tool("list_documents", "List the names of all documents.")
FLIGHT = tool(
    "book_flight",
    "Book a flight.",
    ("refundable", "seat"),
    origin="string",
    destination="string",
    date={"type": "string", "format": "date"},
    passengers="integer",
    refundable="boolean",
    seat="string",
)
TAGS = tool("set_tags", "Set tags.", tags={"type": "array", "items": {"type": "string"}}, priority="integer")
CALCULATOR = tool("calculator", "Evaluate an arithmetic expression.", expression="string")

AUTO: list[tuple[str, list[Any], list[tuple[str, dict[str, Any]]]]] = [
    ("Hello!", [MAGIC, WEATHER], []),
    ("Tell me a joke.", [WEATHER, ADDER], []),
    ("What is the value of magic_function(3)? Use the tool.", [MAGIC], [("magic_function", {"input": 3})]),
    ("What is the value of magic_function_no_args()? Use the tool.", [NO_ARGUMENTS], [("magic_function_no_args", {})]),
    (
        "Call magic_function(2) and magic_function(5).",
        [MAGIC],
        [("magic_function", {"input": 2}), ("magic_function", {"input": 5})],
    ),
    ("What is 3 + 4", [ADDER, MULTIPLY], [("my_adder_tool", {"a": 3, "b": 4})]),
    ("What is 6 times 7?", [ADDER, MULTIPLY], [("multiply", {"a": 6, "b": 7})]),
    (
        "Multiply 3 by 7 and add 4 and 5",
        [ADDER, MULTIPLY],
        [("multiply", {"a": 3, "b": 7}), ("my_adder_tool", {"a": 4, "b": 5})],
    ),
    ("What is the weather in San Francisco, CA?", [WEATHER], [("get_weather", {"location": "San Francisco, CA"})]),
    ("How is the weather in Paris, France?", [WEATHER], [("get_weather", {"location": "Paris, France"})]),
    (
        "What's the forecast for Paris, Oslo and Rome in celsius?",
        [WEATHER],
        [("get_weather", {"location": place, "unit": "celsius"}) for place in ("Paris", "Oslo", "Rome")],
    ),
    (
        "Get the weather with location='New York' and unit=fahrenheit",
        [WEATHER],
        [("get_weather", {"location": "New York", "unit": "fahrenheit"})],
    ),
    ("What is the weather in Oslo? Do not use get_weather.", [WEATHER], []),
    (
        "Which license does the project have?",
        [SEARCH, COUNT],
        [("search_docs", {"query": "Which license does the project have?"})],
    ),
    (
        "What does the design say about retries, and how many words does design.md have?",
        [SEARCH, COUNT, LIST],
        [("search_docs", {"query": "What does the design say about retries"}), ("count_words", {"file": "design.md"})],
    ),
    (
        "List the documents, then count the words of README.md",
        [SEARCH, COUNT, LIST],
        [("list_documents", {}), ("count_words", {"file": "README.md"})],
    ),
    (
        "Book a flight from Berlin to Rome on 2026-12-24 for two passengers, refundable",
        [FLIGHT],
        [
            (
                "book_flight",
                {"origin": "Berlin", "destination": "Rome", "date": "2026-12-24", "passengers": 2, "refundable": True},
            )
        ],
    ),
    ("Set the tags 'red' and 'blue' with priority 3", [TAGS], [("set_tags", {"tags": ["red", "blue"], "priority": 3})]),
    ("Evaluate 3 * (4 + 5)", [CALCULATOR], [("calculator", {"expression": "3 * (4 + 5)"})]),
]


@pytest.mark.parametrize(("text", "tools", "expected"), AUTO)
def test_auto(server: Any, text: str, tools: list[Any], expected: list[Any]) -> None:
    """Tools are called when the message is about them: each of several in one turn, once for each value, or none."""
    assert server.calls(text, tools) == expected


REQUIRED: list[tuple[str, list[Any], Any, tuple[str, dict[str, Any]]]] = [
    ("Hello!", [MAGIC, WEATHER], "required", ("magic_function", {"input": 0})),
    (
        "Hello!",
        [WEATHER, MAGIC],
        {"type": "function", "function": {"name": "magic_function"}},
        ("magic_function", {"input": 0}),
    ),
    (
        "Using the tool, generate a Pirate greeting.",
        [GREETING],
        "required",
        ("greeting_generator", {"answer_style": "Pirate"}),
    ),
    (
        "Create a customer named '你好啊集团' (Hello Group) - a Chinese company",
        [CUSTOMER],
        "required",
        ("unicode_customer", {"customer_name": "你好啊集团", "description": "Hello Group"}),
    ),
    (
        "Is it cold in Oslo?",
        [MAGIC, WEATHER],
        {"type": "function", "function": {"name": "get_weather"}},
        ("get_weather", {"location": "Oslo"}),
    ),
]


@pytest.mark.parametrize(("text", "tools", "choice", "expected"), REQUIRED)
def test_forced(server: Any, text: str, tools: list[Any], choice: Any, expected: Any) -> None:
    """`required` and a named tool lead to a call, whatever the message is about."""
    assert server.calls(text, tools, tool_choice=choice) == [expected]


def test_none(server: Any) -> None:
    """`none` leads to no call."""
    assert server.calls("What is the weather in Oslo?", [WEATHER], tool_choice="none") == []


def test_one_at_a_time(server: Any) -> None:
    """Without parallel calls the calls come one in a turn."""
    assert len(server.calls("What is the weather in Oslo and Rome?", [WEATHER], parallel_tool_calls=False)) == 1


def test_shape(server: Any) -> None:
    """A message with calls has no content and no text; arguments are JSON text with characters as they are."""
    choice = server.chat("Weather in Zürich?", tools=[WEATHER])["choices"][0]
    call = choice["message"]["tool_calls"][0]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert call["type"] == "function"
    assert call["id"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"location": "Zürich"}'}
    assert "tool_calls" not in server.chat("Hello", tools=[WEATHER])["choices"][0]["message"]


def test_arguments_cut_short(server: Any) -> None:
    """`max_tokens` cuts arguments too, and the finish reason says so."""
    choice = server.chat("Weather in Oslo?", tools=[WEATHER], max_tokens=2)["choices"][0]

    assert choice["finish_reason"] == "length"
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


def turn(server: Any, messages: list[Any], tools: list[Any], results: dict[str, str], **body: Any) -> dict[str, Any]:
    """One turn of an agent: the answer, and in `messages` what it and its tools said."""
    message = server.chat(messages=messages, tools=tools, **body)["choices"][0]["message"]
    messages.append(message)
    calls = message.get("tool_calls") or []
    messages.extend(
        {"role": "tool", "tool_call_id": call["id"], "content": results[call["function"]["name"]]} for call in calls
    )
    return message


@pytest.mark.parametrize(
    ("text", "results", "said"),
    [
        ("What is the weather in Oslo?", {"get_weather": "It's sunny."}, "It's sunny."),
        ("What is 1 + 2", {"my_adder_tool": '{"result": 3}'}, "my_adder_tool returned 3."),
        ("What is 1 + 2", {"my_adder_tool": "3"}, "my_adder_tool returned 3."),
        (
            "What is 1 + 2",
            {"my_adder_tool": '{"sum": 3, "exact": true}'},
            "my_adder_tool returned sum: 3, exact: true.",
        ),
        (
            "What is 1 + 2",
            {"my_adder_tool": "Error: Missing required argument 'b'."},
            "my_adder_tool failed: Error: Missing required argument 'b'.",
        ),
        ("What is 1 + 2", {"my_adder_tool": ""}, "my_adder_tool returned nothing."),
        (
            "How is the weather in Oslo, and what is 2 + 2?",
            {"get_weather": "It's sunny.", "my_adder_tool": "4"},
            "It's sunny.\nmy_adder_tool returned 4.",
        ),
    ],
)
def test_agent_loop(server: Any, text: str, results: dict[str, str], said: str) -> None:
    """With the results at hand the answer is made of them, after one turn of calls; an error is not tried again."""
    messages = [{"role": "user", "content": text}]

    first = turn(server, messages, [WEATHER, ADDER], results)
    second = turn(server, messages, [WEATHER, ADDER], results)

    assert len(first["tool_calls"]) == len(results)
    assert second.get("tool_calls") is None
    assert second["content"] == said


def test_a_long_result_is_searched(server: Any) -> None:
    """Of a long result the answer quotes what the question is about."""
    passages = "\n\n".join(f"Chapter {number} is about bread, butter and jam in great detail." for number in range(30))
    results = {"search_docs": f"{passages}\n\nThe project is licensed under MIT.\n\n{passages}"}
    messages = [{"role": "user", "content": "Which license does the project have?"}]

    turn(server, messages, [SEARCH], results)

    assert turn(server, messages, [SEARCH], results)["content"] == "The project is licensed under MIT."


def test_the_next_question_calls_again(server: Any) -> None:
    """Calls of an earlier question do not count for the next, and a short follow-up asks the same tool."""
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    for _ in range(2):
        turn(server, messages, [WEATHER, ADDER], {"get_weather": "Rain."})
    messages.append({"role": "user", "content": "And in Rome?"})

    message = turn(server, messages, [WEATHER, ADDER], {"get_weather": "Sun."})

    assert message["tool_calls"][0]["function"]["arguments"] == '{"location": "Rome"}'
    assert turn(server, messages, [WEATHER, ADDER], {})["content"] == "Sun."


REACT = """You are designed to help with a variety of tasks.

## Tools
You have access to the following tools:
> Tool Name: multiply
Tool Description: multiply(a: int, b: int) -> int
Multiply two integers.
Tool Args: {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}

> Tool Name: search_docs
Tool Description: Search the documentation for an answer.
Tool Args: {"properties": {"query": {"type": "string"}}, "required": ["query"], "type": "object"}

## Output Format
Please answer in the same language as the question and use the following format:

```
Thought: The current language of the user is: (user's language). I need to use a tool to help me answer the question.
Action: tool name (one of multiply, search_docs) if using a tool.
Action Input: the input to the tool, in a JSON format (e.g. {"input": "hello world", "num_beams": 5})
```
At the end: Answer: [your answer here]
"""


@pytest.mark.parametrize(
    ("text", "action", "observation", "answer"),
    [
        ("What is 6 times 7?", 'multiply\nAction Input: {"a": 6, "b": 7}', "42", "multiply returned 42."),
        ("Which license is used?", 'search_docs\nAction Input: {"query": "Which license is used?"}', "MIT.", "MIT."),
    ],
)
@pytest.mark.parametrize("role", ["user", "tool"])
def test_react(  # noqa: PLR0917 - a row of the table
    server: Any, text: str, action: str, observation: str, answer: str, role: str
) -> None:
    """LlamaIndex's ReAct prompt gets thought and action, and after the observation thought and answer."""
    messages: list[Any] = [{"role": "system", "content": REACT}, {"role": "user", "content": text}]

    step = server.say("", messages=messages)
    messages.append({"role": "assistant", "content": step})
    messages.append({"role": role, "content": f"Observation: {observation}"})
    if role == "tool":
        messages[-1]["tool_call_id"] = "1"

    assert step.startswith("Thought: ")
    assert step.endswith(f"\nAction: {action}")
    assert server.say("", messages=messages).endswith(f"\nAnswer: {answer}")


def test_react_without_need(server: Any) -> None:
    """A greeting is answered at once, in the format."""
    messages = [{"role": "system", "content": REACT}, {"role": "user", "content": "Hello there"}]

    assert server.say("", messages=messages).endswith("\nAnswer: (emulator) You said: Hello there")


def handoff(**agents: str) -> dict[str, Any]:
    """LlamaIndex's hand-off tool to these agents."""
    about = f"Useful for handing off to another agent.\n\nCurrently available agents:\n{agents}\n"
    return tool("handoff", about, to_agent="string", reason="string")


def test_handoff(server: Any) -> None:
    """Agents hand over to the one that fits what is left, once, and the last answers from everything found."""
    write = tool("write_report", "Write a report with a title.", title="string", content="string")
    question = "Find out which license the project has and write a report titled 'License'."
    researcher = [SEARCH, handoff(Writer="Writes a report about a topic.")]
    writer = [write, handoff(Researcher="Searches the documentation for facts.")]
    results = {
        "search_docs": "It is MIT.",
        "handoff": "Agent Writer is now handling the request.",
        "write_report": "Done.",
    }
    messages: list[Any] = [{"role": "user", "content": question}]

    said = [turn(server, messages, tools, results) for tools in (researcher, researcher, writer, writer)]

    names = [[call["function"]["name"] for call in message.get("tool_calls", [])] for message in said]
    assert names == [["search_docs"], ["handoff"], ["write_report"], []]
    assert json.loads(said[1]["tool_calls"][0]["function"]["arguments"])["to_agent"] == "Writer"
    assert json.loads(said[2]["tool_calls"][0]["function"]["arguments"]) == {
        "title": "License",
        "content": "It is MIT.",
    }
    assert said[3]["content"] == "It is MIT.\nDone."


def test_few_shot_examples(server: Any) -> None:
    """Calls shown as examples are not taken for those of the question."""
    messages: list[Any] = [
        {"role": "user", "content": "What is 1 + 2"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "my_adder_tool", "arguments": '{"a": 1, "b": 2}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "3"},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": "What is 3 + 4"},
    ]

    message = turn(server, messages, [ADDER], {"my_adder_tool": "7"}, tool_choice="required")

    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"a": 3, "b": 4}


def test_a_question_with_material(server: Any) -> None:
    """Of a long message only the question decides which tool is called, not the material around it."""
    material = "The multiply tool and the weather of yesterday are mentioned in this document. " * 40
    prompt = f"Context information is below.\n-----\n{material}\n-----\nQuery: What is 3 + 4?\nAnswer: "

    assert server.calls(prompt, [ADDER, MULTIPLY, WEATHER]) == [("my_adder_tool", {"a": 3, "b": 4})]


@pytest.mark.parametrize(
    "text",
    [
        "weather, and " * 3000,
        "weather in " + "Aa Bb, " * 3000,
        "'" * 9000,
        '{"a":' * 3000,
        "<context>" * 500,
        "Question: " * 3000,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_texts_are_answered(server: Any, text: str) -> None:
    """Texts that make careless patterns slow or deep are answered like others."""
    assert server.chat(text, tools=[WEATHER])["choices"]
