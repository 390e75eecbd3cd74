"""The errors a user sees, and the exit codes they end with."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    """A regression, wrong physics, or a failed benchmark."""
    USAGE = 2
    """Wrong usage or configuration, or something missing on this machine."""
    NOT_UPLOADED = 3
    """Measured and stored, but not sent: the results stay queued."""
    INTERRUPTED = 130
    """Ctrl-C."""


def worst(codes: Collection[Exit]) -> Exit:
    """Return the exit code of a command that did several things."""
    order = (Exit.INTERRUPTED, Exit.FAILED, Exit.USAGE, Exit.NOT_UPLOADED)
    return next((code for code in order if code in codes), Exit.OK)


class BenchError(Exception):
    """An error with an exit code; its message says what happened, where, and how to fix it."""

    code = Exit.USAGE


class UsageError(BenchError):
    """Wrong arguments or configuration, or something missing on this machine."""


class UnreadableError(UsageError):
    """A file exists, but this user may not read it."""


class PassError(BenchError):
    """A pass of a bench session failed."""

    code = Exit.FAILED


class UploadError(BenchError):
    """The results are stored, but could not be sent."""

    code = Exit.NOT_UPLOADED


class Interrupted(BenchError):  # noqa: N818 (it is not a failure)
    """The user pressed Ctrl-C."""

    code = Exit.INTERRUPTED
