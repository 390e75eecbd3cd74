"""Threads that share the work of a call, and the lock that stencils release for it."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.port.matrix import COMPILED, VECTORISING
from tests.port.side_by_side import other_threads_run_during

from ice3_gt4py.ice_adjust import IceAdjust
from ice3_gt4py.storages import from_arrays
from ice3_gt4py.threads import Step, Threads
from ice3_probe.atmosphere import synthetic_atmosphere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ice3_gt4py.compilation import Build


@pytest.fixture(params=["python", pytest.param("compiled", marks=pytest.mark.compiled)], scope="session")
def make_threads(request: pytest.FixtureRequest, make_build: Callable[..., Build]) -> Callable[[int], Threads]:
    """Make threads that meet at Python's barrier, and at the compiled one."""
    build = make_build("numpy" if request.param == "python" else VECTORISING[0])
    barrier = Threads.of(replace(build, threads=2))._barrier if request.param == "compiled" else threading.Barrier
    assert (barrier is threading.Barrier) == (request.param == "python")
    return lambda number: Threads(number, barrier)


@pytest.mark.compiled
def test_barriers_of_several_builds_live_in_a_process(make_build: Callable[..., Build]) -> None:
    build = replace(make_build(VECTORISING[0]), threads=2)
    other = replace(build, compile_args=(*build.compile_args, "-g0"))
    one, another = (Threads.of(which)._barrier for which in (build, other))
    assert one is not another
    another(1).wait()


@settings(deadline=None)
@given(number=st.integers(1, 4), sizes=st.lists(st.integers(0, 20), max_size=4))
def test_every_part_of_every_step_is_taken_once(
    make_threads: Callable[[int], Threads], number: int, sizes: list[int]
) -> None:
    taken: list[tuple[int, int]] = []

    def step(which: int) -> Step[int]:
        return Step(lambda _, parts: taken.extend((which, part) for part in parts), range(sizes[which]))

    make_threads(number).share(*map(step, range(len(sizes))))
    assert [which for which, _ in taken] == sorted(which for which, _ in taken)
    assert sorted(taken) == [(which, part) for which, size in enumerate(sizes) for part in range(size)]


def test_a_step_begins_when_all_have_ended_the_one_before(make_threads: Callable[[int], Threads]) -> None:
    order: list[str] = []

    def slow_in_thread_1(thread: int, _: Iterator[int]) -> None:
        if thread == 1:
            time.sleep(0.1)
        order.append("first")

    make_threads(3).share(Step(slow_in_thread_1, ()), Step(lambda *_: order.append("second"), ()))
    assert order == ["first"] * 3 + ["second"] * 3


def test_a_thread_that_waits_leaves_the_parts_to_the_others(make_threads: Callable[[int], Threads]) -> None:
    others_are_done = threading.Event()
    taken: list[list[int]] = [[], []]

    def work(thread: int, parts: Iterator[int]) -> None:
        for part in parts:
            taken[thread].append(part)
            if part == 0:
                assert others_are_done.wait(60)
        others_are_done.set()

    make_threads(2).share(Step(work, range(5)))
    assert sorted(taken) == [[0], [1, 2, 3, 4]]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_failure_is_raised_when_all_threads_have_ended(make_threads: Callable[[int], Threads], failing: int) -> None:
    all_have_begun, ended = threading.Barrier(3), []

    def work(thread: int, parts: Iterator[int]) -> None:  # noqa: ARG001
        all_have_begun.wait(60)
        if thread == failing:
            raise ValueError("a bad point")
        time.sleep(0.05)
        ended.append(thread)

    with pytest.raises(ValueError, match="a bad point"):
        make_threads(3).share(Step(work, range(2)))
    assert len(ended) == 2


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_threads_that_wait_for_one_that_fails_begin_no_other_step(
    make_threads: Callable[[int], Threads], failing: int
) -> None:
    begun, threads = [], make_threads(3)

    def work(thread: int, parts: Iterator[int]) -> None:
        list(parts)
        if thread == failing:
            time.sleep(0.05)  # the others wait for it by then
            raise ValueError("a bad point")

    for _ in range(2):  # nothing is left that would disturb the next time
        with pytest.raises(ValueError, match="a bad point"):
            threads.share(Step(work, range(2)), Step(lambda thread, _: begun.append(thread), range(2)))
    assert not begun
    threads.share(Step(lambda thread, _: begun.append(thread), ()))
    assert sorted(begun) == [0, 1, 2]


def test_after_a_failure_the_others_take_no_more_parts(make_threads: Callable[[int], Threads]) -> None:
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
        make_threads(2).share(Step(work, range(10_000)))
    assert len(taken) < 10_000


def test_what_could_not_be_handed_over_is_not_done_later(
    make_threads: Callable[[int], Threads], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    threads, over = make_threads(3), threading.Event()
    for _ in range(2):
        threads._others().submit(over.wait, 60)
    submit = ThreadPoolExecutor.submit

    def submit_and_fail(pool: ThreadPoolExecutor, *arguments: Any) -> None:
        submit(pool, *arguments)
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without_room:
        without_room.setattr(ThreadPoolExecutor, "submit", submit_and_fail)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            threads.share(Step(lambda _, parts: done.extend(parts), range(3)))
    over.set()
    threads.share(Step(lambda _, parts: done.extend(parts), range(5)))
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_an_error_does_not_keep_fields_alive(make_threads: Callable[[int], Threads]) -> None:
    class Fields:
        """Stands for what a call works on."""

    def fail(fields: Fields) -> None:
        def work(thread: int, _: Iterator[int]) -> None:
            if thread == 1:
                raise ValueError(f"a bad point of {fields}")

        with pytest.raises(ValueError, match="a bad point"):
            threads.share(Step(work, ()))

    threads, fields = make_threads(2), Fields()
    alive = weakref.ref(fields)
    gc.disable()
    try:
        fail(fields)
        threads.share(Step(lambda *_: None, ()))  # the other thread has let go of the last one
        del fields
        assert alive() is None
    finally:
        gc.enable()


def test_a_fork_has_threads_of_its_own() -> None:
    script = """
import os
from ice3_gt4py.threads import Step, Threads
threads, taken = Threads(2), []
step = lambda: Step(lambda _, parts: taken.extend(parts), range(3))
threads.share(step())
child = os.fork()
threads.share(step())
assert sorted(taken) == [0, 0, 1, 1, 2, 2]
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.compiled
@pytest.mark.parametrize("backend", [name for name in COMPILED if name.startswith("gt_")])
def test_other_threads_run_while_a_stencil_computes(make_build: Callable[..., Build], backend: str) -> None:
    build, domain = make_build(backend), (60, 60, 60)
    component = IceAdjust(domain, build)
    state = from_arrays(component.fields, synthetic_atmosphere(domain), domain, build)
    assert other_threads_run_during(lambda: component(state, 50.0))
