"""What GitHub Actions says about a workflow run, and which revision its event is about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ice3_bench.bencher.document import Revision, pull_request_branch
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_bench.settings.policy import BencherPolicy


@dataclass(frozen=True)
class Actions:
    """What GitHub Actions says about the workflow run."""

    api: str
    server: str
    repository: str
    run_url: str
    event_name: str
    event: dict[str, Any]
    ref: str
    sha: str
    again: bool
    """Whether the run is repeated."""
    token: SecretStr | None
    summary: Path | None

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Actions | None:
        """Read the variables; None outside GitHub Actions, which also names the repository.

        Raises
        ------
        UsageError
            If the event cannot be read.
        """
        if variables.get("GITHUB_ACTIONS") != "true":
            return None
        path = variables.get("GITHUB_EVENT_PATH")
        try:
            event = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"The event of the workflow run in {path} (GITHUB_EVENT_PATH) cannot be read.") from error
        if not isinstance(event, dict):
            raise UsageError(f"The event of the workflow run in {path} (GITHUB_EVENT_PATH) is not an object.")
        server = variables.get("GITHUB_SERVER_URL", "https://github.com")
        repository = variables.get("GITHUB_REPOSITORY")
        if not repository:  # something else than GitHub sets the first variable
            return None
        summary = variables.get("GITHUB_STEP_SUMMARY")
        return cls(
            api=variables.get("GITHUB_API_URL", "https://api.github.com"),
            server=server,
            repository=repository,
            run_url=f"{server}/{repository}/actions/runs/{variables.get('GITHUB_RUN_ID', '')}",
            event_name=variables.get("GITHUB_EVENT_NAME", ""),
            event=event,
            ref=variables.get("GITHUB_REF", ""),
            sha=variables.get("GITHUB_SHA", ""),
            again=variables.get("GITHUB_RUN_ATTEMPT", "1") != "1",
            token=SecretStr(variables["GITHUB_TOKEN"]) if variables.get("GITHUB_TOKEN") else None,
            summary=Path(summary) if summary else None,
        )


def revision_of_pull_request(pull: dict[str, Any], repository: str, policy: BencherPolicy) -> Revision:
    """Return the revision of a pull request, as events and the REST interface describe it."""
    try:
        head, base, number = pull["head"], pull["base"], int(pull["number"])
        fork = head["repo"] is None or _text(head["repo"]["full_name"]).lower() != repository.lower()
        owner = _text(head["user"]["login"]) if head["user"] else "ghost"  # GitHub's name for deleted accounts
        return Revision(
            branch=pull_request_branch(number, _text(head["ref"]), owner, fork=fork, policy=policy),
            hash=_text(head["sha"]),
            base=_text(base["ref"]),
            base_hash=_text(base["sha"]),
            pull_request=number,
        )
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"The description of the pull request lacks {error}: is this event of a pull request?"
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text instead of {str(value)[:40]}")
    return value


def revision_of_event(
    name: str,
    event: dict[str, Any],
    repository: str,
    ref: str,
    sha: str,
    policy: BencherPolicy,
    *,
    again: bool = False,
) -> Revision | None:
    """Return the revision that a workflow run measures; None for events that name no branch, such as tags."""
    if name in ("pull_request", "pull_request_target"):
        return revision_of_pull_request(event.get("pull_request") or {}, repository, policy)
    if ref.startswith("refs/heads/"):
        return Revision(branch=ref.removeprefix("refs/heads/"), hash=sha, again=again)
    return None
