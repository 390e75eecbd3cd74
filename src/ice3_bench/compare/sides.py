"""The two sides of a comparison: the base and the contender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Label = Literal["base", "contender"]
LABELS: tuple[Label, Label] = ("base", "contender")

Value = TypeVar("Value")
Other = TypeVar("Other")


@dataclass(frozen=True)
class Sides(Generic[Value]):
    """Something of both sides."""

    base: Value
    contender: Value

    def __getitem__(self, label: Label) -> Value:
        return self.base if label == "base" else self.contender

    def __iter__(self) -> Iterator[Value]:
        return iter((self.base, self.contender))

    def items(self) -> tuple[tuple[Label, Value], tuple[Label, Value]]:
        """Return each label with its value, the base first."""
        return ("base", self.base), ("contender", self.contender)

    @classmethod
    def of(cls, make: Callable[[Label], Value]) -> Sides[Value]:
        """Make the value of each side from its label, the base first."""
        return cls(make("base"), make("contender"))

    def map(self, change: Callable[[Value], Other]) -> Sides[Other]:
        """Change the value of each side, the base first."""
        return Sides(change(self.base), change(self.contender))
