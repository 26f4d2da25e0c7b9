"""Which of several answers is streamed to those who have room for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class _Numbered(Protocol):
    @property
    def index(self) -> int | None: ...


ChoiceT = TypeVar("ChoiceT", bound=_Numbered)


class FirstChoice:
    """The choice that is followed through a stream: the one that comes first, whatever its `index`.

    Some servers do not count from 0, and of several answers any is as good; what matters is that they are not mixed.
    """

    def __init__(self) -> None:
        self.index: int | None = None

    def of(self, choices: Sequence[ChoiceT]) -> ChoiceT | None:
        """The one of these, if it is among them; chunks that hold usage or filter results alone have none."""
        for choice in choices:
            index = choice.index or 0
            if self.index is None:
                self.index = index
            if index == self.index:
                return choice
        return None

    def of_whole(self, choices: Sequence[ChoiceT]) -> ChoiceT:
        """The one of a whole answer, which has at least one."""
        return self.of(choices) or choices[0]
