// Activation maximization as early code does it, on the normalized input and without regularizers:
// class images, filter images, Deep Dream. Source: utkuozbulak/pytorch-cnn-visualizations.
#include <ATen/ATen.h>

#include "base/counter_random.h"
#include "concepts/climb.h"
#include "concepts/descent.h"
#include "methods/noise.h"

namespace limn {
namespace {

constexpr double kClassRate = 6;
constexpr std::int64_t kClassSteps = 149;
constexpr DescentOptions kFilter{.is_adam = true, .rate = 0.1, .weight_decay = 1e-6};
constexpr std::int64_t kFilterSteps = 30;
constexpr DescentOptions kDream{.is_adam = false, .rate = 12, .weight_decay = 1e-4};
constexpr std::int64_t kDreamSteps = 250;

/// The start picture for every unit, or bytes that are uniform from `low` to below `high`.
Tensor first_pictures(const ClimbRequest& request, double low, double high) {
  const PictureSpace& space = request.space;
  const auto units = static_cast<std::int64_t>(request.channels.size());
  Tensor one = request.options.start;
  if (!one.defined()) {
    const Tensor noise =
        uniform_noise(mix(request.options.seed), {space.channels(), space.height(), space.width()});
    one = (low + (high - low) * noise).floor() / 255;
  }
  return one.to(space.options()).unsqueeze(0).repeat({units, 1, 1, 1});
}

UnitSlope slope_at(const ClimbRequest& request, const Tensor& x) {
  return unit_slope(request.value, x, request.channels, request.options.place, false);
}

}  // namespace

Climb climb_plain_class(const ClimbRequest& request) {
  Climb out;
  out.start = first_pictures(request, 0, 255);
  out.pictures = out.start;
  const std::int64_t steps = steps_of(request.options, kClassSteps);
  ClimbLog log(request, steps);
  for (std::int64_t t = 0; t < steps; ++t) {
    const Tensor x = request.space.input_of(out.pictures);
    const UnitSlope slope = slope_at(request, x);
    log.add(slope);
    const Tensor moved = request.space.picture_of(x + kClassRate * slope.gradient);
    out.pictures = (moved.clamp(0, 1) * 255).round() / 255;
  }
  log.finish(out);
  return out;
}

Climb climb_plain_unit(const ClimbRequest& request) {
  const bool dreams = request.options.start.defined();
  Climb out;
  out.start = first_pictures(request, 150, 180);
  Descent descent(request.space.input_of(out.start), dreams ? kDream : kFilter);
  const std::int64_t steps = steps_of(request.options, dreams ? kDreamSteps : kFilterSteps);
  ClimbLog log(request, steps);
  for (std::int64_t t = 0; t < steps; ++t) {
    const UnitSlope slope = slope_at(request, descent.parameters().detach());
    log.add(slope);
    descent.step(-slope.gradient);
  }
  out.pictures = request.space.picture_of(descent.parameters().detach()).clamp(0, 1);
  log.finish(out);
  return out;
}

}  // namespace limn
