// Included before the bindings that GT4Py generates for its gt:cpu backends: makes the stride of dimension
// ICE3_UNIT_STRIDE (0 is i, 2 is k) a compile-time 1, so that compilers load and store whole vectors.
//
// GT4Py wraps each array with gridtools::as_sid<T, Dim, Kind>; GridTools' own fourth parameter states the unit stride
// and checks it at run time: an array of another layout raises an error. Extent 1 along the dimension is allowed.
#if defined(ICE3_UNIT_STRIDE) && defined(__cplusplus)
#include <pybind11/pybind11.h>
#include <gridtools/storage/adapter/python_sid_adapter.hpp>

namespace gridtools {
    template <class T, std::size_t Dim, class Kind>
    auto as_unit_stride_sid(pybind11::buffer const &source) {
        return as_sid<T, Dim, Kind, (Dim > ICE3_UNIT_STRIDE ? ICE3_UNIT_STRIDE : std::size_t(-1))>(source);
    }
} // namespace gridtools

#define as_sid as_unit_stride_sid
#endif
