// Meaningful perturbation: the mask m of a coarse grid that lowers the class's probability most
// while hiding little (delete), or keeps it while showing little (preserve),
//   min over m of  l1 sum(1 - m) + tv sum |grad m|^beta + f(m x + (1 - m) b),  m in 0..1,
// b a blurred copy of x; m enlarged by Gaussians, pictures shifted by a few random pixels. Adam.
// The map is 1 - m (preserve: m). Source: Fong, Vedaldi, "Interpretable Explanations of Black Boxes
// by Meaningful Perturbation", 2017; numbers as recalled from there, no code of the authors' read.
#include "base/counter_random.h"
#include "methods/baseline.h"
#include "methods/mask_terms.h"
#include "methods/noise.h"
#include "methods/perturbation.h"
#include "methods/sampling.h"

namespace limn {
namespace {

constexpr double kDecay = 0.9, kSquareDecay = 0.999, kTiny = 1e-8;

struct MeaningfulOptions {
  std::int64_t max_iter = 300;
  std::string variant = "delete", output = "probability", baseline = "blur";
  std::vector<double> cell, blur, jitter;
  double l1 = 1e-4, tv = 1e-2, beta = 3, rate = 0.1, noise = 0;
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "meaningful-perturbation",
      .title = "Meaningful perturbation",
      .family = "perturbation",
      .summary =
          "The smallest smooth mask that takes the class away (or keeps it) by blurring, found by "
          "gradient descent.",
      .formula = "min over m of l1 |1 - m| + tv |grad m|^beta + f(m x + (1 - m) blur(x))",
      .paper =
          "Fong, Vedaldi: Interpretable Explanations of Black Boxes by Meaningful Perturbation, "
          "2017",
      .aliases = {"meaningfulperturbation"},
      .deterministic = false,
      .anytime = true,
      .extra_arrays = {"history"}};
  return value;
}

Fields fields(MeaningfulOptions& o) {
  return {integer_field("max-iter", o.max_iter, 1, 1'000'000, "steps of Adam")
              .also({"n", "iterations"}),
          choice_field("variant", o.variant, {"delete", "preserve"},
                       "hide little and lose the class, or show little and keep it"),
          real_field("l1", o.l1, 0, kInfinity, "price of each hidden (preserve: shown) cell"),
          real_field("tv", o.tv, 0, kInfinity, "price of differences between neighboring cells"),
          real_field("beta", o.beta, 1, 16, "their exponent").also({"tv-beta"}),
          real_field("rate", o.rate, 1e-6, 1, "Adam's step").also({"lr", "learning-rate"}),
          reals_field("cell", o.cell,
                      "pixels per mask cell; empty: a 28th of the longer side (8 of 224)"),
          baseline_field(o.baseline).also({"baselines"}),
          reals_field("blur", o.blur,
                      "sigma in pixels of baseline=blur; empty: 10 of 224 of the longer side"),
          reals_field("jitter", o.jitter,
                      "pictures shift by up to these pixels; empty: 4 of 224 of the longer side"),
          real_field("noise", o.noise, 0, 1, "deviation of noise added to the enlarged mask"),
          choice_field("output", o.output, {"probability", "score"},
                       "f: the class's probability, which the prices suit, or the call's score")};
}

/// What all masks of a call share.
struct Plan {
  const MeaningfulOptions& o;
  std::uint64_t seed;
  std::int64_t shift;
  std::array<Tensor, 2> growth;  ///< [H, rows], [W, columns]
};

/// One sample's mask for one target.
class Descent {
 public:
  Descent(const Plan& plan, Slope slope, const Tensor& x, const Tensor& nothing)
      : plan_(plan), slope_(std::move(slope)), x_(x), nothing_(nothing) {
    cells_ = at::ones({plan.growth[0].size(1), plan.growth[1].size(1)}, x.options());
    mean_ = at::zeros_like(cells_);
    square_ = at::zeros_like(cells_);
  }

  void step(std::int64_t iteration) {
    const MeaningfulOptions& o = plan_.o;
    shown_ = cells_;
    const auto t = static_cast<std::uint64_t>(iteration);
    const bool removes = o.variant == "delete";
    const double sign = removes ? 1 : -1;
    const Slopes found = slope_.at(shifted(picture(draw(plan_.seed, 3 * t)), t, 1));
    walk_ = found.walk;
    const Tensor by_pixel = ((x_ - nothing_) * shifted(found.gradient, t, -1)[0]).sum(0);
    const Term variation = total_variation(cells_, o.beta);
    const Tensor price = o.l1 * (removes ? 1 - cells_ : cells_).sum();
    history_.push_back(at::stack({found.score[0], price, o.tv * variation.value}));
    const Tensor slope =
        sign * at::matmul(at::matmul(plan_.growth[0].t(), by_pixel), plan_.growth[1]) +
        o.tv * variation.gradient - sign * o.l1;
    descend(slope, static_cast<double>(iteration + 1));
  }

  /// [H, W], high where it matters.
  Tensor map() const {
    const Tensor enlarged = grown(shown_);
    return plan_.o.variant == "delete" ? 1 - enlarged : enlarged;
  }
  Tensor history() const { return at::stack(history_, 1); }  ///< [3, iterations]
  const WalkResult& walk() const { return walk_; }

 private:
  Tensor grown(const Tensor& cells) const {
    return at::matmul(at::matmul(plan_.growth[0], cells), plan_.growth[1].t());
  }

  /// [1, C, H, W] seen through the mask.
  Tensor picture(std::uint64_t key) const {
    Tensor mask = grown(cells_);
    if (plan_.o.noise > 0) {
      mask = mask + plan_.o.noise * normal_noise(key, mask.sizes()).to(mask.options());
    }
    return (nothing_ + mask * (x_ - nothing_)).unsqueeze(0);
  }

  /// Shifted by the iteration's few pixels there (1) or back (-1); zeros come in at the border.
  Tensor shifted(const Tensor& picture, std::uint64_t t, std::int64_t way) const {
    if (plan_.shift == 0) return picture;
    const auto pixels = [&](std::uint64_t which) {
      const double u = unit(draw(plan_.seed, 3 * t + which));
      return way * static_cast<std::int64_t>(u * static_cast<double>(2 * plan_.shift + 1)) -
             way * plan_.shift;
    };
    const std::int64_t down = pixels(1), right = pixels(2);
    return at::constant_pad_nd(picture, {right, -right, down, -down});
  }

  /// Adam (Kingma, Ba, 2015).
  void descend(const Tensor& slope, double t) {
    mean_ = kDecay * mean_ + (1 - kDecay) * slope;
    square_ = kSquareDecay * square_ + (1 - kSquareDecay) * slope.square();
    const Tensor mean = mean_ / (1 - std::pow(kDecay, t));
    const Tensor size = (square_ / (1 - std::pow(kSquareDecay, t))).sqrt();
    cells_ = (cells_ - plan_.o.rate * mean / (size + kTiny)).clamp(0, 1);
  }

  const Plan& plan_;
  Slope slope_;
  Tensor x_, nothing_;
  Tensor cells_, shown_, mean_, square_;
  Tensors history_;
  WalkResult walk_;
};

/// The blurred copy, or what another word of `baseline` says.
Tensor nothing_of(const MeaningfulOptions& o, const Call& call, const Tensor& x, double side) {
  if (o.blur.size() > 1 || (!o.blur.empty() && !(o.blur.front() > 0))) {
    fail(ErrorCode::InvalidArgument, "blur takes one number of pixels above 0, as blur=10");
  }
  const bool own = canonical_name(o.baseline) == "blur" && !call.options.baseline.defined();
  if (!own) return baseline_of(o.baseline, call, x);
  return smooth_gaussian(x, o.blur.empty() ? 10 * side / 224 : o.blur.front());
}

std::vector<Explanation> explain(const MeaningfulOptions& o, const Call& call) {
  need_places(call.x, "masks");
  const Pass pass(call, BatchNorm::Free);
  const Tensor& x = pass.tape[pass.model.input()];
  const auto side = static_cast<double>(std::max(x.size(2), x.size(3)));
  const Tensor nothing = nothing_of(o, call, x, side);
  const std::int64_t cell = pixels("cell", o.cell, 1, side / 28);
  const Plan plan{
      o,
      call.options.seed,
      std::min(pixels("jitter", o.jitter, 0, side / 56), std::min(x.size(2), x.size(3)) - 1),
      {growth(x.size(2), cell, x.options()), growth(x.size(3), cell, x.options())}};
  const ScoreKind kind = o.output == "score" ? call.options.score : ScoreKind::Probability;
  std::vector<Descent> runs;  // sample by sample, each with all targets
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    for (const Target& target : fixed_targets(pass.objectives, n)) {
      runs.emplace_back(plan, Slope(call, target, kind, false, 1), x[n], nothing[n]);
    }
  }
  const std::int64_t done =
      optimize(static_cast<std::int64_t>(runs.size()), o.max_iter, call.options,
               [&](std::size_t run, std::int64_t t) { runs[run].step(t); });
  std::vector<Explanation> all;
  const std::size_t targets = pass.objectives.size();
  for (std::size_t s = 0; s < targets; ++s) {
    const Tensor maps = of_target(runs, s, targets, [](const Descent& run) { return run.map(); });
    Explanation one = around(pass, s, maps.unsqueeze(1), false);
    one.inner["history"] =
        of_target(runs, s, targets, [](const Descent& run) { return run.history(); });
    note_end(one, done, o.max_iter);
    note_fallbacks(one, runs[s].walk());
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

MethodEntry method_meaningful_perturbation() {
  return define_method<MeaningfulOptions>(info(), fields, explain);
}

}  // namespace limn
