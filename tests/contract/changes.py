"""Ways to give an object that is there already other arguments."""

from __future__ import annotations

from typing import Any


def changed(model: Any, /, **arguments: Any) -> Any:
    """The object itself, with its attributes set."""
    for name, value in arguments.items():
        setattr(model, name, value)
    return model


def copied(model: Any, /, **arguments: Any) -> Any:
    """A copy with other arguments."""
    return model.model_copy(update=arguments)


def copied_by_an_older_name(model: Any, /, **arguments: Any) -> Any:
    """The same, as it was written for pydantic 1."""
    return model.copy(update=arguments)
