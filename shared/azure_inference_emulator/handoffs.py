"""Conversations that several agents share: when one hands over, and to whom, so that it comes to an end."""

import ast
import re
from collections.abc import Sequence

from azure_inference_emulator import text as linguistics
from azure_inference_emulator import tools as toolbox
from azure_inference_emulator.prompts import Conversation
from azure_inference_emulator.tools import Tool
from azure_inference_emulator.values import JsonObject, as_object, as_text

_HANDOFF = re.compile(r"hand[_-]?off|transfer[_-]?to|delegate", re.IGNORECASE)


def is_handoff(name: str) -> bool:
    """Whether a tool of this name passes the conversation to another agent."""
    return bool(_HANDOFF.search(name))


def next_agent(talk: Conversation, tools: Sequence[Tool], *, answered: bool) -> tuple[Tool, JsonObject] | None:
    """The hand-off that is due, with the arguments it decides; each agent gets the conversation at most once.

    ``answered`` says that this agent's own tools have done what they could.
    """
    made = [as_object(call.get("function")) for message in talk.since for call in message.tool_calls]
    for tool in tools:
        if not is_handoff(tool.name):
            continue
        agents = _agents(tool)
        target = _target(talk, agents, made)
        if target is not None:
            return tool, {"to_agent": target, "agent_name": target, "agent": target}
        called = any(as_text(function.get("name")) == tool.name for function in made)
        fits = toolbox.scores(toolbox.words_of(talk.question), [tool])[0] >= toolbox.WORTH_A_CALL
        if not agents and fits and not called and not answered:
            return tool, {}
    return None


def _agents(tool: Tool) -> dict[str, str]:
    """Names and descriptions of the agents that a hand-off tool's description lists as a mapping."""
    match = re.search(r"\{.*\}", tool.description, re.DOTALL)
    try:
        found = as_object(ast.literal_eval(match[0])) if match else {}
    except (ValueError, SyntaxError):
        return {}
    return {str(name): str(about) for name, about in found.items()}


def _target(talk: Conversation, agents: dict[str, str], made: Sequence[JsonObject]) -> str | None:
    """The agent that fits what no tool has covered yet, or that the instructions name as the next one."""
    visited = " ".join(
        as_text(function.get("arguments")) for function in made if is_handoff(as_text(function.get("name")))
    )
    open_agents = [Tool(name, about) for name, about in agents.items() if f'"{name}"' not in visited]
    if not open_agents:
        return None
    tried = {stem for function in made for stem in linguistics.name_stems(as_text(function.get("name")))}
    fits = toolbox.scores(toolbox.words_of(talk.question) - linguistics.with_synonyms(tried), open_agents)
    best = max(range(len(open_agents)), key=lambda index: (fits[index], -index))
    if fits[best] >= toolbox.WORTH_A_CALL:
        return open_agents[best].name
    names = "|".join(re.escape(agent.name) for agent in open_agents)
    order = rf"hand(?:ing|s)?[ -]?(?:it |control )?(?:off|over)[^.]*\b(?:{names})\b"
    told = re.search(order, talk.instructions, re.IGNORECASE)
    return next((agent.name for agent in open_agents if told and agent.name.lower() in told[0].lower()), None)
