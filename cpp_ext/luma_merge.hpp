// A color picture whose BT.601 luma is given, and whose CIELAB a, b are given where the gamut allows.
#pragma once

#include <cstddef>

namespace refcolor {

// luma: height x width in [0, 1]; ab: height x width x 2; rgb: height x width x 3, encoded sRGB in [0, 1].
void luma_exact(const float* luma, const float* ab, std::ptrdiff_t height, std::ptrdiff_t width, float* rgb,
                int threads);

} // namespace refcolor
