// Python's lock is let go while C++ computes, so that Python threads compute side by side.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <chrono>

namespace ice3 {
    // Python's lock is free as long as this lives.
    //
    // A thread that finds the lock taken is put to sleep, and to wake it takes longer than what another one does in
    // Python between two computations. So it first watches for a while whether that one lets go. Threads tell each
    // other when they took the lock; a thread that took it long ago may do something else by now.
    class released_lock {
        using Clock = std::chrono::steady_clock;
        using Time = Clock::rep;
        static constexpr Time free = 0;
        static constexpr Time patience = Clock::duration(std::chrono::microseconds(100)).count();

        PyThreadState *const thread;

        static Time now() { return Clock::now().time_since_epoch().count(); }

        // When a thread took the lock after a computation, or that it is free; one for all modules of the process.
        static std::atomic<Time> &taken() {
            static auto &shared = pybind11::get_or_create_shared_data<std::atomic<Time>>("ice3_lock_taken");
            return shared;
        }

        static PyThreadState *release() {
            taken().store(free, std::memory_order_relaxed);
            return PyEval_SaveThread();
        }

      public:
        released_lock() : thread(release()) {}
        released_lock(released_lock const &) = delete;
        released_lock &operator=(released_lock const &) = delete;

        ~released_lock() {
            auto &by_another = taken();
            for (auto since = free; (since = by_another.load(std::memory_order_relaxed)) != free;)
                if (now() - since > patience)
                    break;
            PyEval_RestoreThread(thread);
            by_another.store(now(), std::memory_order_relaxed);
        }
    };
} // namespace ice3
