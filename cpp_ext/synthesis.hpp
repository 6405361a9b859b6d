// Guided patch synthesis: find for every target pixel a source patch that looks alike, and let the overlapping
// patches vote for its chroma (PatchMatch, Barnes et al. 2009; image analogies, Hertzmann et al. 2001;
// stylisation by example, Fiser et al. 2016).
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

// A field holds for every target pixel its source pixel as x and view * height + y.
struct Match {
    std::int32_t x, y;
};

struct Search {
    int radius;                  // of a patch, pixels
    int cap;                     // the patch's cost saturates towards it: cap d / (d + cap)
    const std::int16_t* tones;   // (views, source height, source width): local mean of gray,
    const std::int16_t* tone;    // (height, width): and the target's, compared once a patch,
    int tone_cap;                // with a saturation of its own
    const Match* candidates;     // (count, height, width): tried first; any may lie outside and is then moved in
    std::ptrdiff_t count;
    const Match* prior;          // (height, width) or null: where the match should be; x < 0 where unknown
    int pull;                    // cost per pixel away from the prior,
    int slack;                   // up to so many pixels
    const std::uint8_t* labels;  // (views, source height, source width) or null: what every source pixel is
    const std::uint16_t* unary;  // (height, width, kinds): cost of each label at every target pixel
    std::ptrdiff_t kinds;
    const std::int32_t* jumps;   // distances propagated over
    std::ptrdiff_t jump_count;
    int reach;                   // radius of the first random try; halved until 1; 0 for none
    int rounds;
    std::uint32_t seed;
};

// Improves `field` (height, width) in place and tells the cost of every match in it.
void search(const Guides& source, const Guides& target, const Search& how, Match* field, std::int32_t* cost,
            int threads);

struct Vote {
    int radius;
    float temper;       // costs this far above a pixel's least are weighted by 1/e
    float luma_spread;  // 8-bit levels by which the gray of a vote may differ
    float kin;          // CIELAB units within which votes support one another
};

// Chroma (height, width, 2) of the strongest mode of the votes, and the share (height, width) of them in it.
// source_gray, source_ab: (views * source height, source width[, 2]); gray in 8-bit levels.
void vote(const float* source_gray, const float* source_ab, std::ptrdiff_t views, std::ptrdiff_t source_height,
          std::ptrdiff_t source_width, const float* target_gray, std::ptrdiff_t height, std::ptrdiff_t width,
          const Match* field, const std::int32_t* cost, const Vote& how, float* ab, float* share, int threads);

} // namespace refcolor
