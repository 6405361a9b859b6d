// Patches cut out of stacked feature planes, turned by any angle, straight into a training batch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace refcolor {

// Feature planes (levels, height, width, planes), the planes of a pixel side by side.
struct PlaneStack {
    const float* data;
    std::ptrdiff_t height, width, planes;

    const float* level(std::ptrdiff_t index) const { return data + index * height * width * planes; }
};

// One patch per center: out[n, i, j] = level[n] sampled at (x, y)[n] + R(angle[n]) (j - size/2, i - size/2),
// bilinear between pixel centers, mirrored at the border without repeating it (reflect_101).
struct PatchList {
    const std::int32_t *x, *y, *level;
    const float* angle; // radians
    std::ptrdiff_t count, size;
};

void gather_patches(const PlaneStack& stack, const PatchList& patches, float* out, int threads);

} // namespace refcolor
