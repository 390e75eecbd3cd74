// Included before the bindings that GT4Py generates for its gt:cpu backends.
//
// * GT4Py wraps each array with gridtools::as_sid<T, Dim, Kind>. GridTools' own fourth parameter makes the stride of
//   dimension ICE3_UNIT_STRIDE (0 is i, 2 is k) a compile-time 1, so that compilers load and store whole vectors. An
//   array of another layout would end the process: components check it before (storages.py). Extent 1 along the
//   dimension is allowed.
// * Stencils release Python's lock while they compute, so that Python threads can run them side by side. With
//   ICE3_CALLING_THREAD, a stencil of gt:cpu_ifirst computes in the thread that calls it; otherwise the threads of OpenMP
//   share it.
#if defined(ICE3_UNIT_STRIDE) && defined(__cplusplus)
#include <optional>

#include <pybind11/pybind11.h>
#include <gridtools/stencil/cpu_ifirst.hpp>
#include <gridtools/stencil/cpu_kfirst.hpp>
#include <gridtools/storage/adapter/python_sid_adapter.hpp>
#include <gridtools/thread_pool/dummy.hpp>
#include <gridtools/thread_pool/omp.hpp>

#include "ice3_lock.hpp"

namespace gridtools {
    template <class T, std::size_t Dim, class Kind>
    auto as_unit_stride_sid(pybind11::buffer const &source) {
        return as_sid<T, Dim, Kind, (Dim > ICE3_UNIT_STRIDE ? ICE3_UNIT_STRIDE : std::size_t(-1))>(source);
    }

    namespace stencil {
        template <class Backend>
        struct without_lock {
            template <class Spec, class Grid, class Fields>
            friend void gridtools_backend_entry_point(without_lock, Spec spec, Grid const &grid, Fields fields) {
                // `fields` outlives `released`: to let go of an array takes the lock.
                std::optional<ice3::released_lock> released;
                if (PyGILState_Check())
                    released.emplace();
                gridtools_backend_entry_point(Backend(), spec, grid, fields);
            }
        };
#ifdef ICE3_CALLING_THREAD
        using threads = thread_pool::dummy;
#else
        using threads = thread_pool::omp;
#endif
        template <class...>
        using cpu_ifirst_without_lock = without_lock<cpu_ifirst<threads>>;
        template <class... Parameters>
        using cpu_kfirst_without_lock = without_lock<cpu_kfirst<Parameters...>>;
    } // namespace stencil
} // namespace gridtools

#define as_sid as_unit_stride_sid
#define cpu_ifirst cpu_ifirst_without_lock
#define cpu_kfirst cpu_kfirst_without_lock
#endif
