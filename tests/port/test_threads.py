"""Threads that share the work of a call, and the lock that stencils release for it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.port.matrix import COMPILED
from tests.port.side_by_side import other_threads_run_during

from ice3_gt4py.ice_adjust import IceAdjust
from ice3_gt4py.storages import from_arrays
from ice3_gt4py.threads import Threads
from ice3_probe.atmosphere import synthetic_atmosphere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ice3_gt4py.compilation import Build


@given(number=st.integers(1, 4), parts=st.integers(0, 50))
def test_every_part_is_taken_once(number: int, parts: int) -> None:
    taken: list[list[int]] = [[] for _ in range(number)]
    Threads(number).share(lambda thread, waiting: taken[thread].extend(waiting), range(parts))
    assert sorted(part for own in taken for part in own) == list(range(parts))


def test_a_thread_that_waits_leaves_the_parts_to_the_others() -> None:
    others_are_done = threading.Event()
    taken: list[list[int]] = [[], []]

    def work(thread: int, parts: Iterator[int]) -> None:
        for part in parts:
            taken[thread].append(part)
            if part == 0:
                assert others_are_done.wait(60)
        others_are_done.set()

    Threads(2).share(work, range(5))
    assert sorted(taken) == [[0], [1, 2, 3, 4]]


@pytest.mark.parametrize("failing", [0, 1])
def test_a_failure_is_raised_when_all_threads_have_ended(failing: int) -> None:
    failed, ended = threading.Event(), threading.Event()

    def work(thread: int, parts: Iterator[int]) -> None:  # noqa: ARG001
        if thread == failing:
            failed.set()
            raise ValueError("a bad point")
        assert failed.wait(60)
        ended.set()

    with pytest.raises(ValueError, match="a bad point"):
        Threads(2).share(work, range(2))
    assert ended.is_set()


def test_after_a_failure_the_others_take_no_more_parts() -> None:
    failing, taken = threading.Event(), []

    def work(thread: int, parts: Iterator[int]) -> None:
        if thread == 1:
            failing.set()
            raise ValueError("a bad point")
        assert failing.wait(60)
        for part in parts:
            taken.append(part)
            time.sleep(0.001)

    with pytest.raises(ValueError, match="a bad point"):
        Threads(2).share(work, range(10_000))
    assert len(taken) < 10_000


@pytest.mark.compiled
@pytest.mark.parametrize("backend", [name for name in COMPILED if name.startswith("gt_")])
def test_other_threads_run_while_a_stencil_computes(make_build: Callable[..., Build], backend: str) -> None:
    build, domain = make_build(backend), (60, 60, 60)
    component = IceAdjust(domain, build)
    state = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    assert other_threads_run_during(lambda: component(state, 50.0))
