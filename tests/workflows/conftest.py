"""Fixtures of the tests that play tasks and workflows against local servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.bencher_server import BencherServer
from tests.servers.github_server import GitHubServer
from tests.workflows.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bencher() -> Iterator[BencherServer]:
    with BencherServer() as running:
        yield running


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with GitHubServer() as running:
        yield running


@pytest.fixture
def runner(tmp_path: Path, bencher: BencherServer, github: GitHubServer) -> Runner:
    return Runner(tmp_path, bencher, github)
