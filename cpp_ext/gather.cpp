#include "gather.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "parallel.hpp"

namespace refcolor {
namespace {

// Index in [0, n) of the pixel that position i shows when the line is mirrored at both of its end pixels.
std::ptrdiff_t reflect_101(std::ptrdiff_t i, std::ptrdiff_t n) {
    if (n == 1) return 0;
    const std::ptrdiff_t period = 2 * (n - 1);
    i = ((i % period) + period) % period;
    return i < n ? i : period - i;
}

// Copies the side x side window whose upper left pixel is (left, top), mirrored where it leaves the image.
template <int P>
void copy_window(const PlaneStack& s, const float* image, std::ptrdiff_t left, std::ptrdiff_t top,
                 std::ptrdiff_t side, float* out) {
    const std::ptrdiff_t planes = P ? P : s.planes;
    const std::ptrdiff_t first = std::clamp<std::ptrdiff_t>(-left, 0, side);
    const std::ptrdiff_t last = std::clamp<std::ptrdiff_t>(s.width - left, first, side);
    for (std::ptrdiff_t i = 0; i < side; ++i, out += side * planes) {
        const float* row = image + reflect_101(top + i, s.height) * s.width * planes;
        const auto mirrored = [&](std::ptrdiff_t j) {
            const float* pixel = row + reflect_101(left + j, s.width) * planes;
            for (std::ptrdiff_t p = 0; p < planes; ++p) out[j * planes + p] = pixel[p];
        };
        for (std::ptrdiff_t j = 0; j < first; ++j) mirrored(j);
        std::copy_n(row + (left + first) * planes, (last - first) * planes, out + first * planes);
        for (std::ptrdiff_t j = last; j < side; ++j) mirrored(j);
    }
}

// Samples the turned patch. `center` is its middle pixel; a square of `reach` pixels around it can be read.
template <int P>
void turn(const float* center, std::ptrdiff_t stride, std::ptrdiff_t count, std::ptrdiff_t size,
          std::ptrdiff_t reach, float angle, float* out) {
    const std::ptrdiff_t planes = P ? P : count;
    const std::ptrdiff_t half = size / 2;
    const float c = static_cast<float>(std::cos(static_cast<double>(angle)));
    const float s = static_cast<float>(std::sin(static_cast<double>(angle)));
    // Coordinates count from the corner (-reach, -reach): never negative there, so that int() is floor().
    const float origin = static_cast<float>(reach);
    const float* corner = center - reach * stride - reach * planes;
    for (std::ptrdiff_t i = 0; i < size; ++i) {
        const float dy = static_cast<float>(i - half);
        const float row_u = origin - s * dy, row_v = origin + c * dy;
        for (std::ptrdiff_t j = 0; j < size; ++j, out += planes) {
            const float dx = static_cast<float>(j - half);
            const float u = row_u + c * dx, v = row_v + s * dx;
            const int iu = static_cast<int>(u), iv = static_cast<int>(v);
            const float fu = u - static_cast<float>(iu), fv = v - static_cast<float>(iv);
            const float* p0 = corner + iv * stride + iu * planes;
            const float* p1 = p0 + stride;
            for (std::ptrdiff_t p = 0; p < planes; ++p) {
                const float upper = p0[p] + fu * (p0[p + planes] - p0[p]);
                const float lower = p1[p] + fu * (p1[p + planes] - p1[p]);
                out[p] = upper + fv * (lower - upper);
            }
        }
    }
}

template <int P> void gather(const PlaneStack& stack, const PatchList& patches, float* out, int threads) {
    const std::ptrdiff_t size = patches.size, half = size / 2, planes = P ? P : stack.planes;
    // Half the diagonal, one pixel for the second bilinear tap and one for rounding.
    const auto reach = static_cast<std::ptrdiff_t>(std::ceil(static_cast<double>(half) * std::sqrt(2.0))) + 2;
    const std::ptrdiff_t side = 2 * reach + 1;

    parallel_for(patches.count, threads, [&](std::ptrdiff_t n) {
        const float* image = stack.level(patches.level[n]);
        const std::ptrdiff_t x = patches.x[n], y = patches.y[n];
        float* patch = out + n * size * size * planes;
        if (patches.angle[n] == 0.0F) {
            copy_window<P>(stack, image, x - half, y - half, size, patch);
            return;
        }
        const bool inside =
            x >= reach && y >= reach && x + reach < stack.width && y + reach < stack.height;
        if (inside) {
            turn<P>(image + (y * stack.width + x) * planes, stack.width * planes, planes, size, reach,
                    patches.angle[n], patch);
            return;
        }
        // Near the border a mirrored window is built first, so that the sampling loop needs no checks.
        thread_local std::vector<float> window;
        window.resize(static_cast<std::size_t>(side * side * planes));
        copy_window<P>(stack, image, x - reach, y - reach, side, window.data());
        turn<P>(window.data() + (reach * side + reach) * planes, side * planes, planes, size, reach,
                patches.angle[n], patch);
    });
}

} // namespace

void gather_patches(const PlaneStack& stack, const PatchList& patches, float* out, int threads) {
    // There are usually three planes; a count that the compiler knows saves a fifth of the time.
    if (stack.planes == 3)
        gather<3>(stack, patches, out, threads);
    else
        gather<0>(stack, patches, out, threads);
}

} // namespace refcolor
