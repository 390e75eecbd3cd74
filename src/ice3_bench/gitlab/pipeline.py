"""What GitLab says about a pipeline, and which revision it is about.

A runner checks out a commit, never a branch: the variables name it. Pipelines that another one triggers have them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ice3_bench.bencher.document import Revision, pull_request_branch
from ice3_bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ice3_bench.settings.policy import BencherPolicy


@dataclass(frozen=True)
class MergeRequest:
    """The merge request of a pipeline.

    Attributes
    ----------
    number
        Its number in the project (``iid``).
    project
        Id of the project that it is a request to, which is not that of a fork's pipeline.
    source, target
        Branches.
    base
        The commit that both have in common; with merged results, the tip of the target.
    owner
        Namespace of the project that the source is in.
    """

    number: int
    project: str
    source: str
    target: str
    base: str | None
    owner: str
    fork: bool


@dataclass(frozen=True)
class Pipeline:
    """What GitLab says about the pipeline."""

    api: str
    url: str | None
    commit: str
    """What is checked out; with merged results, that is neither a commit of the source nor of the target."""
    branch: str | None
    merge_request: MergeRequest | None
    token: SecretStr | None

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Pipeline | None:
        """Read the variables; None outside GitLab.

        Raises
        ------
        UsageError
            If they do not say what is checked out, or the number of the merge request is none.
        """
        if variables.get("GITLAB_CI") != "true" or not variables.get("CI_PROJECT_ID"):
            return None
        commit = variables.get("CI_COMMIT_SHA")
        if not commit:
            raise UsageError("GITLAB_CI is 'true', but CI_COMMIT_SHA is not set: GitLab sets it in every job.")
        token = variables.get("ICE3_BENCH_GITLAB_TOKEN")
        return cls(
            api=variables.get("CI_API_V4_URL", "https://gitlab.com/api/v4"),
            url=variables.get("CI_PIPELINE_URL"),
            commit=commit,
            branch=variables.get("CI_COMMIT_BRANCH") or None,
            merge_request=_merge_request(variables) if variables.get("CI_MERGE_REQUEST_IID") else None,
            token=SecretStr(token) if token else None,
        )

    def revision(self, policy: BencherPolicy) -> Revision | None:
        """Return the revision that the pipeline measures; None for one of a tag."""
        request = self.merge_request
        if request is not None:
            branch = pull_request_branch(
                request.number, request.source, request.owner, fork=request.fork, policy=policy
            )
            return Revision(branch, self.commit, request.target, request.base, request.number)
        return Revision(self.branch, self.commit) if self.branch else None


def _merge_request(variables: Mapping[str, str]) -> MergeRequest:
    def of(name: str) -> str:
        return variables.get(f"CI_MERGE_REQUEST_{name}", "")

    if not of("IID").isdecimal():
        raise UsageError("CI_MERGE_REQUEST_IID is not a number: GitLab sets it in pipelines of merge requests.")
    if lacking := [name for name in ("SOURCE_BRANCH_NAME", "TARGET_BRANCH_NAME") if not of(name)]:
        raise UsageError(
            f"CI_MERGE_REQUEST_IID is set, but CI_MERGE_REQUEST_{lacking[0]} is not: a pipeline that triggers another "
            "one has to forward both."
        )
    project = of("PROJECT_ID") or variables["CI_PROJECT_ID"]
    return MergeRequest(
        number=int(of("IID")),
        project=project,
        source=of("SOURCE_BRANCH_NAME"),
        target=of("TARGET_BRANCH_NAME"),
        base=of("TARGET_BRANCH_SHA") or of("DIFF_BASE_SHA") or None,
        owner=of("SOURCE_PROJECT_PATH").rpartition("/")[0] or "unknown",
        fork=(of("SOURCE_PROJECT_ID") or project) != project,
    )
