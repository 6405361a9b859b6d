#include "synthesis.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "parallel.hpp"

namespace refcolor {
namespace {

// A random number for every (pixel, round, try), the same in whatever order pixels are visited.
std::uint32_t mix(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    std::uint32_t h = a * 0x9E3779B1u ^ b * 0x85EBCA77u ^ c * 0xC2B2AE3Du;
    h ^= h >> 15;
    h *= 0x2C1B3C6Du;
    h ^= h >> 12;
    h *= 0x297A2D39u;
    return h ^ h >> 15;
}

// Moves a match into its view.
Match held(Match m, const Guides& source) {
    const auto height = static_cast<std::int32_t>(source.height);
    const auto width = static_cast<std::int32_t>(source.width);
    m.y = std::clamp<std::int32_t>(m.y, 0, static_cast<std::int32_t>(source.views) * height - 1);
    m.x = std::clamp<std::int32_t>(m.x, 0, width - 1);
    return m;
}

// The same, with y held inside the view of `from`: what propagation and random tries must not leave.
Match held_in_view(std::int32_t x, std::int32_t y, const Match& from, const Guides& source) {
    const auto height = static_cast<std::int32_t>(source.height);
    const std::int32_t top = source.views == 1 ? 0 : from.y / height * height;
    return {std::clamp<std::int32_t>(x, 0, static_cast<std::int32_t>(source.width) - 1),
            std::clamp<std::int32_t>(y, top, top + height - 1)};
}

std::int32_t square(std::int16_t a, std::int16_t b) {
    const auto d = static_cast<std::int16_t>(a - b);
    return d * d;
}

// Sum of squared differences of n values, of which N are known of beforehand.
template <int N> std::int32_t squared(const std::int16_t* a, const std::int16_t* b, std::ptrdiff_t n) {
    std::int32_t sum = 0;
    if constexpr (N == 15) { // twice eight, as vector registers have it, less the one in both
#pragma GCC unroll 1
        for (int i = 0; i < 8; ++i) sum += square(a[i], b[i]);
#pragma GCC unroll 1
        for (int i = 7; i < 15; ++i) sum += square(a[i], b[i]);
        return sum - square(a[7], b[7]);
    }
    for (std::ptrdiff_t i = 0; i < n; ++i) sum += square(a[i], b[i]);
    return sum;
}

constexpr std::int64_t saturated(std::int64_t sum, std::int64_t cap) { return sum * cap / (sum + cap); }

class Cost {
public:
    Cost(const Guides& source, const Guides& target, const Search& how)
        : source_(source), target_(target), how_(how), side_(2 * how.radius + 1),
          row_(side_ * source.planes), source_stride_((source.width + 2 * how.radius) * source.planes),
          target_stride_((target.width + 2 * how.radius) * source.planes),
          view_((source.height + 2 * how.radius) * source_stride_), tones_(MOST_APART + 1) {
        const std::int64_t pixels = side_ * side_;
        for (std::int64_t apart = 0; apart <= MOST_APART; ++apart)
            tones_[apart] = static_cast<std::int32_t>(saturated(pixels * apart * apart, how.tone_cap));
    }

    // Whether matching target pixel (x, y) to m costs less than `least`; if so, `least` becomes that cost.
    template <int N>
    bool below(std::ptrdiff_t x, std::ptrdiff_t y, Match m, std::int32_t& least) const {
        const std::ptrdiff_t at = y * target_.width + x, from = m.y * source_.width + m.x;
        std::int64_t known = tones_[std::abs(how_.tone[at] - how_.tones[from])];
        if (how_.prior) {
            const Match p = how_.prior[at];
            const int dx = std::abs(m.x - p.x), dy = std::abs(m.y - p.y);
            if (p.x >= 0) known += how_.pull * std::min(std::max(dx, dy) + std::min(dx, dy) / 2, how_.slack);
        }
        if (how_.unary) known += how_.unary[at * how_.kinds + how_.labels[from]];
        const std::int64_t spare = least - known, cap = how_.cap;
        if (spare <= 0) return false;
        const std::ptrdiff_t view = source_.views == 1 ? 0 : m.y / source_.height;
        const std::int16_t* a = source_.values + view * view_ + (m.y - view * source_.height) * source_stride_ +
                                m.x * source_.planes;
        const std::int16_t* b = target_.values + y * target_stride_ + x * source_.planes;
        // cap sum / (sum + cap) < spare exactly when (cap - spare) sum < spare cap: no division to say no.
        const std::int64_t slope = cap - spare, most = spare * cap;
        std::int64_t sum = 0;
        for (int j = 0; j < side_; ++j, a += source_stride_, b += target_stride_) {
            sum += squared<N>(a, b, row_);
            if (slope > 0 && slope * sum >= most) return false;
        }
        least = static_cast<std::int32_t>(known + saturated(sum, cap));
        return true;
    }

private:
    static constexpr int MOST_APART = 1 << 12; // tones lie within +-2047

    const Guides &source_, &target_;
    const Search& how_;
    const std::ptrdiff_t side_, row_, source_stride_, target_stride_, view_;
    std::vector<std::int32_t> tones_; // cost of means so far apart
};

template <int N>
void improve(const Guides& source, const Guides& target, const Search& how, Match* field, std::int32_t* cost,
             int threads) {
    const std::ptrdiff_t height = target.height, width = target.width, pixels = height * width;
    const Cost costs(source, target, how);

    parallel_for(height, threads, [&](std::ptrdiff_t y) {
        for (std::ptrdiff_t x = 0; x < width; ++x) {
            const std::ptrdiff_t at = y * width + x;
            Match best = held(field[at], source);
            std::int32_t least = INT32_MAX;
            costs.below<N>(x, y, best, least);
            for (std::ptrdiff_t c = 0; c < how.count; ++c) {
                const Match m = held(how.candidates[c * pixels + at], source);
                if (m.x == best.x && m.y == best.y) continue;
                if (costs.below<N>(x, y, m, least)) best = m;
            }
            field[at] = best;
            cost[at] = least;
        }
    });

    // Every round reads the field of the round before, so that the order of pixels does not matter.
    std::vector<Match> before(how.rounds ? pixels : 0);
    for (int round = 0; round < how.rounds; ++round) {
        std::copy(field, field + pixels, before.begin());
        parallel_for(height, threads, [&](std::ptrdiff_t y) {
            for (std::ptrdiff_t x = 0; x < width; ++x) {
                const std::ptrdiff_t at = y * width + x;
                Match best = before[at];
                std::int32_t least = cost[at];
                const auto attempt = [&](Match m) {
                    if (m.x == best.x && m.y == best.y) return;
                    if (costs.below<N>(x, y, m, least)) best = m;
                };
                const auto follow = [&](std::ptrdiff_t dx, std::ptrdiff_t dy) {
                    if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) return;
                    const Match m = before[at + dy * width + dx];
                    attempt(held_in_view(m.x - static_cast<std::int32_t>(dx),
                                         m.y - static_cast<std::int32_t>(dy), m, source));
                };
                for (std::ptrdiff_t j = 0; j < how.jump_count; ++j) {
                    const std::int32_t jump = how.jumps[j];
                    follow(-jump, 0);
                    follow(jump, 0);
                    follow(0, -jump);
                    follow(0, jump);
                }
                std::uint32_t tries = 0;
                for (int reach = how.reach; reach > 0; reach /= 2) {
                    const std::uint32_t random = mix(static_cast<std::uint32_t>(at), how.seed + round, ++tries);
                    const int span = 2 * reach + 1;
                    const Match m = best;
                    attempt(held_in_view(m.x + static_cast<int>((random & 0xFFFF) * span >> 16) - reach,
                                         m.y + static_cast<int>((random >> 16) * span >> 16) - reach, m,
                                         source));
                }
                field[at] = best;
                cost[at] = least;
            }
        });
    }
}

} // namespace

void search(const Guides& source, const Guides& target, const Search& how, Match* field, std::int32_t* cost,
            int threads) {
    const std::ptrdiff_t row = (2 * how.radius + 1) * source.planes;
    const auto chosen = row == 15 ? improve<15> : improve<0>; // 5x5 pixels of 3 planes
    chosen(source, target, how, field, cost, threads);
}

void vote(const float* source_gray, const float* source_ab, std::ptrdiff_t views, std::ptrdiff_t source_height,
          std::ptrdiff_t source_width, const float* target_gray, std::ptrdiff_t height, std::ptrdiff_t width,
          const Match* field, const std::int32_t* cost, const Vote& how, float* ab, float* share, int threads) {
    const Guides source{nullptr, views, source_height, source_width, 0};
    const std::ptrdiff_t radius = how.radius;
    const std::size_t most = (2 * radius + 1) * (2 * radius + 1);
    const float per_level = -0.5f / (how.luma_spread * how.luma_spread);
    const float per_unit = 1 / (how.kin * how.kin);

    // exp(-(cost - least) / temper) is a quotient of these, but for the floor that keeps it from 0 / 0.
    std::vector<float> cheap(height * width);
    parallel_for(height, threads, [&](std::ptrdiff_t y) {
        for (std::ptrdiff_t at = y * width; at < (y + 1) * width; ++at)
            cheap[at] = std::max(std::exp(static_cast<float>(-cost[at]) / how.temper), 1e-30f);
    });

    parallel_for(height, threads, [&](std::ptrdiff_t y) {
        std::vector<std::ptrdiff_t> pixel(most);
        std::vector<float> a(most), b(most), weight(most), count(most);
        const std::ptrdiff_t top = std::max<std::ptrdiff_t>(y - radius, 0), bottom = std::min(y + radius, height - 1);
        for (std::ptrdiff_t x = 0; x < width; ++x) {
            const std::ptrdiff_t left = std::max<std::ptrdiff_t>(x - radius, 0),
                                 right = std::min(x + radius, width - 1);
            // Patches that agree vote for the same source pixel: their votes are added up first.
            int n = 0;
            float cheapest = 0;
            for (std::ptrdiff_t j = top; j <= bottom; ++j)
                for (std::ptrdiff_t i = left; i <= right; ++i) {
                    const Match m = field[j * width + i];
                    const Match s = held_in_view(m.x + static_cast<std::int32_t>(x - i),
                                                 m.y + static_cast<std::int32_t>(y - j), m, source);
                    const std::ptrdiff_t at = s.y * source_width + s.x;
                    const float cheapness = cheap[j * width + i];
                    cheapest = std::max(cheapest, cheapness);
                    int p = n - 1;
                    while (p >= 0 && pixel[p] != at) --p;
                    if (p < 0) p = n++, pixel[p] = at, weight[p] = 0, count[p] = 0;
                    weight[p] += cheapness;
                    count[p] += 1;
                }

            const std::ptrdiff_t here = y * width + x;
            if (n == 1) {
                ab[2 * here] = source_ab[2 * pixel[0]];
                ab[2 * here + 1] = source_ab[2 * pixel[0] + 1];
                share[here] = 1;
                continue;
            }
            for (int p = 0; p < n; ++p) {
                const float off = source_gray[pixel[p]] - target_gray[here];
                weight[p] = weight[p] / cheapest * std::exp(off * off * per_level) + count[p] * 1e-6f;
                a[p] = source_ab[2 * pixel[p]];
                b[p] = source_ab[2 * pixel[p] + 1];
            }

            // The vote with most support around it (Epanechnikov kernel), and the mean of its supporters.
            float total = 0, strongest = -1;
            int mode = 0;
            for (int p = 0; p < n; ++p) {
                total += weight[p];
                float support = 0;
                for (int q = 0; q < n; ++q) {
                    const float da = a[p] - a[q], db = b[p] - b[q];
                    support += weight[q] * std::max(0.0f, 1 - (da * da + db * db) * per_unit);
                }
                if (support > strongest) strongest = support, mode = p;
            }
            float sum = 0, mean_a = 0, mean_b = 0;
            for (int q = 0; q < n; ++q) {
                const float da = a[mode] - a[q], db = b[mode] - b[q];
                const float w = weight[q] * std::max(0.0f, 1 - (da * da + db * db) * per_unit);
                sum += w;
                mean_a += w * a[q];
                mean_b += w * b[q];
            }
            ab[2 * here] = mean_a / sum;
            ab[2 * here + 1] = mean_b / sum;
            share[here] = sum / total;
        }
    });
}

} // namespace refcolor
