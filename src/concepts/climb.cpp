// Activation maximization with regularizers: Adam on the parameters of a picture, through random
// views, g / rms(g) - tv dTV/dp - l2 d|p - 1/2|^2/dp. Source: see limn/visualization.h.
#include "concepts/climb.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/counter_random.h"
#include "concepts/descent.h"
#include "concepts/parametrization.h"
#include "concepts/picture_prior.h"

namespace limn {
namespace {

constexpr std::int64_t kSteps = 256;

/// Each sample over its root mean square; zeros stay.
Tensor of_unit_size(const Tensor& each) {
  const auto or_one = [](const Tensor& t) { return at::where(t > 0, t, at::ones_like(t)); };
  // The largest first: squares of very small numbers would vanish.
  const Tensor near_one = each / or_one(each.abs().amax({1, 2, 3}, true));
  return near_one / or_one(near_one.square().mean({1, 2, 3}, true).sqrt());
}

/// [N, C, H, W] parameters at the start, the same for every unit.
Tensor first_parameters(const ClimbRequest& request, const Parametrization& form) {
  const VisualizeOptions& o = request.options;
  Tensor one = form.start(mix(o.seed), o.deviation);
  if (o.start.defined()) one = form.of(o.start.unsqueeze(0));
  std::vector<std::int64_t> all(static_cast<std::size_t>(one.dim()), -1);
  all[0] = static_cast<std::int64_t>(request.channels.size());
  return one.expand(all);
}

}  // namespace

ClimbLog::ClimbLog(const ClimbRequest& request, std::int64_t steps)
    : request_(request),
      steps_(steps),
      opened_(at::zeros({static_cast<std::int64_t>(request.channels.size())}, at::kLong)),
      flat_(at::zeros_like(opened_)) {}

void ClimbLog::add(const UnitSlope& slope) {
  trace_.push_back(slope.activation);
  opened_ += slope.opened.to(at::kLong);
  flat_ += slope.flat.to(at::kLong);
  if (request_.progress) {
    request_.progress(static_cast<double>(trace_.size()) / static_cast<double>(steps_));
  }
}

void ClimbLog::finish(Climb& climb) const {
  climb.trace = at::stack(trace_, 1);
  climb.opened = opened_;
  climb.flat = flat_;
}

std::int64_t steps_of(const VisualizeOptions& options, std::int64_t otherwise) {
  return options.steps > 0 ? options.steps : otherwise;
}

Climb climb(const ClimbRequest& request) {
  const at::AutoGradMode with_gradients(true);
  const VisualizeOptions& o = request.options;
  const PictureSpace& space = request.space;
  const Parametrization form(o.parametrization, o.color, space);
  const ViewOptions views{o.jitter, o.scale, o.rotation};
  Descent descent(first_parameters(request, form), {.is_adam = true, .rate = o.rate});
  const Tensor& parameters = descent.parameters();
  Climb out;
  out.start = form.picture(parameters).detach();
  const std::int64_t steps = steps_of(o, kSteps);
  ClimbLog log(request, steps);
  for (std::int64_t t = 0; t < steps; ++t) {
    const Tensor pictures = form.picture(parameters);
    const Tensor matrix = view_matrix(views, mix(o.seed + 1), static_cast<std::uint64_t>(t),
                                      space.height(), space.width());
    const Tensor seen = views.moves() ? view_of(pictures, matrix) : pictures;
    const Tensor x = space.input_of(seen);
    const UnitSlope slope = unit_slope(request.value, x.detach(), request.channels, o.place, true);
    log.add(slope);
    const Tensor at_view = torch::autograd::grad({x}, {seen}, {slope.gradient}, true)[0];
    Tensors ends = {seen}, slopes = {-of_unit_size(at_view)};
    if (o.tv > 0) ends.push_back(o.tv * smoothness_price(pictures, o.tv_beta).sum());
    if (o.l2 > 0) ends.push_back(o.l2 * (pictures - 0.5).square().sum());
    while (slopes.size() < ends.size()) slopes.push_back(at::ones_like(ends.back()));
    descent.step(torch::autograd::grad(ends, {parameters}, slopes)[0]);
  }
  out.pictures = form.picture(parameters).detach();
  log.finish(out);
  return out;
}

}  // namespace limn
