"""Server, project and credential, from the values of the user's variables.

Nothing here reads the environment; no message, exception or representation holds the credential.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from ice3_bench.errors import UsageError

CLOUD = "https://api.bencher.dev"
KEY_PATTERN = re.compile(r"bencher_(user|run)_[A-Za-z0-9]{30}")
TOKEN_PATTERN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")


@dataclass(frozen=True)
class Connection:
    """Server, project and credential."""

    host: str
    project: str
    credential: SecretStr
    kind: Literal["user key", "project key", "token", "none"]

    @property
    def place(self) -> str:
        """Server and project."""
        return f"{self.host}/{self.project}"

    @property
    def unencrypted(self) -> bool:
        """Whether the credential crosses a network unencrypted."""
        import httpx  # noqa: PLC0415 (importing it takes longer than most commands)

        parts = httpx.URL(self.host)
        return parts.scheme == "http" and parts.host not in ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Missing:
    """Why nothing can be sent, which is not an error, and how to change that."""

    reason: str
    once: bool = False
    """Whether it is enough to say it once, as users may not want to send anything."""


def anonymous(host: str | None, project: str | None) -> Connection:
    """Make a connection without a credential, which can look at a server and at public projects.

    Raises
    ------
    UsageError
        If a value is set but is not valid.
    """
    return Connection(_server(host), _slug(project) if project else "", SecretStr(""), "none")


def connection(host: str | None, project: str | None, key: str | None, token: str | None) -> Connection | Missing:
    """Make a connection from the values of the user's variables; None means that a variable is not set.

    Raises
    ------
    UsageError
        If a value is set but is not valid. The message never quotes the value of a credential.
    """
    if not key and not token:
        if key is not None or token is not None:
            return Missing(
                "BENCHER_API_KEY is set but empty (the secret is missing, or this is the pull request of a fork): "
                "nothing is sent."
            )
        return Missing(
            "Not sent to Bencher, as there is no key. To connect: sign up at https://bencher.dev, create a project and "
            "a key, then export BENCHER_API_KEY=... BENCHER_PROJECT=... and run nox -s bench-upload (docs/bencher.md).",
            once=True,
        )
    if key:
        match = KEY_PATTERN.fullmatch(key)
        if match is None:
            hint = " It looks like a token, which belongs in BENCHER_API_TOKEN." if key.count(".") == 2 else ""
            raise UsageError(
                "BENCHER_API_KEY is not a key: a key is bencher_user_ or bencher_run_ and 30 letters or digits."
                f"{hint} Copy it again from your project's keys."
            )
        secret, kind = key, "user key" if match[1] == "user" else "project key"
    else:
        secret, kind = token or "", "token"
        if TOKEN_PATTERN.fullmatch(secret) is None:
            hint = " It looks like a key, which belongs in BENCHER_API_KEY." if secret.startswith("bencher_") else ""
            raise UsageError(f"BENCHER_API_TOKEN is not a token (three parts separated by dots).{hint}")
    if not project:
        raise UsageError("A Bencher key is set, but BENCHER_PROJECT is not: set it to the project's slug.")
    return Connection(_server(host), _slug(project), SecretStr(secret), kind)  # type: ignore[arg-type]


def _slug(project: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", project):
        hint = " It looks like a credential." if any(p.fullmatch(project) for p in (KEY_PATTERN, TOKEN_PATTERN)) else ""
        raise UsageError(
            f"BENCHER_PROJECT is not a slug or UUID, which has letters, digits and hyphens.{hint} The project's page "
            "shows its slug."
        )
    return project


def _server(host: str | None) -> str:
    if not host:
        return CLOUD
    import httpx  # noqa: PLC0415 (as above)

    host = host.rstrip("/")
    try:
        parts = httpx.URL(host)
    except httpx.InvalidURL:
        parts = httpx.URL()
    if parts.scheme not in ("http", "https") or not parts.host or parts.userinfo or parts.query or parts.fragment:
        raise UsageError("BENCHER_HOST is not an address: write it like https://api.bencher.dev, without credentials.")
    return host
