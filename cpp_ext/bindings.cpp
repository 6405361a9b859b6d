// The only file that knows Python. The Python callers check values and explain errors (refcolor/imaging/,
// refcolor/synthesis/); here only what would read outside an array is refused.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
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

bool has_shape(const py::array& array, std::initializer_list<py::ssize_t> shape) {
    return array.ndim() == static_cast<py::ssize_t>(shape.size()) &&
           std::equal(shape.begin(), shape.end(), array.shape());
}

void search(const Shorts& source, const Shorts& target, int radius, int cap, const Shorts& source_means,
            const Shorts& target_means, int mean_cap, const Ints& candidates,
            const std::optional<Ints>& prior, int flow_weight, int max_flow_distance,
            const std::optional<Bytes>& labels, const std::optional<Costs>& unary, const Ints& jumps,
            int reach, int rounds, std::uint32_t seed, Ints& field, Ints& cost, int threads) {
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
    require(has_shape(source_means, {from.views, from.height, from.width}), "source_means must be (V, H, W)");
    require(has_shape(target_means, {to.height, to.width}), "target_means must be (H, W)");
    require(within(source_means, MAX_GUIDE) && within(target_means, MAX_GUIDE), "a mean lies outside +-2047");
    require(mean_cap > 0 && mean_cap <= MAX_COST, "mean_cap must be positive, and 2^24 at most");
    require(has_shape(field, {to.height, to.width, 2}), "field must be (H, W, 2)");
    require(has_shape(cost, {to.height, to.width}), "cost must be (H, W)");
    require(candidates.ndim() == 4 && has_shape(candidates, {candidates.shape(0), to.height, to.width, 2}),
            "candidates must be (N, H, W, 2)");
    require(!prior || has_shape(*prior, {to.height, to.width, 2}), "prior must be (H, W, 2)");
    require(!prior || within(*prior, MAX_COST), "a prior lies outside any picture");
    require(within(jumps, MAX_COST), "a jump is too far");
    require(unary.has_value() == labels.has_value(), "labels and unary go together");
    if (unary) {
        require(has_shape(*labels, {from.views, from.height, from.width}), "labels must be (V, H, W)");
        require(unary->ndim() == 3 && has_shape(*unary, {to.height, to.width, unary->shape(2)}),
                "unary must be (H, W, K)");
        require(unary->shape(2) > 0 && within(*labels, static_cast<int>(unary->shape(2)) - 1),
                "a label lies outside unary");
    }
    require(cap > 0 && cap <= MAX_COST, "cap must be positive, and 2^24 at most");
    require(flow_weight >= 0 && max_flow_distance >= 0 && rounds >= 0,
            "flow_weight, max_flow_distance and rounds must not be negative");
    require(static_cast<std::int64_t>(flow_weight) * max_flow_distance <= MAX_COST,
            "flow_weight times max_flow_distance must be 2^24 at most");
    require(reach >= 0 && reach < (1 << 15), "reach must be between 0 and 32767");

    refcolor::SearchOptions options{};
    options.radius = radius;
    options.cap = cap;
    options.source_means = source_means.data();
    options.target_means = target_means.data();
    options.mean_cap = mean_cap;
    options.candidates = matches(candidates);
    options.count = candidates.shape(0);
    options.prior = prior ? matches(*prior) : nullptr;
    options.flow_weight = flow_weight;
    options.max_flow_distance = max_flow_distance;
    options.labels = labels ? labels->data() : nullptr;
    options.unary = unary ? unary->data() : nullptr;
    options.kinds = unary ? unary->shape(2) : 0;
    options.jumps = jumps.data();
    options.jump_count = jumps.size();
    options.reach = reach;
    options.rounds = rounds;
    options.seed = seed;
    auto* best = reinterpret_cast<refcolor::Match*>(field.mutable_data());
    std::int32_t* costs = cost.mutable_data();
    const py::gil_scoped_release release;
    refcolor::search(from, to, options, best, costs, threads);
}

void vote(const Floats& source_gray, const Floats& source_ab, const Floats& target_gray, const Ints& field,
          const Ints& cost, int radius, float temperature, float luma_spread, float bandwidth, Floats& ab,
          Floats& share, int threads) {
    require(threads > 0, "threads must be positive");
    require(source_gray.ndim() == 3 && source_ab.ndim() == 4 && source_ab.shape(3) == 2,
            "source gray and ab must be (V, H, W) and (V, H, W, 2)");
    for (int i = 0; i < 3; ++i)
        require(source_gray.shape(i) == source_ab.shape(i), "source gray and ab differ in size");
    require(target_gray.ndim() == 2, "target gray must be (H, W)");
    require(radius >= 0 && radius <= MAX_RADIUS, "radius must be between 0 and 15");
    require(temperature > 0 && luma_spread > 0 && bandwidth > 0,
            "temperature, luma_spread and bandwidth must be positive");
    const py::ssize_t height = target_gray.shape(0), width = target_gray.shape(1);
    require(has_shape(field, {height, width, 2}), "field must be (H, W, 2)");
    require(has_shape(cost, {height, width}), "cost must be (H, W)");
    require(has_shape(ab, {height, width, 2}), "ab must be (H, W, 2)");
    require(has_shape(share, {height, width}), "share must be (H, W)");
    const std::int32_t* xy = field.data();
    const py::ssize_t count = field.size(), right = source_gray.shape(2),
                      bottom = source_gray.shape(0) * source_gray.shape(1);
    bool inside = true;
    for (py::ssize_t i = 0; i < count; i += 2)
        inside &= (xy[i] >= 0) & (xy[i] < right) & (xy[i + 1] >= 0) & (xy[i + 1] < bottom);
    require(inside, "a match lies outside the source");

    const refcolor::Ballot ballot{source_gray.data(),   source_ab.data(),     source_gray.shape(0),
                                  source_gray.shape(1), source_gray.shape(2), target_gray.data(),
                                  height,               width,                matches(field),
                                  cost.data()};
    const refcolor::VoteOptions options{radius, temperature, luma_spread, bandwidth};
    float *out = ab.mutable_data(), *support = share.mutable_data();
    const py::gil_scoped_release release;
    refcolor::vote(ballot, options, out, support, threads);
}

} // namespace

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    m.doc() = "Compiled kernels of refcolor; use refcolor.imaging and refcolor.synthesis.";
    m.def("gather_patches", &gather_patches, "stack"_a.noconvert(), "x"_a.noconvert(), "y"_a.noconvert(),
          "level"_a.noconvert(), "angle"_a.noconvert(), "size"_a, "out"_a.noconvert(), "threads"_a);
    m.def("luma_exact", &luma_exact, "luma"_a.noconvert(), "ab"_a.noconvert(), "rgb"_a.noconvert(),
          "threads"_a);
    m.def("search", &search, "source"_a.noconvert(), "target"_a.noconvert(), "radius"_a, "cap"_a,
          "source_means"_a.noconvert(), "target_means"_a.noconvert(), "mean_cap"_a,
          "candidates"_a.noconvert(), "prior"_a.noconvert(), "flow_weight"_a, "max_flow_distance"_a,
          "labels"_a.noconvert(), "unary"_a.noconvert(), "jumps"_a.noconvert(), "reach"_a, "rounds"_a,
          "seed"_a, "field"_a.noconvert(), "cost"_a.noconvert(), "threads"_a);
    m.def("vote", &vote, "source_gray"_a.noconvert(), "source_ab"_a.noconvert(), "target_gray"_a.noconvert(),
          "field"_a.noconvert(), "cost"_a.noconvert(), "radius"_a, "temperature"_a, "luma_spread"_a,
          "bandwidth"_a, "ab"_a.noconvert(), "share"_a.noconvert(), "threads"_a);
}
