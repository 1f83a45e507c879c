// Feature inversion: min over p of |phi(p) - phi0|^2 / |phi0|^2 + tv TV(p) + norm mean |2p -
// 1|^alpha. Source: Mahendran, Vedaldi, "Understanding Deep Image Representations by Inverting
// Them", 2015; the plain variant: utkuozbulak/pytorch-cnn-visualizations.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/counter_random.h"
#include "concepts/descent.h"
#include "concepts/inner_value.h"
#include "concepts/parametrization.h"
#include "concepts/picture_prior.h"
#include "limn/error.h"
#include "limn/visualization.h"
#include "methods/noise.h"

namespace limn {
namespace {

constexpr std::int64_t kSteps = 512;

// The plain variant's.
constexpr std::int64_t kPlainSteps = 201, kPlainEvery = 40;
constexpr double kPlainRate = 1e4, kPlainMomentum = 0.9, kPlainDeviation = 0.1;
constexpr double kPlainError = 0.1, kPlainNorm = 1e-7, kPlainAlpha = 6, kPlainTv = 1e-8;

/// The value that is looked for.
class Goal {
 public:
  Goal(const InnerValue& value, const Tensor& x)
      : value_(value), wanted_(value.run(x).value), size_(wanted_.to(at::kDouble).square().sum()) {
    if (size_.item<double>() > 0) return;
    fail(ErrorCode::Numerical, "value \"", value.name(),
         "\" is zero for this input: it says nothing that could be inverted; name another");
  }

  /// |phi(x) - phi0|^2 / |phi0|^2 and, where asked for, its gradient at x.
  double error(const Tensor& x, Tensor* gradient = nullptr) const {
    const InnerPass pass = value_.run(x);
    const Tensor apart = pass.value - wanted_;
    if (gradient) *gradient = value_.gradient(pass, 2 * apart / size_.item<double>());
    return (apart.to(at::kDouble).square().sum() / size_).item<double>();
  }
  std::vector<std::int64_t> shape() const { return wanted_.sizes().slice(1).vec(); }

 private:
  const InnerValue& value_;
  Tensor wanted_, size_;
};

/// What both variants leave: a picture [1, C, H, W] and the errors on the way.
struct Found {
  Tensor picture;
  std::vector<double> trace;
};

void report(const InvertOptions& o, std::size_t done, std::int64_t steps) {
  if (o.progress) o.progress(static_cast<double>(done) / static_cast<double>(steps));
}

Found search(const Goal& goal, const PictureSpace& space, const InvertOptions& o) {
  const at::AutoGradMode with_gradients(true);
  const Parametrization form(o.parametrization, o.color, space);
  Descent descent(form.start(mix(o.seed), o.deviation), {.is_adam = true, .rate = o.rate});
  const std::int64_t steps = o.steps > 0 ? o.steps : kSteps;
  Found out;
  for (std::int64_t t = 0; t < steps; ++t) {
    const Tensor picture = form.picture(descent.parameters());
    const Tensor x = space.input_of(picture);
    Tensor gradient;
    out.trace.push_back(goal.error(x.detach(), &gradient));
    Tensors ends = {x}, slopes = {gradient};
    const auto count = static_cast<double>(picture.numel());
    if (o.tv > 0) ends.push_back(o.tv / count * smoothness_price(picture, o.tv_beta).sum());
    if (o.norm > 0) ends.push_back(o.norm * (2 * picture - 1).abs().pow(o.alpha).mean());
    while (slopes.size() < ends.size()) slopes.push_back(at::ones_like(ends.back()));
    descent.step(torch::autograd::grad(ends, {descent.parameters()}, slopes)[0]);
    report(o, out.trace.size(), steps);
  }
  out.picture = form.picture(descent.parameters()).detach();
  return out;
}

Found plain_search(const Goal& goal, const PictureSpace& space, const InvertOptions& o) {
  const at::AutoGradMode with_gradients(true);
  const Tensor noise =
      normal_noise(mix(o.seed), {1, space.channels(), space.height(), space.width()});
  Descent descent((kPlainDeviation * noise).to(space.options()),
                  {.is_adam = false, .rate = kPlainRate, .momentum = kPlainMomentum});
  const Tensor& x = descent.parameters();
  const std::int64_t steps = o.steps > 0 ? o.steps : kPlainSteps;
  double rate = kPlainRate;
  Found out;
  for (std::int64_t t = 0; t < steps; ++t) {
    if (!at::isfinite(x).all().item<bool>()) {
      fail(ErrorCode::Numerical, "the plain variant's steps of ", kPlainRate,
           ", made for VGG, carry the input away after ", t, " steps; leave plain out");
    }
    Tensor gradient;
    out.trace.push_back(goal.error(x.detach(), &gradient));
    const Tensor prices =
        kPlainNorm * x.pow(kPlainAlpha).sum() + kPlainTv * smoothness_price(x, 2).sum();
    descent.step(kPlainError * gradient + torch::autograd::grad({prices}, {x})[0]);
    if (t % kPlainEvery == 0) descent.set_rate(rate /= 10);
    report(o, out.trace.size(), steps);
  }
  out.picture = space.picture_of(x.detach()).clamp(0, 1);
  return out;
}

}  // namespace

Fields invert_fields(InvertOptions& o) {
  return {integer_field("steps", o.steps, 0, 1'000'000,
                        "steps; 0: 512, or the plain variant's own number"),
          real_field("rate", o.rate, 1e-6, 100, "size of Adam's step in the parameters"),
          choice_field("parametrization", o.parametrization, {"fourier", "pixels"},
                       "what is optimized: frequencies weighted 1/f, or pixels"),
          choice_field("color", o.color, {"decorrelated", "rgb"},
                       "axes of color: those along which photographs vary independently, or rgb"),
          real_field("deviation", o.deviation, 0, 100, "of the noise that it starts from"),
          real_field("tv", o.tv, 0, 1e6, "weight of the mean total variation, which smooths"),
          real_field("tv-beta", o.tv_beta, 1, 8, "exponent of total variation"),
          real_field("norm", o.norm, 0, 1e6, "weight of the mean of |2p - 1|^alpha"),
          real_field("alpha", o.alpha, 1, 64, "its exponent"),
          bool_field("plain", o.plain, "the variant of early code, without any of these")};
}

Inversion invert(const Model& model, const Tensor& x, const std::string& layer,
                 const InvertOptions& options) {
  InvertOptions o = options;
  for (const auto& field : invert_fields(o)) field.set(Spec::parse(field.get()));
  if (!x.defined() || x.dim() != 4 || x.size(0) != 1) {
    fail(ErrorCode::BadInput, "the input must be one picture [1, C, H, W]");
  }
  const PictureSpace space(model, {x.size(2), x.size(3)});
  if (x.size(1) != space.channels()) {
    fail(ErrorCode::BadInput, "the input has ", x.size(1), " channels, the model takes ",
         space.channels());
  }
  const InnerValue value(model, layer);
  const Goal goal(value, x);
  const Found found = o.plain ? plain_search(goal, space, o) : search(goal, space, o);
  Inversion out;
  out.layer = value.name();
  out.shape = goal.shape();
  out.picture = PictureSpace::finished(found.picture[0]);
  out.original = PictureSpace::finished(space.picture_of(x)[0]);
  out.error = goal.error(space.input_of(found.picture));
  out.difference = (out.picture - out.original).square().mean().sqrt().item<double>();
  out.trace = at::tensor(found.trace, at::kDouble);
  if (!(out.error < out.trace[0].item<double>())) {
    out.notes.emplace_back(
        "the error did not fall below that of the start: the picture says nothing; take more "
        "steps, or a smaller rate");
  }
  return out;
}

}  // namespace limn
