// Where a mean map lies.
#pragma once
#include <cstdint>
#include <string>

#include "limn/tensor.h"

namespace limn::cli {

/// The area that holds half of its strength, and that half's center.
struct Spot {
  double share = 1, x = 0.5, y = 0.5;
};

/// Of a mean map of side x side cells.
Spot spot_of(const Tensor& mean, std::int64_t side);

std::string spot_words(const Spot& spot);

}  // namespace limn::cli
