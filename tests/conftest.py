"""What all tests share: which of them run in the same process."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, since they share stencils; but those that compile C++ go apart."""
    for item in items:
        compiled = "-compiled" if item.get_closest_marker("compiled") else ""
        item.add_marker(pytest.mark.xdist_group(item.path.stem + compiled))
