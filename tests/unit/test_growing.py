"""What grows: the places that docs/extending.md names exist, and the tables that must have the same entries do."""

from __future__ import annotations

import re
from pathlib import Path

from ice3_bench.measures import MEASURES
from ice3_probe import components, messages
from ice3_probe.atmosphere import DRY_SHARE

PROJECT = Path(__file__).parents[2]


def test_the_places_that_the_page_names_exist() -> None:
    text = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:src|tests|docs)/[\w./]+|pyproject\.toml|README\.md)`", text))
    assert len(named) > 10
    assert not [name for name in sorted(named) if not (PROJECT / name).exists()]
    for table in ("COMPONENTS", "CHAINS", "MIXES"):
        assert f"`{table}`" in text
        assert hasattr(messages, table)


def test_components_mixes_and_chains_are_the_same_in_every_table() -> None:
    assert messages.COMPONENTS.keys() == components.COMPONENTS.keys()
    assert tuple(DRY_SHARE) == messages.MIXES
    assert {*messages.CHAINS, *(link for links in messages.CHAINS.values() for link in links)} <= {*messages.COMPONENTS}
    assert all(set(mixes) <= set(messages.MIXES) for mixes in messages.COMPONENTS.values())
    assert all(name == measure.name for name, measure in MEASURES.items())
