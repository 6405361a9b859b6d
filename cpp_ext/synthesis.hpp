// Guided patch synthesis: find a similar source patch for every target pixel, and let the overlapping patches
// vote for its chroma (PatchMatch, Barnes et al. 2009; image analogies, Hertzmann et al. 2001; StyLit, Fiser
// et al. 2016).
#pragma once

#include <cstddef>
#include <cstdint>

namespace refcolor {

// Guide planes, mirrored `radius` pixels beyond their borders: (views, height + 2 radius, width + 2 radius,
// planes). Weights are folded into the values, so that a cost is a plain sum of squared differences.
struct Guides {
    const std::int16_t* values;
    std::ptrdiff_t views, height, width, planes;
};

// A source pixel. The views lie one below the other: y counts the rows of all of them, view * height + row.
struct Match {
    std::int32_t x, y;
};

struct SearchOptions {
    int radius;                         // of a patch, in pixels
    int cap;                            // a patch's squared difference d costs cap d / (d + cap)
    const std::int16_t* source_means;   // (views, source height, source width): mean gray around each pixel
    const std::int16_t* target_means;   // (height, width): the same of the target; compared once a patch
    int mean_cap;                       // as `cap`, for the means
    const Match* candidates;            // (count, height, width): tried first, clamped to the source
    std::ptrdiff_t count;
    const Match* prior;                 // (height, width) or null: where to match; x < 0 if unknown
    int flow_weight;                    // cost of each pixel between a match and the prior
    int max_flow_distance;              // pixels, beyond which it costs no more
    const std::uint8_t* labels;         // (views, source height, source width) or null
    const std::uint16_t* unary;         // (height, width, kinds): cost of each label at each target pixel
    std::ptrdiff_t kinds;
    const std::int32_t* jumps;          // distances that matches are propagated over
    std::ptrdiff_t jump_count;
    int reach;                          // radius of the first random try, then halved; 0: no try
    int rounds;
    std::uint32_t seed;
};

// Improves `field` (height, width) in place and writes the cost of every match in it.
void search(const Guides& source, const Guides& target, const SearchOptions& options, Match* field,
            std::int32_t* cost, int threads);

// What votes are taken from. Gray is in 8-bit levels, chroma in CIELAB units.
struct Ballot {
    const float *source_gray, *source_ab;  // (views, source height, source width[, 2])
    std::ptrdiff_t views, source_height, source_width;
    const float* target_gray;  // (height, width)
    std::ptrdiff_t height, width;
    const Match* field;
    const std::int32_t* cost;
};

struct VoteOptions {
    int radius;
    float temperature;  // a cost that is higher by this weighs 1/e
    float luma_spread;  // standard deviation of gray between a vote and the target, 8-bit levels
    float bandwidth;    // CIELAB units within which votes support each other
};

// Chroma (height, width, 2) of the strongest mode of the votes, and the share (height, width) of them in it.
void vote(const Ballot& ballot, const VoteOptions& options, float* ab, float* share, int threads);

}  // namespace refcolor
