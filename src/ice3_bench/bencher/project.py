"""Find and create what a Bencher project needs so that our uploads are tested from the first one on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from ice3_bench.bencher.client import BencherError
from ice3_bench.measures import MEASURES

if TYPE_CHECKING:
    from ice3_bench.bencher.client import Bencher
    from ice3_bench.settings.policy import BencherPolicy, Threshold


@dataclass(frozen=True)
class Step:
    """One thing that is missing, and how to create it."""

    said: str
    kind: str
    """Collection of the interface, such as ``measures``."""
    fields: dict[str, Any]
    restore: tuple[str, Threshold] | None = None
    """UUID and model of a threshold that exists without a model."""

    def make(self, client: Bencher) -> None:
        """Create it; it may exist by now."""
        if self.restore is not None:
            client.change_threshold(*self.restore)
        else:
            client.create(self.kind, self.fields)


def missing(client: Bencher, policy: BencherPolicy, testbeds: list[str]) -> list[Step]:
    """Return what is missing, in the order in which it must be created."""
    steps = [
        Step(
            f"measure {one.name} in {one.bencher_units}",
            "measures",
            {"name": one.title, "slug": one.name, "units": one.bencher_units},
        )
        for one in client.missing_measures()
    ]
    for kind, what, names in (("branches", "branch", policy.base_branches), ("testbeds", "testbed", testbeds)):
        steps += [Step(f"{what} {name}", kind, {"name": name}) for name in names if not _named(client, kind, name)]
    for base, testbed in product(policy.base_branches, testbeds):
        there = _thresholds(client, base, testbed)
        for measure, model in policy.thresholds.items():
            found = there.get(measure)
            if found is None or not found.get("model"):
                fields = {"branch": base, "testbed": testbed, "measure": measure, **model.as_json()}
                restore = (found["uuid"], model) if found else None
                said = f"threshold {model.test} on {measure} of branch {base}, testbed {testbed}"
                steps.append(Step(said, "thresholds", fields, restore))
    return steps


def foreign_units(client: Bencher) -> list[str]:
    """Say which of our measures exist with other units, which only a user can change, in the console."""
    units = {measure["slug"]: measure.get("units") for measure in client.entries("measures")}
    return [
        f"measure {slug} is in '{units[slug]}', not in '{ours.bencher_units}': change it in the console "
        "(only labels differ)"
        for slug, ours in MEASURES.items()
        if units.get(slug) not in (None, ours.bencher_units)
    ]


def _named(client: Bencher, kind: str, name: str) -> bool:
    return any(one["name"] == name for one in client.entries(kind, name=name))


def _thresholds(client: Bencher, branch: str, testbed: str) -> dict[str, dict[str, Any]]:
    try:
        found = client.entries("thresholds", branch=branch, testbed=testbed)
    except BencherError as error:
        if error.status == 404:  # the branch or the testbed does not exist yet
            return {}
        raise
    wanted = (branch, testbed)
    return {one["measure"]["slug"]: one for one in found if (one["branch"]["name"], one["testbed"]["name"]) == wanted}
