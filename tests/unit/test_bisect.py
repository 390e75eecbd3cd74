"""The search for the first slower commit: its logic, with verdicts that are made up."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from ice3_bench.compare.bisect import Bisection, Finding, bisect
from ice3_bench.compare.cases import only
from ice3_bench.compare.verdict import Verdict
from ice3_bench.errors import UsageError
from ice3_bench.show.bisection import conclusion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ice3_bench.settings.matrix import Settings

NAME = "ice_adjust/a/float64/8x8x8"


class Repository:
    """Commits in a line, numbered from 0."""

    def __init__(self, folder: Path, length: int) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        self.commits: list[str] = []
        for number in range(length):
            self.commit(str(number))

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        run = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return run.stdout.strip()

    def commit(self, message: str) -> None:
        (self.folder / "file").write_text(message, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.commits.append(self.git("rev-parse", "HEAD"))

    def search(self, verdict: Callable[[int], Verdict | None], good: str = "0", bad: str = "HEAD") -> Bisection:
        def judge(commit: str) -> Finding:
            return Finding(verdict=verdict(self.commits.index(commit)), why="so it is", change=0.1, low=0.0, high=0.2)

        first = self.commits[int(good)] if good.isdigit() else good
        return bisect(self.folder, NAME, first, bad, judge, lambda _: None)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"), 17)


@pytest.mark.parametrize("first", [1, 2, 7, 8, 9, 15, 16])
def test_the_first_slower_commit_is_found_in_as_few_comparisons_as_halving_needs(
    repository: Repository, first: int
) -> None:
    found = repository.search(lambda number: Verdict.SLOWER if number >= first else Verdict.SAME)
    assert found.suspects == [repository.commits[first]]
    assert len(found.steps) <= 1 + 4  # the bad one, and 16 commits halved
    assert f"First slower commit: {repository.commits[first][:12]}" in conclusion(found)


def test_a_commit_that_became_faster_is_not_the_slower_one(repository: Repository) -> None:
    found = repository.search(lambda number: Verdict.SLOWER if number >= 12 else Verdict.FASTER)
    assert found.suspects == [repository.commits[12]]


@pytest.mark.parametrize("verdict", [None, Verdict.UNDECIDED])
def test_what_cannot_be_judged_is_passed_over(repository: Repository, verdict: Verdict | None) -> None:
    def judged(number: int) -> Verdict | None:
        return verdict if 6 <= number <= 9 else (Verdict.SLOWER if number >= 12 else Verdict.SAME)

    assert repository.search(judged).suspects == [repository.commits[12]]


@pytest.mark.parametrize("verdict", [None, Verdict.UNDECIDED])
def test_what_cannot_be_judged_just_before_the_slower_one_is_among_the_suspects(
    repository: Repository, verdict: Verdict | None
) -> None:
    def judged(number: int) -> Verdict | None:
        return verdict if 9 <= number <= 11 else (Verdict.SLOWER if number >= 12 else Verdict.SAME)

    found = repository.search(judged)
    assert found.suspects == repository.commits[9:13]
    assert "is one of" in conclusion(found)
    assert len({step.commit for step in found.steps}) == len(found.steps)


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        (Verdict.SAME, "HEAD is not slower than"),
        (Verdict.FASTER, "but faster"),
        (Verdict.UNDECIDED, "is undecided"),
        (None, "cannot be compared with"),
    ],
)
def test_there_must_be_something_to_find(repository: Repository, verdict: Verdict | None, message: str) -> None:
    with pytest.raises(UsageError, match="There is nothing to find") as error:
        repository.search(lambda _: verdict)
    assert message in str(error.value)


@pytest.mark.parametrize(("good", "bad"), [("HEAD", "HEAD"), ("HEAD", "HEAD~3")])
def test_the_good_one_must_be_earlier(repository: Repository, good: str, bad: str) -> None:
    with pytest.raises(UsageError, match="is not an earlier commit of"):
        repository.search(lambda _: Verdict.SLOWER, good, bad)


def test_commits_that_were_merged_are_searched(tmp_path: Path) -> None:
    repository = Repository(tmp_path, 3)
    repository.git("checkout", "--quiet", "-b", "topic", "HEAD~1")
    for name in ("t1", "t2", "t3"):
        repository.commit(name)
    slower = repository.commits[-2]
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--strategy=ours", "--message", "merge", "topic")
    repository.commits.append(repository.git("rev-parse", "HEAD"))
    after = {slower, repository.commits[-2], repository.commits[-1]}
    found = repository.search(lambda number: Verdict.SLOWER if repository.commits[number] in after else Verdict.SAME)
    assert found.suspects == [slower]


def test_a_benchmark_is_named_whole_or_in_part(settings: Settings) -> None:
    cell, benchmark = only(settings, "rain_ice/numpy/float32/8x8x30/rich", "coherent")
    assert (cell.id, benchmark.name) == ("numpy-float32", "rain_ice/numpy/float32/8x8x30/rich")
    cell, benchmark = only(settings, "ice_adjust", "coherent")
    assert benchmark.component == "ice_adjust"
    assert cell.backend.compiler is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rain_ice", "names 3 benchmarks, choose one"),
        ("hail", "No benchmark contains hail"),
        ("ice_adjust/hail/float64/8x8x8", "Unknown backend 'hail'"),
        ("ice_adjust/numpy/float64/8x8", "is not the name of a benchmark"),
        ("ice_adjust/gt_gpu/float64/8x8x8", "cannot be compared in cell gt_gpu-float64"),
    ],
)
def test_a_benchmark_that_is_not_one_is_refused(settings: Settings, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        only(settings, text, "coherent")
