"""Every command of the documentation runs, or says why it does not.

The project that they run in has our matrix, with a port that computes nothing (``conftest.py``), so that names of
sessions, options and files are tried for real in seconds. A block runs unless a comment precedes it:
``<!-- slow -->`` or ``<!-- slow, exit code 1 -->`` has it run in the nightly workflow, ``<!-- not run: REASON -->``
never; ``<!-- not run on this page: REASON -->`` is said once for a whole page.

Blocks run in the order of their page. The nightly workflow runs only the slow ones: what they build on must be slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.docs.blocks import Block, blocks_of, pages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.conftest import Sandbox

BLOCKS = [block for page in pages() for block in blocks_of(page)]
INSTALLS = "installs from the network; .ci/run does the same"
README = {
    'python -m pip install "nox[uv]" && nox -s bench-gt_cpu_ifirst-float64': INSTALLS,
    'python -m pip install "nox[uv]" && nox -s tests': INSTALLS,
    ".nox/bench-numpy-float64/bin/ice3-bench accuracy --backend numpy --precision float64 --file FILE.nc": (
        "needs data of the reader's; docs/phyex_data.md has one that is run"
    ),
}
"""What is not run of the page that has no comments, and why."""


def chosen(*when: str) -> list[Block]:
    return [block for block in BLOCKS if block.when in when and block.script.strip() not in README]


def test_there_are_commands() -> None:
    assert len(chosen("always")) > 5
    assert len(chosen("nightly")) > 5
    assert set(README) <= {block.script.strip() for block in BLOCKS if block.page.name == "README.md"}


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, marks=pytest.mark.slow if block.when == "nightly" else (), id=str(block))
        for block in chosen("always", "nightly")
    ],
)
def test_a_command_runs(sandbox: Sandbox, block: Block) -> None:
    run = sandbox.run(block.script)
    assert run.returncode == block.code, f"{block} fails.\n{block.script}\n{run.stdout[-3000:]}\n{run.stderr[-3000:]}"


@pytest.mark.parametrize("block", chosen("never"), ids=str)
def test_what_is_not_run_has_a_reason(block: Block) -> None:
    assert len(block.reason.split()) >= 3, f"{block}: say why it is not run."


def test_a_command_without_a_mark_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text.\n\n    nox -s nothing\n\n<!-- slow -->\n```sh\nnox -l\n```\n\n"
        "1. one\n\n   <!-- not run: needs a GPU here -->\n\n       $ nox -s bench-gpu\n       output\n\n"
        "```python\nimport nox\n```\n\n    some output\n",
        encoding="utf-8",
    )
    found = [(block.when, block.script) for block in blocks_of(page)]
    assert found == [("always", "nox -s nothing"), ("nightly", "nox -l"), ("never", "nox -s bench-gpu")]
