// The only file that knows Python. Callers are refcolor/patches.py and refcolor/merge.py, which check values;
// here only what would read outside an array is refused.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cmath>
#include <cstdint>

#include "gather.hpp"
#include "luma_merge.hpp"
#include "parallel.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Ints = py::array_t<std::int32_t, py::array::c_style>;

void require(bool holds, const char* message) {
    if (!holds) throw py::value_error(message);
}

bool all_in(const Ints& values, std::int64_t end) {
    const std::int32_t* data = values.data();
    for (py::ssize_t i = 0; i < values.size(); ++i)
        if (data[i] < 0 || data[i] >= end) return false;
    return true;
}

void gather_patches(const Floats& stack, const Ints& x, const Ints& y, const Ints& level, const Floats& angle,
                    int size, Floats& out, int threads) {
    require(stack.ndim() == 4, "stack must be (S, H, W, P)");
    const py::ssize_t count = x.size();
    require(x.ndim() == 1 && y.ndim() == 1 && level.ndim() == 1 && angle.ndim() == 1 && y.size() == count &&
                level.size() == count && angle.size() == count,
            "x, y, level and angle must be (N,)");
    require(size > 0 && size % 2 == 1, "size must be odd");
    require(out.ndim() == 4 && out.shape(0) == count && out.shape(1) == size && out.shape(2) == size &&
                out.shape(3) == stack.shape(3),
            "out must be (N, size, size, P)");
    const float* turn = angle.data();
    for (py::ssize_t i = 0; i < count; ++i) require(std::isfinite(turn[i]), "angle is not finite");
    require(all_in(level, stack.shape(0)), "level outside the stack");
    require(all_in(x, stack.shape(2)) && all_in(y, stack.shape(1)), "a patch centre lies outside the image");

    const refcolor::PlaneStack planes{stack.data(), stack.shape(1), stack.shape(2), stack.shape(3)};
    const refcolor::PatchList patches{x.data(), y.data(), level.data(), angle.data(), count, size};
    float* target = out.mutable_data();
    const py::gil_scoped_release release;
    refcolor::gather_patches(planes, patches, target, threads);
}

void luma_exact(const Floats& luma, const Floats& ab, Floats& rgb, int threads) {
    require(luma.ndim() == 2, "luma must be (H, W)");
    const py::ssize_t height = luma.shape(0), width = luma.shape(1);
    require(ab.ndim() == 3 && ab.shape(0) == height && ab.shape(1) == width && ab.shape(2) == 2,
            "ab must be (H, W, 2)");
    require(rgb.ndim() == 3 && rgb.shape(0) == height && rgb.shape(1) == width && rgb.shape(2) == 3,
            "rgb must be (H, W, 3)");

    const float *gray = luma.data(), *chroma = ab.data();
    float* target = rgb.mutable_data();
    const py::gil_scoped_release release;
    refcolor::luma_exact(gray, chroma, height, width, target, threads);
}

} // namespace

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    m.doc() = "Compiled kernels of refcolor; use refcolor.patches and refcolor.merge.";
    m.def("gather_patches", &gather_patches, "stack"_a.noconvert(), "x"_a.noconvert(), "y"_a.noconvert(),
          "level"_a.noconvert(), "angle"_a.noconvert(), "size"_a, "out"_a.noconvert(), "threads"_a);
    m.def("luma_exact", &luma_exact, "luma"_a.noconvert(), "ab"_a.noconvert(), "rgb"_a.noconvert(),
          "threads"_a);
}
