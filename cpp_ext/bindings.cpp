// The only file that knows Python. Callers are refcolor/patches.py, refcolor/merge.py and refcolor/synthesis.py;
// here only what would read outside an array is refused.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "gather.hpp"
#include "luma_merge.hpp"
#include "parallel.hpp"
#include "synthesis.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Ints = py::array_t<std::int32_t, py::array::c_style>;
using Shorts = py::array_t<std::int16_t, py::array::c_style>;
using Bytes = py::array_t<std::uint8_t, py::array::c_style>;
using Costs = py::array_t<std::uint16_t, py::array::c_style>;

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
    require(threads > 0, "threads must be positive");
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
    require(all_in(x, stack.shape(2)) && all_in(y, stack.shape(1)), "a patch center lies outside the image");

    const refcolor::PlaneStack planes{stack.data(), stack.shape(1), stack.shape(2), stack.shape(3)};
    const refcolor::PatchList patches{x.data(), y.data(), level.data(), angle.data(), count, size};
    float* target = out.mutable_data();
    const py::gil_scoped_release release;
    refcolor::gather_patches(planes, patches, target, threads);
}

void luma_exact(const Floats& luma, const Floats& ab, Floats& rgb, int threads) {
    require(threads > 0, "threads must be positive");
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

const refcolor::Match* matches(const Ints& field) {
    static_assert(sizeof(refcolor::Match) == 2 * sizeof(std::int32_t), "a field is read as pairs of ints");
    return reinterpret_cast<const refcolor::Match*>(field.data());
}

// Guides beyond this, or wider patches, could overflow the sums of 32 bits in synthesis.cpp.
constexpr int MAX_GUIDE = 2047, MAX_ROW = 127, MAX_RADIUS = 15, MAX_COST = 1 << 24;

template <class Integers> bool within(const Integers& values, int limit) {
    const auto* data = values.data();
    const py::ssize_t count = values.size();
    std::remove_cv_t<std::remove_reference_t<decltype(*data)>> low = 0, high = 0;
    for (py::ssize_t i = 0; i < count; ++i) { // no early end: the compiler makes vectors of it
        low = std::min(low, data[i]);
        high = std::max(high, data[i]);
    }
    return low >= -limit && high <= limit;
}

bool is_field(const Ints& field, py::ssize_t height, py::ssize_t width) {
    return field.ndim() == 3 && field.shape(0) == height && field.shape(1) == width && field.shape(2) == 2;
}

void search(const Shorts& source, const Shorts& target, int radius, int cap, const Shorts& tones,
            const Shorts& tone, int tone_cap, const Ints& candidates,
            const std::optional<Ints>& prior, int pull, int slack, const std::optional<Bytes>& labels,
            const std::optional<Costs>& unary, const Ints& jumps, int reach,
            int rounds, std::uint32_t seed, Ints& field, Ints& cost, int threads) {
    require(threads > 0, "threads must be positive");
    require(radius >= 0 && radius <= MAX_RADIUS, "radius must be between 0 and 15");
    require(source.ndim() == 4 && target.ndim() == 3 && source.shape(3) == target.shape(2),
            "source must be (V, H, W, P) and target (H, W, P)");
    const refcolor::Guides from{source.data(), source.shape(0), source.shape(1) - 2 * radius,
                                source.shape(2) - 2 * radius, source.shape(3)};
    const refcolor::Guides to{target.data(), 1, target.shape(0) - 2 * radius, target.shape(1) - 2 * radius,
                              target.shape(2)};
    require(from.views > 0 && from.height > 0 && from.width > 0 && to.height > 0 && to.width > 0,
            "no picture between the borders");
    require((2 * radius + 1) * from.planes <= MAX_ROW, "too many planes for this radius");
    require(within(source, MAX_GUIDE) && within(target, MAX_GUIDE), "a guide lies outside +-2047");
    require(tones.ndim() == 3 && tones.shape(0) == from.views && tones.shape(1) == from.height &&
                tones.shape(2) == from.width,
            "tones must be (V, H, W)");
    require(tone.ndim() == 2 && tone.shape(0) == to.height && tone.shape(1) == to.width,
            "tone must be (H, W)");
    require(within(tones, MAX_GUIDE) && within(tone, MAX_GUIDE), "a tone lies outside +-2047");
    require(tone_cap > 0 && tone_cap <= MAX_COST, "tone_cap must be positive, and 2^24 at most");
    require(is_field(field, to.height, to.width), "field must be (H, W, 2)");
    require(cost.ndim() == 2 && cost.shape(0) == to.height && cost.shape(1) == to.width,
            "cost must be (H, W)");
    require(candidates.ndim() == 4 && candidates.shape(1) == to.height && candidates.shape(2) == to.width &&
                candidates.shape(3) == 2,
            "candidates must be (N, H, W, 2)");
    require(!prior || is_field(*prior, to.height, to.width), "prior must be (H, W, 2)");
    require(!prior || within(*prior, MAX_COST), "a prior lies outside any picture");
    require(within(jumps, MAX_COST), "a jump is too far");
    require(unary.has_value() == labels.has_value(), "labels and unary go together");
    if (unary) {
        require(labels->ndim() == 3 && labels->shape(0) == from.views && labels->shape(1) == from.height &&
                    labels->shape(2) == from.width,
                "labels must be (V, H, W)");
        require(unary->ndim() == 3 && unary->shape(0) == to.height && unary->shape(1) == to.width,
                "unary must be (H, W, K)");
        require(unary->shape(2) > 0 && within(*labels, static_cast<int>(unary->shape(2)) - 1),
                "a label lies outside unary");
    }
    require(cap > 0 && cap <= MAX_COST, "cap must be positive, and 2^24 at most");
    require(pull >= 0 && slack >= 0 && rounds >= 0, "pull, slack and rounds must not be negative");
    require(static_cast<std::int64_t>(pull) * slack <= MAX_COST, "pull times slack must be 2^24 at most");
    require(reach >= 0 && reach < (1 << 15), "reach must be between 0 and 32767");

    const refcolor::Search how{radius,
                               cap,
                               tones.data(),
                               tone.data(),
                               tone_cap,
                               matches(candidates),
                               candidates.shape(0),
                               prior ? matches(*prior) : nullptr,
                               pull,
                               slack,
                               labels ? labels->data() : nullptr,
                               unary ? unary->data() : nullptr,
                               unary ? unary->shape(2) : 0,
                               jumps.data(),
                               jumps.size(),
                               reach,
                               rounds,
                               seed};
    auto* best = reinterpret_cast<refcolor::Match*>(field.mutable_data());
    std::int32_t* least = cost.mutable_data();
    const py::gil_scoped_release release;
    refcolor::search(from, to, how, best, least, threads);
}

void vote(const Floats& source_gray, const Floats& source_ab, const Floats& target_gray, const Ints& field,
          const Ints& cost, int radius, float temper, float luma_spread, float kin, Floats& ab, Floats& share,
          int threads) {
    require(threads > 0, "threads must be positive");
    require(source_gray.ndim() == 3 && source_ab.ndim() == 4 && source_ab.shape(3) == 2,
            "source gray and ab must be (V, H, W) and (V, H, W, 2)");
    for (int i = 0; i < 3; ++i)
        require(source_gray.shape(i) == source_ab.shape(i), "source gray and ab differ in size");
    require(target_gray.ndim() == 2, "target gray must be (H, W)");
    require(radius >= 0 && radius <= MAX_RADIUS, "radius must be between 0 and 15");
    require(temper > 0 && luma_spread > 0 && kin > 0, "temper, luma_spread and kin must be positive");
    const py::ssize_t height = target_gray.shape(0), width = target_gray.shape(1);
    require(is_field(field, height, width), "field must be (H, W, 2)");
    require(cost.ndim() == 2 && cost.shape(0) == height && cost.shape(1) == width, "cost must be (H, W)");
    require(ab.ndim() == 3 && ab.shape(0) == height && ab.shape(1) == width && ab.shape(2) == 2,
            "ab must be (H, W, 2)");
    require(share.ndim() == 2 && share.shape(0) == height && share.shape(1) == width, "share must be (H, W)");
    const std::int32_t* xy = field.data();
    const py::ssize_t count = field.size(), right = source_gray.shape(2),
                      bottom = source_gray.shape(0) * source_gray.shape(1);
    bool inside = true;
    for (py::ssize_t i = 0; i < count; i += 2)
        inside &= (xy[i] >= 0) & (xy[i] < right) & (xy[i + 1] >= 0) & (xy[i + 1] < bottom);
    require(inside, "a match lies outside the source");

    const refcolor::Vote how{radius, temper, luma_spread, kin};
    const float *gray = source_gray.data(), *chroma = source_ab.data(), *seen = target_gray.data();
    const refcolor::Match* from = matches(field);
    const std::int32_t* least = cost.data();
    float *out = ab.mutable_data(), *weight = share.mutable_data();
    const py::gil_scoped_release release;
    refcolor::vote(gray, chroma, source_gray.shape(0), source_gray.shape(1), source_gray.shape(2), seen, height,
                   width, from, least, how, out, weight, threads);
}

} // namespace

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    m.doc() = "Compiled kernels of refcolor; use refcolor.patches, refcolor.synthesis and refcolor.merge.";
    m.def("gather_patches", &gather_patches, "stack"_a.noconvert(), "x"_a.noconvert(), "y"_a.noconvert(),
          "level"_a.noconvert(), "angle"_a.noconvert(), "size"_a, "out"_a.noconvert(), "threads"_a);
    m.def("luma_exact", &luma_exact, "luma"_a.noconvert(), "ab"_a.noconvert(), "rgb"_a.noconvert(),
          "threads"_a);
    m.def("search", &search, "source"_a.noconvert(), "target"_a.noconvert(), "radius"_a, "cap"_a,
          "tones"_a.noconvert(), "tone"_a.noconvert(), "tone_cap"_a,
          "candidates"_a.noconvert(), "prior"_a.noconvert(), "pull"_a, "slack"_a,
          "labels"_a.noconvert(), "unary"_a.noconvert(), "jumps"_a.noconvert(), "reach"_a,
          "rounds"_a, "seed"_a, "field"_a.noconvert(), "cost"_a.noconvert(), "threads"_a);
    m.def("vote", &vote, "source_gray"_a.noconvert(), "source_ab"_a.noconvert(), "target_gray"_a.noconvert(),
          "field"_a.noconvert(), "cost"_a.noconvert(), "radius"_a, "temper"_a, "luma_spread"_a, "kin"_a,
          "ab"_a.noconvert(), "share"_a.noconvert(), "threads"_a);
}
