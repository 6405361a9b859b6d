#include "synthesis.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "parallel.hpp"

// GCC would unroll loops of eight before it could turn them into vector instructions.
#if defined(__GNUC__) && !defined(__clang__)
#define REFCOLOR_KEEP_LOOP _Pragma("GCC unroll 1")
#else
#define REFCOLOR_KEEP_LOOP
#endif

namespace refcolor {
namespace {

// A random number for every (pixel, round, try), the same in whatever order pixels are visited.
std::uint32_t mix(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    std::uint32_t h = a * 0x9E3779B1U ^ b * 0x85EBCA77U ^ c * 0xC2B2AE3DU;
    h ^= h >> 15;
    h *= 0x2C1B3C6DU;
    h ^= h >> 12;
    h *= 0x297A2D39U;
    return h ^ h >> 15;
}

// The size of the source's views, and the only place that takes a match apart into view and row.
struct Extent {
    std::int32_t views, height, width;

    Extent(std::ptrdiff_t v, std::ptrdiff_t h, std::ptrdiff_t w)
        : views(static_cast<std::int32_t>(v)), height(static_cast<std::int32_t>(h)),
          width(static_cast<std::int32_t>(w)) {}

    std::int32_t view_of(Match m) const { return views == 1 ? 0 : m.y / height; }
    std::ptrdiff_t index(Match m) const { return static_cast<std::ptrdiff_t>(m.y) * width + m.x; }

    Match clamped(Match m) const {
        return {std::clamp(m.x, 0, width - 1), std::clamp(m.y, 0, views * height - 1)};
    }

    // `m` moved by (dx, dy), but not out of its view: propagation and random tries stay in one picture.
    Match moved(Match m, std::int32_t dx, std::int32_t dy) const {
        const std::int32_t top = view_of(m) * height;
        return {std::clamp(m.x + dx, 0, width - 1), std::clamp(m.y + dy, top, top + height - 1)};
    }
};

bool same(Match a, Match b) { return a.x == b.x && a.y == b.y; }

std::int32_t square(std::int16_t a, std::int16_t b) {
    const auto d = static_cast<std::int16_t>(a - b);
    return d * d;
}

// Sum of squared differences of n values; N is their number where the compiler knows it, else 0.
template <int N>
std::int32_t squared_distance(const std::int16_t* a, const std::int16_t* b, std::ptrdiff_t n) {
    std::int32_t sum = 0;
    if constexpr (N == 15) {  // two vectors of eight, less the value in both
        REFCOLOR_KEEP_LOOP
        for (int i = 0; i < 8; ++i) sum += square(a[i], b[i]);
        REFCOLOR_KEEP_LOOP
        for (int i = 7; i < 15; ++i) sum += square(a[i], b[i]);
        return sum - square(a[7], b[7]);
    } else {
        for (std::ptrdiff_t i = 0; i < n; ++i) sum += square(a[i], b[i]);
        return sum;
    }
}

constexpr std::int64_t saturated(std::int64_t sum, std::int64_t cap) { return sum * cap / (sum + cap); }

class Cost {
  public:
    Cost(const Guides& source, const Guides& target, const SearchOptions& options)
        : source_(source), target_(target), options_(options),
          extent_(source.views, source.height, source.width),
          side_(2 * options.radius + 1), row_(side_ * source.planes),
          source_stride_((source.width + 2 * options.radius) * source.planes),
          target_stride_((target.width + 2 * options.radius) * source.planes),
          mean_costs_(MAX_MEANS_APART + 1) {
        for (std::int64_t d = 0; d <= MAX_MEANS_APART; ++d)
            mean_costs_[static_cast<std::size_t>(d)] =
                static_cast<std::int32_t>(saturated(side_ * side_ * d * d, options.mean_cap));
    }

    const Extent& extent() const { return extent_; }

    // Whether matching target pixel (x, y) to m costs less than `best`; if so, `best` becomes that cost.
    template <int N> bool below(std::ptrdiff_t x, std::ptrdiff_t y, Match m, std::int32_t& best) const {
        const std::ptrdiff_t at = y * target_.width + x, from = extent_.index(m);
        const int means_apart = std::abs(options_.target_means[at] - options_.source_means[from]);
        std::int64_t fixed = mean_costs_[static_cast<std::size_t>(means_apart)];
        if (options_.prior) {
            const Match p = options_.prior[at];
            const int dx = std::abs(m.x - p.x), dy = std::abs(m.y - p.y);
            const int distance = std::max(dx, dy) + std::min(dx, dy) / 2;
            if (p.x >= 0) fixed += options_.flow_weight * std::min(distance, options_.max_flow_distance);
        }
        if (options_.unary) fixed += options_.unary[at * options_.kinds + options_.labels[from]];
        const std::int64_t budget = best - fixed, cap = options_.cap;
        if (budget <= 0) return false;
        // Every view has 2 radius rows of borders, which the rows of a match do not count.
        const std::ptrdiff_t top = m.y + std::ptrdiff_t{2} * options_.radius * extent_.view_of(m);
        const std::int16_t* a = source_.values + top * source_stride_ + m.x * source_.planes;
        const std::int16_t* b = target_.values + y * target_stride_ + x * source_.planes;
        // cap sum / (sum + cap) < budget exactly when (cap - budget) sum < budget cap: no division to say no.
        const std::int64_t slope = cap - budget, limit = budget * cap;
        std::int64_t sum = 0;
        for (std::ptrdiff_t j = 0; j < side_; ++j, a += source_stride_, b += target_stride_) {
            sum += squared_distance<N>(a, b, row_);
            if (slope > 0 && slope * sum >= limit) return false;
        }
        best = static_cast<std::int32_t>(fixed + saturated(sum, cap));
        return true;
    }

  private:
    static constexpr int MAX_MEANS_APART = 1 << 12;  // means lie within +-2047

    const Guides &source_, &target_;
    const SearchOptions& options_;
    const Extent extent_;
    const std::ptrdiff_t side_, row_, source_stride_, target_stride_;
    std::vector<std::int32_t> mean_costs_;  // by the difference of the means
};

// The cheapest of the field's own match and the candidates, for each pixel of row y.
template <int N>
void try_candidates(const Guides& target, const SearchOptions& options, const Cost& costs, std::ptrdiff_t y,
                    Match* field, std::int32_t* cost) {
    const std::ptrdiff_t pixels = target.height * target.width;
    for (std::ptrdiff_t x = 0; x < target.width; ++x) {
        const std::ptrdiff_t at = y * target.width + x;
        Match best = costs.extent().clamped(field[at]);
        std::int32_t best_cost = INT32_MAX;
        costs.below<N>(x, y, best, best_cost);
        for (std::ptrdiff_t c = 0; c < options.count; ++c) {
            const Match m = costs.extent().clamped(options.candidates[c * pixels + at]);
            if (!same(m, best) && costs.below<N>(x, y, m, best_cost)) best = m;
        }
        field[at] = best;
        cost[at] = best_cost;
    }
}

// One round of propagation and random search in row y. It reads the field of the round before, so that the
// order of pixels does not matter.
template <int N>
void improve_row(const Guides& target, const SearchOptions& options, const Cost& costs, std::uint32_t seed,
                 std::ptrdiff_t y, const Match* before, Match* field, std::int32_t* cost) {
    const std::ptrdiff_t height = target.height, width = target.width;
    const Extent& extent = costs.extent();
    for (std::ptrdiff_t x = 0; x < width; ++x) {
        const std::ptrdiff_t at = y * width + x;
        Match best = before[at];
        std::int32_t best_cost = cost[at];
        const auto attempt = [&](Match m) {
            if (!same(m, best) && costs.below<N>(x, y, m, best_cost)) best = m;
        };
        const auto follow = [&](std::int32_t dx, std::int32_t dy) {
            if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) return;
            attempt(extent.moved(before[at + dy * width + dx], -dx, -dy));
        };
        for (std::ptrdiff_t j = 0; j < options.jump_count; ++j) {
            const std::int32_t jump = options.jumps[j];
            follow(-jump, 0);
            follow(jump, 0);
            follow(0, -jump);
            follow(0, jump);
        }
        std::uint32_t tries = 0;
        for (int reach = options.reach; reach > 0; reach /= 2) {
            const std::uint32_t random = mix(static_cast<std::uint32_t>(at), seed, ++tries);
            const auto span = static_cast<std::uint32_t>(2 * reach + 1);
            attempt(extent.moved(best, static_cast<int>((random & 0xFFFF) * span >> 16) - reach,
                                 static_cast<int>((random >> 16) * span >> 16) - reach));
        }
        field[at] = best;
        cost[at] = best_cost;
    }
}

template <int N>
void improve(const Guides& source, const Guides& target, const SearchOptions& options, Match* field,
             std::int32_t* cost, int threads) {
    const Cost costs(source, target, options);
    parallel_for(target.height, threads,
                 [&](std::ptrdiff_t y) { try_candidates<N>(target, options, costs, y, field, cost); });
    std::vector<Match> before;
    for (int round = 0; round < options.rounds; ++round) {
        before.assign(field, field + target.height * target.width);
        const std::uint32_t seed = options.seed + static_cast<std::uint32_t>(round);
        parallel_for(target.height, threads, [&](std::ptrdiff_t y) {
            improve_row<N>(target, options, costs, seed, y, before.data(), field, cost);
        });
    }
}

// The votes for one pixel. Patches that agree vote for the same source pixel: such votes are added up.
class Votes {
  public:
    explicit Votes(std::size_t size) : pixel_(size), a_(size), b_(size), weight_(size), count_(size) {}

    void clear() { size_ = 0, highest_ = 0; }

    void add(std::ptrdiff_t pixel, float weight) {
        highest_ = std::max(highest_, weight);
        std::size_t p = size_;
        while (p > 0 && pixel_[p - 1] != pixel) --p;
        if (p == 0) {
            p = ++size_;
            pixel_[p - 1] = pixel, weight_[p - 1] = 0, count_[p - 1] = 0;
        }
        weight_[p - 1] += weight;
        count_[p - 1] += 1;
    }

    // Writes the mean a, b of the votes around the strongest mode, and their share.
    void result(const Ballot& ballot, float gray, const VoteOptions& options, float* ab, float& share) {
        if (size_ == 1) {
            ab[0] = ballot.source_ab[2 * pixel_[0]];
            ab[1] = ballot.source_ab[2 * pixel_[0] + 1];
            share = 1;
            return;
        }
        const float per_level = -0.5F / (options.luma_spread * options.luma_spread);
        const float per_unit = 1 / (options.bandwidth * options.bandwidth);
        for (std::size_t p = 0; p < size_; ++p) {
            const float difference = ballot.source_gray[pixel_[p]] - gray;
            weight_[p] =
                weight_[p] / highest_ * std::exp(difference * difference * per_level) + count_[p] * 1e-6F;
            a_[p] = ballot.source_ab[2 * pixel_[p]];
            b_[p] = ballot.source_ab[2 * pixel_[p] + 1];
        }

        // The vote with most support around it (Epanechnikov kernel), and the mean of its supporters.
        float total = 0, strongest = -1;
        std::size_t mode = 0;
        for (std::size_t p = 0; p < size_; ++p) {
            total += weight_[p];
            float support = 0;
            for (std::size_t q = 0; q < size_; ++q) support += supported(p, q, per_unit);
            if (support > strongest) strongest = support, mode = p;
        }
        float sum = 0, mean_a = 0, mean_b = 0;
        for (std::size_t q = 0; q < size_; ++q) {
            const float weight = supported(mode, q, per_unit);
            sum += weight;
            mean_a += weight * a_[q];
            mean_b += weight * b_[q];
        }
        ab[0] = mean_a / sum;
        ab[1] = mean_b / sum;
        share = sum / total;
    }

  private:
    float supported(std::size_t p, std::size_t q, float per_unit) const {
        const float da = a_[p] - a_[q], db = b_[p] - b_[q];
        return weight_[q] * std::max(0.0F, 1 - (da * da + db * db) * per_unit);
    }

    std::size_t size_ = 0;
    float highest_ = 0;
    std::vector<std::ptrdiff_t> pixel_;
    std::vector<float> a_, b_, weight_, count_;
};

}  // namespace

void search(const Guides& source, const Guides& target, const SearchOptions& options, Match* field,
            std::int32_t* cost, int threads) {
    const std::ptrdiff_t row = (2 * options.radius + 1) * source.planes;
    const auto improve_field = row == 15 ? improve<15> : improve<0>;  // 15: 5x5 pixels of 3 planes
    improve_field(source, target, options, field, cost, threads);
}

void vote(const Ballot& ballot, const VoteOptions& options, float* ab, float* share, int threads) {
    const Extent extent(ballot.views, ballot.source_height, ballot.source_width);
    const std::ptrdiff_t radius = options.radius, height = ballot.height, width = ballot.width;

    // exp(-(cost - least) / temperature) is a quotient of these; the floor keeps it from 0 / 0.
    std::vector<float> weights(static_cast<std::size_t>(height * width));
    parallel_for(height, threads, [&](std::ptrdiff_t y) {
        for (std::ptrdiff_t at = y * width; at < (y + 1) * width; ++at)
            weights[static_cast<std::size_t>(at)] =
                std::max(std::exp(static_cast<float>(-ballot.cost[at]) / options.temperature), 1e-30F);
    });

    parallel_for(height, threads, [&](std::ptrdiff_t y) {
        Votes votes(static_cast<std::size_t>((2 * radius + 1) * (2 * radius + 1)));
        const std::ptrdiff_t top = std::max<std::ptrdiff_t>(y - radius, 0);
        const std::ptrdiff_t bottom = std::min(y + radius, height - 1);
        for (std::ptrdiff_t x = 0; x < width; ++x) {
            const std::ptrdiff_t left = std::max<std::ptrdiff_t>(x - radius, 0);
            const std::ptrdiff_t right = std::min(x + radius, width - 1);
            votes.clear();
            for (std::ptrdiff_t j = top; j <= bottom; ++j)
                for (std::ptrdiff_t i = left; i <= right; ++i) {
                    const std::ptrdiff_t patch = j * width + i;
                    const Match m = extent.moved(ballot.field[patch], static_cast<std::int32_t>(x - i),
                                                 static_cast<std::int32_t>(y - j));
                    votes.add(extent.index(m), weights[static_cast<std::size_t>(patch)]);
                }
            const std::ptrdiff_t here = y * width + x;
            votes.result(ballot, ballot.target_gray[here], options, ab + 2 * here, share[here]);
        }
    });
}

}  // namespace refcolor
