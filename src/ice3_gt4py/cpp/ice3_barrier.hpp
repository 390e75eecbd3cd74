// Like Python's threading.Barrier, but threads that wait do not sleep, since to wake them takes longer than most waits.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <thread>

#include "ice3_lock.hpp"

namespace ice3 {
    class barrier {
        static constexpr int patience = 1000; // looks, after which other threads may have the processor

        int const number;
        std::atomic<int> here{0}, met{0};
        std::atomic<bool> broken{false};

        void meet() {
            released_lock released;
            auto const before = met.load();
            if (++here == number) {
                here = 0;
                ++met;
            }
            for (int looks = 0; met == before && !broken;)
                if (looks < patience)
                    ++looks;
                else
                    std::this_thread::yield();
        }

      public:
        explicit barrier(int number) : number(number) {}

        void wait() {
            meet();
            if (broken) {
                PyErr_SetNone(pybind11::module_::import("threading").attr("BrokenBarrierError").ptr());
                throw pybind11::error_already_set();
            }
        }

        void abort() { broken = true; }
    };
} // namespace ice3
