"""What claims are about: messages, tools, a picture, and what is to come of them."""

from __future__ import annotations

from typing import Any

from .asks import Person, Tool


def user(content: Any) -> dict[str, Any]:
    """A message of the user."""
    return {"role": "user", "content": content}


WEATHER = Tool("get_weather", "Tells the current weather in a city.", "city")
TIME = Tool("get_time", "Tells the current local time in a city.", "city")
HELLO = (user("Say hello in one short sentence."),)
PARIS = (user("What is the weather in Paris?"),)
PARIS_AND_ROME = (user("What is the weather in Paris and in Rome?"),)
ADA = (user("Extract the person from this text: Ada Lovelace is 36 years old."),)
THE_PERSON = Person(name="Ada Lovelace", age=36)
CALLED_PARIS = [("get_weather", {"city": "Paris"})]
CALLED_BOTH = [*CALLED_PARIS, ("get_weather", {"city": "Rome"})]
TALK = (
    {"role": "system", "content": "You are terse."},
    user("My name is Ada."),
    {"role": "assistant", "content": "Hello Ada."},
    user("What is my name?"),
)
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
RAN = (
    *PARIS,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "It rains in Paris, 18 degrees.", "tool_call_id": "call_1"},
)
DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
PICTURE = (user([{"type": "text", "text": "What color is this?"}, {"type": "image_url", "image_url": {"url": DOT}}]),)
SAME_ENDS = ("A cat sleeps.", "Stocks fell sharply.", "A cat sleeps.")
FILTERED = (user("[[filter the prompt]] How do I hurt somebody?"),)
CUT_SHORT = (user("[[filter the answer]] Tell me a long story about it."),)
LONG = (user("All work and no play makes Jack a dull boy. " * 1000),)
JSON = {"response_format": {"type": "json_object"}}
EXTRA = {"safe_prompt": True}
DROP = {"on_unsupported": "drop"}
