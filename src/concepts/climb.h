// One batch of units on its way up: what `visualize` asks for and gets back.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "concepts/inner_value.h"
#include "concepts/picture_space.h"
#include "concepts/unit_slope.h"
#include "limn/visualization.h"

namespace limn {

struct ClimbRequest {
  const InnerValue& value;
  const PictureSpace& space;
  const VisualizeOptions& options;
  std::vector<std::int64_t> channels;  ///< of one value, one a sample
  std::function<void(double)> progress = {};
};

struct Climb {
  Tensor start, pictures;  ///< [N, C, H, W]
  Tensor trace;            ///< [N, steps] float64
  Tensor opened, flat;     ///< [N]: steps in which UnitSlope::opened or flat held
};

/// Gathers what each step saw.
class ClimbLog {
 public:
  explicit ClimbLog(const ClimbRequest& request, std::int64_t steps);
  void add(const UnitSlope& slope);
  /// Fills everything but the pictures.
  void finish(Climb& climb) const;

 private:
  const ClimbRequest& request_;
  std::int64_t steps_;
  Tensors trace_;
  Tensor opened_, flat_;
};

/// The steps that the options ask for, else this number.
std::int64_t steps_of(const VisualizeOptions& options, std::int64_t otherwise);
/// With parametrization, views and prices.
Climb climb(const ClimbRequest& request);
/// The variants of early code; see limn/visualization.h.
Climb climb_plain_class(const ClimbRequest& request);
Climb climb_plain_unit(const ClimbRequest& request);

}  // namespace limn
