"""A parser of command lines that loses nothing: an option that is given twice is refused, a list is joined."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GIVEN = "_given"


class _Given(argparse.Action):
    """Stores a value that may be given once; lists that are given several times are joined, each entry once."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 (whatever the option's type makes)
        _option: str | None = None,
    ) -> None:
        given: set[str] = getattr(namespace, _GIVEN)
        several = isinstance(values, list | tuple)
        if self.dest in given and not several:
            raise argparse.ArgumentError(self, f"is given twice: once {getattr(namespace, self.dest)}, once {values}")
        if several:
            before = getattr(namespace, self.dest) if self.dest in given else ()
            values = type(values)(dict.fromkeys((*before, *values)))
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def names_in(*values: str) -> list[str]:
    """Return the names in values, which may each hold several, separated by commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


class _Names(_Given):
    """Stores a list of names, which may stand apart or be joined by commas; with ``choices``, of those only."""

    def __init__(self, *arguments: Any, choices: Sequence[str] = (), **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self._choices = choices  # argparse would compare them with what the commas join

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401
        option: str | None = None,
    ) -> None:
        names = names_in(*values)
        if not names:
            raise argparse.ArgumentError(self, "names nothing")
        unknown = [name for name in names if self._choices and name not in self._choices]
        if unknown:
            raise argparse.ArgumentError(
                self, f"invalid choice: '{unknown[0]}' (choose from {', '.join(self._choices)})"
            )
        super().__call__(parser, namespace, names, option)


class Parser(argparse.ArgumentParser):
    """A parser that refuses options given twice, instead of taking the last, and joins lists.

    Options with the action ``names`` take names apart or joined by commas.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (those of argparse)
        super().__init__(*arguments, **options)
        self.register("action", None, _Given)
        self.register("action", "store", _Given)
        self.register("action", "names", _Names)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse as argparse does."""
        namespace = argparse.Namespace() if namespace is None else namespace
        setattr(namespace, _GIVEN, set())
        found, rest = super().parse_known_args(args, namespace)
        delattr(found, _GIVEN)
        return found, rest


def repeated(words: Sequence[str], values: Mapping[str, Any]) -> str | None:
    """Return the first option that is given twice to a command that takes the last of them; None if there is none.

    Parameters
    ----------
    words
        The command and its options; nothing is said of words with several commands, which may share options.
    values
        The value of each option that was read: a list may be given several times, a boolean takes no value.
    """
    found, others, waits = Counter[str](), 0, False
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            own = values.get(name[2:].replace("-", "_"))
            waits = not value and not isinstance(own, bool)
            found[name] += not isinstance(own, list)
        elif waits:
            waits = False
        else:
            others += 1
    return next((name for name, times in found.items() if times > 1 and others == 1), None)
