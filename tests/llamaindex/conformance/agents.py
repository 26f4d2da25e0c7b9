"""Structured answers, and agents."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent

from .base import TOOLS, ModelUnderTest, Person, about, ask, recorded_events, user
from .scripted import Says, ScriptedServer, call


class StructuredConformance(ModelUnderTest):
    """Answers as objects."""

    @pytest.mark.parametrize("method", ["structured_predict", "astructured_predict"])
    def test_structured_predict(self, endpoint: str, method: str) -> None:
        """An object of a class is predicted."""
        (person,) = ask(self.make_llm(endpoint), method, Person, about(), text="Anna is 31 years old.")
        assert person == Person(name="Anna", age=31)

    @pytest.mark.parametrize("method", ["stream_structured_predict", "astream_structured_predict"])
    def test_partial_objects(self, endpoint: str, method: str) -> None:
        """An object grows: its parts come before the whole, which is of the class."""
        people = ask(self.make_llm(endpoint), method, Person, about(), text="Anna is 31 years old.")
        assert people[-1] == Person(name="Anna", age=31)
        assert any(one.name == "Anna" and one.age is None for one in people)

    @pytest.mark.parametrize("method", ["chat", "achat", "complete", "acomplete"])
    def test_as_structured_llm(self, endpoint: str, method: str) -> None:
        """A structured LLM answers with the object."""
        llm = self.make_llm(endpoint).as_structured_llm(Person)
        text = "Anna is 31 years old."
        assert ask(llm, method, user(text) if "chat" in method else text)[-1].raw == Person(name="Anna", age=31)

    @pytest.mark.parametrize("method", ["structured_predict", "astructured_predict"])
    def test_structured_events(self, endpoint: str, method: str) -> None:
        """A prediction fires its start and its end, once each."""
        llm = self.make_llm(endpoint)
        with recorded_events() as events:
            ask(llm, method, Person, about(), text="Anna is 31 years old.")
        structured = [name for name in events if "Structured" in name]
        assert structured == ["LLMStructuredPredictStartEvent", "LLMStructuredPredictEndEvent"]

    @pytest.mark.parametrize("method", ["structured_predict", "astructured_predict"])
    def test_wrong_object(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """An answer that is no such object is a ValueError."""
        wrong = '{"name": "Anna", "age": "old"}'
        script.will(Says(wrong, calls=[call("Person", wrong)]))
        with pytest.raises(ValueError, match="age"):
            ask(llm, method, Person, about(), text="Anna is old.")


def run(agent: Any, question: str, **options: Any) -> str:
    """The answer of an agent."""

    async def answer() -> str:
        return str(await agent.run(question, **options))

    return asyncio.run(answer())


# LlamaIndex's workflows read every attribute of their own models, those that pydantic has given up too.
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")
class AgentConformance(ModelUnderTest):
    """Agents of LlamaIndex."""

    @pytest.mark.parametrize("streaming", [True, False])
    def test_function_agent(self, script: ScriptedServer, llm: Any, streaming: bool) -> None:
        """An agent calls two tools at once, gives their results back by id, and answers."""
        calls = [call("multiply", {"a": 6, "b": 7}, "call-1"), call("weather", {"city": "Rome"}, "call-2")]
        script.will(Says("Let me see.", calls=calls), Says("42 and sunny."))
        agent = FunctionAgent(tools=TOOLS, llm=llm, streaming=streaming, system_prompt="Use tools.")

        assert run(agent, "What is 6 times 7, and the weather in Rome?") == "42 and sunny."
        results = {m["tool_call_id"]: m["content"] for m in script.bodies[-1]["messages"] if m["role"] == "tool"}
        assert results == {"call-1": "42", "call-2": "It is sunny in Rome."}

    @pytest.mark.parametrize("streaming", [True, False])
    def test_broken_call_in_an_agent(self, script: ScriptedServer, llm: Any, streaming: bool) -> None:
        """A call whose arguments are broken runs no tool; the model is told, and the agent goes on."""
        script.will(Says(calls=[call("weather", '{"city": "Ro')]), Says("I could not look."))
        agent = FunctionAgent(tools=TOOLS, llm=llm, streaming=streaming)

        assert run(agent, "The weather in Rome?") == "I could not look."
        (told,) = [m["content"] for m in script.bodies[-1]["messages"] if m["role"] == "tool"]
        assert "sunny" not in told

    def test_initial_tool_choice(self, script: ScriptedServer, llm: Any) -> None:
        """An agent can be made to begin with a certain tool."""
        script.will(Says(calls=[call("weather", {"city": "Rome"})]), Says("Sunny."))
        agent = FunctionAgent(tools=TOOLS, llm=llm, initial_tool_choice="weather")

        assert run(agent, "Rome?") == "Sunny."
        chosen = [body.get("tool_choice") for body in script.bodies]
        assert chosen[0] == {"type": "function", "function": {"name": "weather"}}
        assert chosen[1] in (None, "auto")

    def test_hand_off(self, script: ScriptedServer, llm: Any) -> None:
        """One agent hands the question on to another, which answers."""
        script.will(
            Says(calls=[call("handoff", {"to_agent": "forecaster", "reason": "It knows the weather."})]),
            Says(calls=[call("weather", {"city": "Rome"}, "call-2")]),
            Says("It is sunny in Rome."),
        )
        clerk = FunctionAgent(
            name="clerk", description="Takes questions.", llm=llm, can_handoff_to=["forecaster"], tools=TOOLS[:1]
        )
        forecaster = FunctionAgent(name="forecaster", description="Knows the weather.", llm=llm, tools=TOOLS[1:])
        workflow = AgentWorkflow(agents=[clerk, forecaster], root_agent="clerk")

        assert run(workflow, "The weather in Rome?") == "It is sunny in Rome."

    def test_workflow_takes_function_calling(self, script: ScriptedServer, llm: Any) -> None:
        """A workflow made of tools alone calls them as functions, and does not fall back to prompts."""
        script.will(Says(calls=[call("weather", {"city": "Rome"})]), Says("Sunny."))
        workflow = AgentWorkflow.from_tools_or_functions(TOOLS, llm=llm)

        assert run(workflow, "Rome?") == "Sunny."
        assert script.bodies[0]["tools"]
