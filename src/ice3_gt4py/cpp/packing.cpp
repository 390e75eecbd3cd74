// What finds points and copies them (copies.py says what each function does), for all fields of a call at once and
// without Python's lock. NumPy takes the lock again after every field, and threads then wait for each other.
// The barrier of threads.py is part of the module, so that one cache serves any number of threads.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "ice3_barrier.hpp"
#include "ice3_lock.hpp"

namespace py = pybind11;

namespace {
    using Size = py::ssize_t;
    using Place = std::intptr_t;
    template <class T>
    using Array = py::array_t<T, py::array::c_style>;
    template <class T>
    using Arrays = std::vector<Array<T>>;
    using Places = Array<Place>;
    template <class T>
    using Grid = py::array_t<T, 0>; // of any strides

    constexpr Size kinds = 4;          // of points that are packed: a constant, so that all are found at once
    constexpr Size look = 32;          // points that are passed over together if none is packed
    constexpr std::size_t species = 5; // that fall: a constant, so that compilers use vectors
    constexpr Size block = 128;        // columns that are looked at together

    void require(bool holds, char const *message) {
        if (!holds)
            throw std::invalid_argument(message);
    }

    template <class T>
    struct Copy {
        T const *from;
        T *to;
    };

    template <class T>
    std::vector<Copy<T>> copies(Arrays<T> const &from, Arrays<T> &to) {
        require(from.size() == to.size(), "every field needs a buffer");
        std::vector<Copy<T>> result;
        for (std::size_t n = 0; n < from.size(); ++n)
            result.push_back({from[n].data(), to[n].mutable_data()});
        return result;
    }

    template <class T>
    Size smallest(Arrays<T> const &arrays) {
        auto size = std::numeric_limits<Size>::max();
        for (auto const &array : arrays)
            size = std::min(size, array.size());
        return size;
    }

    template <class T>
    void require_places(Arrays<T> const &buffers, Size first, Size number) {
        require(0 <= first && first + number <= smallest(buffers), "the buffers are too small");
    }

    template <class T>
    void copy_to_buffers(std::vector<Copy<T>> const &copies, Place const *places, Size number, Size first) {
        for (auto [from, to] : copies)
            for (Size n = 0; n < number; ++n)
                to[first + n] = from[places[n]];
    }

    template <class T>
    void gather(Arrays<T> const &fields, Arrays<T> buffers, Places const &points, Size first) {
        require_places(buffers, first, points.size());
        auto const all = copies(fields, buffers);
        auto const *places = points.data();
        auto const number = points.size();
        ice3::released_lock released;
        copy_to_buffers(all, places, number, first);
    }

    template <class T>
    void scatter(Arrays<T> fields, Arrays<T> const &buffers, Places const &points, Size first) {
        require_places(buffers, first, points.size());
        auto const all = copies(buffers, fields);
        auto const *places = points.data();
        auto const number = points.size();
        ice3::released_lock released;
        for (auto [from, to] : all)
            for (Size n = 0; n < number; ++n)
                to[places[n]] = from[first + n];
    }

    template <class T>
    class Packer {
        std::vector<Places> points;
        Places numbers;
        std::vector<Arrays<T>> fields, buffers; // they keep alive what `copied` points to
        std::array<std::vector<Copy<T>>, kinds> copied;
        Size size_of_fields = std::numeric_limits<Size>::max();

        // How many of the points there are until so many of them are of a kind, or all.
        static Size until(std::array<std::int8_t, look> const &of, Size number, Size kind, Size most) {
            for (Size n = 0; n < number; ++n)
                if (of[n] == kind && --most == 0)
                    return n + 1;
            return number;
        }

        // Notes the places of the points from `start` on, until there is no more room for those of a kind, and returns
        // the first that has not been looked at.
        static Size find(
            T const *values, Size size, Size start, Size begin, std::array<Place *, kinds> const &places,
            std::array<Size, kinds> const &room, std::array<Size, kinds> &held) {
            for (bool full = false; start < size && !full;) {
                std::array<std::int8_t, look> of; // compared faster than floating-point numbers
                auto number = std::min(look, size - start);
                int any = 0;
                for (Size n = 0; n < number; ++n)
                    of[n] = static_cast<std::int8_t>(values[start + n]);
                for (Size n = 0; n < number; ++n)
                    any |= of[n];
                if (any != 0) {
                    for (Size kind = 0; kind < kinds; ++kind)
                        if (auto const left = room[kind] - held[kind]; left < number)
                            number = until(of, number, kind + 1, left);
                    for (Size n = 0; n < number; ++n)
                        for (Size kind = 0; kind < kinds; ++kind) { // no branches, which would be mispredicted
                            places[kind][held[kind]] = begin + start + n;
                            held[kind] += of[n] == kind + 1;
                        }
                    for (Size kind = 0; kind < kinds; ++kind)
                        full |= held[kind] == room[kind];
                }
                start += number;
            }
            return start;
        }

      public:
        Packer(
            std::vector<Places> points_, Places numbers_, std::vector<Arrays<T>> fields_,
            std::vector<Arrays<T>> buffers_)
            : points(std::move(points_)), numbers(std::move(numbers_)), fields(std::move(fields_)),
              buffers(std::move(buffers_)) {
            for (auto given : {Size(points.size()), numbers.size(), Size(fields.size()), Size(buffers.size())})
                require(given == kinds, "there are four kinds of points");
            for (Size kind = 0; kind < kinds; ++kind) {
                require_places(buffers[kind], 0, points[kind].size());
                copied[kind] = copies(fields[kind], buffers[kind]);
                size_of_fields = std::min(size_of_fields, smallest(fields[kind]));
            }
        }

        Size operator()(Array<T> const &chunk, Size start, Size begin) {
            std::array<Place *, kinds> places;
            std::array<Size, kinds> held, room;
            for (Size kind = 0; kind < kinds; ++kind) {
                places[kind] = points[kind].mutable_data();
                held[kind] = numbers.at(kind);
                room[kind] = points[kind].size();
                require(0 <= held[kind] && held[kind] < room[kind], "the buffers of a kind are full");
            }
            auto const before = held;
            auto const *values = chunk.data();
            auto const size = chunk.size();
            require(0 <= start && 0 <= begin && begin + size <= size_of_fields, "the points are not in the fields");
            {
                ice3::released_lock released;
                start = find(values, size, start, begin, places, room, held);
                for (Size kind = 0; kind < kinds; ++kind)
                    copy_to_buffers(
                        copied[kind], places[kind] + before[kind], held[kind] - before[kind], before[kind]);
            }
            std::copy(held.begin(), held.end(), numbers.mutable_data());
            return start;
        }
    };

    template <class T>
    void highest(
        std::vector<Grid<T>> const &fields, std::vector<T> const &limits, Size first, Size last, Places levels) {
        using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
        static_assert(sizeof(T) == sizeof(Bits));
        auto const bits = [](T const &value) {
            Bits result;
            std::memcpy(&result, &value, sizeof result);
            return result;
        };
        auto const columns = levels.size();
        require(0 < fields.size() && fields.size() <= species, "there are one to five fields");
        require(fields.size() == limits.size(), "every field needs a limit");
        for (auto const &field : fields) {
            require(
                field.ndim() == 2 && field.shape(0) == columns && 0 <= first && last <= field.shape(1),
                "the fields have other columns, or fewer levels");
            require(
                std::equal(field.strides(), field.strides() + 2, fields[0].strides()), "the fields do not lie alike");
        }
        auto const size = Size(sizeof(T));
        auto const to_column = fields[0].strides(0) / size, to_level = fields[0].strides(1) / size;
        std::array<T const *, species> begin;
        std::array<Bits, species> limit;
        for (std::size_t n = 0; n < species; ++n) {
            auto const which = n < fields.size() ? n : 0; // if there are fewer, the first one is looked at again
            begin[n] = fields[which].data();
            limit[n] = bits(limits[which]);
        }
        auto *found = levels.mutable_data();
        auto const find = [&](auto column) { // the distance of columns: if it is a constant, compilers use vectors
            for (auto level = first; level < last; ++level)
                for (Size next = 0; next < columns; next += block) {
                    auto const number = std::min(block, columns - next);
                    auto values = begin;
                    for (auto &field : values)
                        field += level * to_level + next * column;
                    std::array<Bits, block> above; // as wide as what is compared
                    Bits any = 0;
                    for (Size n = 0; n < number; ++n) {
                        above[n] = 0;
                        for (std::size_t which = 0; which < species; ++which)
                            above[n] |= bits(values[which][n * column]) > limit[which] ? 1 : 0;
                        any |= above[n];
                    }
                    if (any != 0)
                        for (Size n = 0; n < number; ++n)
                            if (above[n] != 0)
                                found[next + n] = std::min<Place>(found[next + n], level);
                }
        };
        ice3::released_lock released;
        if (to_column == 1)
            find(std::integral_constant<Size, 1>());
        else
            find(to_column);
    }

    template <class T>
    void define(py::module_ &module) {
        // Arrays of another type or with gaps are refused, not converted.
        auto const array = [](char const *name) { return py::arg(name).noconvert(); };
        auto const fields = array("fields"), buffers = array("buffers"), points = array("points");
        module.def("gather", &gather<T>, fields, buffers, points, py::arg("first"));
        module.def("scatter", &scatter<T>, fields, buffers, points, py::arg("first"));
        module.def(
            "packer",
            [array](
                std::vector<Places> points, Places numbers, std::vector<Arrays<T>> fields,
                std::vector<Arrays<T>> buffers) {
                return py::cpp_function(
                    Packer<T>(std::move(points), std::move(numbers), std::move(fields), std::move(buffers)),
                    array("kinds"), py::arg("start"), py::arg("begin"));
            },
            points, array("numbers"), fields, buffers);
        module.def(
            "highest", &highest<T>, fields, py::arg("limits"), py::arg("first"), py::arg("last"), array("levels"));
    }
} // namespace

PYBIND11_MODULE(packing, module) {
    define<double>(module);
    define<float>(module);
    py::class_<ice3::barrier>(module, "Barrier", py::module_local()) // other arguments make another module
        .def(py::init<int>())
        .def("wait", &ice3::barrier::wait)
        .def("abort", &ice3::barrier::abort);
}
