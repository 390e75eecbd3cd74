// What threads meet at (threads.py): as threading.Barrier, but a thread that waits does not sleep. To wake it would take
// longer than most waits.
#include <pybind11/pybind11.h>

#include <atomic>
#include <thread>

#include "ice3_lock.hpp"

namespace py = pybind11;

namespace {
    class Barrier {
        static constexpr int patience = 1000; // looks, after which other threads may have the processor

        int const number;
        std::atomic<int> here{0}, met{0};
        std::atomic<bool> broken{false};

        void meet() {
            ice3::released_lock released;
            auto const before = met.load();
            if (++here == number) {
                here = 0;
                ++met;
            }
            for (int looks = 0; met == before && !broken; ++looks)
                if (looks > patience)
                    std::this_thread::yield();
        }

      public:
        explicit Barrier(int number) : number(number) {}

        void wait() {
            meet();
            if (broken) {
                PyErr_SetNone(py::module_::import("threading").attr("BrokenBarrierError").ptr());
                throw py::error_already_set();
            }
        }

        void abort() { broken = true; }
    };
} // namespace

PYBIND11_MODULE(barrier, module) {
    py::class_<Barrier>(module, "Barrier")
        .def(py::init<int>())
        .def("wait", &Barrier::wait)
        .def("abort", &Barrier::abort);
}
