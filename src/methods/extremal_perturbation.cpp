// Extremal perturbation: of all smooth masks of a given area, the one that keeps the score highest
// (preserve), takes most of it away (delete), or both (dual). Maximizes per area a
//   reward(m) - lambda mean((sort(m) - r_a)^2),  r_a = 0 for the lowest 1 - a of all pixels, else 1
// by gradient ascent on the parameters of mask_generator.h; lambda = 300 * 1.0035^iteration. The
// map is the sum of the areas' masks. Source: Fong, Patrick, Vedaldi, "Understanding Deep Networks
// via Extremal Perturbations and Smooth Masks", 2019; facebookresearch/TorchRay@6a198ee.
#include "methods/mask_generator.h"
#include "methods/mask_terms.h"
#include "methods/perturbation.h"
#include "methods/sampling.h"

namespace limn {
namespace {

constexpr double kRate = 0.01, kMomentum = 0.9, kWeight = 300, kGrowth = 1.0035;

struct ExtremalOptions {
  std::vector<double> areas = {0.025, 0.05, 0.1, 0.2};
  std::int64_t max_iter = 800;
  std::string variant = "preserve", reward = "simple", perturbation = "blur";
  std::vector<double> step, sigma, max_blur;
  std::int64_t levels = 8;
  bool jitter = true;
  double smooth = 0;
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "extremal-perturbation",
      .title = "Extremal perturbation",
      .family = "perturbation",
      .summary =
          "The smooth masks of given areas that keep the score highest (or lower it most), found "
          "by gradient ascent.",
      .formula = "max over m of f(x seen through m) - lambda |sort(m) - r_a|^2",
      .paper =
          "Fong, Patrick, Vedaldi: Understanding Deep Networks via Extremal Perturbations and "
          "Smooth Masks, 2019",
      .aliases = {"extremal", "extremalperturbation"},
      .anytime = true,
      .extra_maps = {"masks"},
      .extra_arrays = {"history"}};
  return value;
}

Fields fields(ExtremalOptions& o) {
  return {
      reals_field("areas", o.areas, "shares of all mask pixels, one mask each"),
      integer_field("max-iter", o.max_iter, 1, 1'000'000, "steps of gradient ascent")
          .also({"n", "iterations"}),
      choice_field("variant", o.variant, {"preserve", "delete", "dual"},
                   "keep the score by what is visible, take it away by what is hidden, or both"),
      choice_field("reward", o.reward, {"simple", "contrastive"},
                   "the score, or the score minus the highest of another class"),
      choice_field("perturbation", o.perturbation, {"blur", "fade"},
                   "how pixels vanish: through Gaussians, or to zero"),
      reals_field("step", o.step,
                  "pixels between mask parameters; empty: a 32nd of the longer side (7 of 224)"),
      reals_field("sigma", o.sigma, "radius of a mask parameter in pixels; empty: three steps"),
      reals_field("max-blur", o.max_blur,
                  "sigma of the strongest blur in pixels; empty: 20 of 224 of the longer side"),
      integer_field("levels", o.levels, 2, 64, "steps between perturbed and visible")
          .also({"num-levels"}),
      bool_field("jitter", o.jitter, "every other iteration sees the picture mirrored"),
      real_field("smooth", o.smooth, 0, 1,
                 "Gaussian over the map, as a share of the shorter side, zeros beyond the border; "
                 "0: none, the benchmarks': 0.09")};
}

void check(const ExtremalOptions& o) {
  if (o.areas.empty()) {
    fail(ErrorCode::InvalidArgument, "areas is empty; write areas=[0.05,0.1] or areas=0.1");
  }
  for (const double area : o.areas) {
    if (!(area > 0 && area < 1)) {
      fail(ErrorCode::InvalidArgument, "an area of ", area,
           " is not between 0 and 1: it is a share of the mask's pixels; write areas=[0.05,0.1]");
    }
  }
  if (o.max_blur.size() > 1 || (!o.max_blur.empty() && !(o.max_blur.front() > 0))) {
    fail(ErrorCode::InvalidArgument, "max-blur takes one number of pixels above 0, as max-blur=20");
  }
}

/// What does not depend on the picture.
struct Plan {
  const ExtremalOptions& o;
  MaskGenerator generator;
  Tensor sharp;  ///< [A, pixels]: the reference r_a of each area, ascending

  Plan(const ExtremalOptions& options, const Tensor& x, std::int64_t step)
      : o(options),
        generator(x.size(2), x.size(3), step,
                  pixels("sigma", options.sigma, 1, 3 * static_cast<double>(step)), x.options()) {
    const auto [height, width] = generator.full_size();
    sharp = sharp_masks(o.areas, height * width, x.options());
  }
};

/// The masks of one sample and target.
class Ascent {
 public:
  Ascent(const Plan& plan, Slope slope, Pyramid pyramid)
      : plan_(plan), slope_(std::move(slope)), pyramid_(std::move(pyramid)) {
    const auto cells = plan.generator.cells();
    parameters_ = at::ones({plan.sharp.size(0), cells[0], cells[1]}, plan.sharp.options());
  }

  void step(std::int64_t iteration) {
    const Tensor full = plan_.generator.full(parameters_);
    masks_ = plan_.generator.cropped(full);
    const auto [reward, by_mask] = rewarded(plan_.o.jitter && iteration % 2 == 0);
    const Term area = area_term(full.flatten(1), plan_.sharp,
                                kWeight * std::pow(kGrowth, static_cast<double>(iteration)));
    history_.push_back(at::stack({reward, area.value}, 1));
    const Tensor slope = area.gradient.view_as(full);
    plan_.generator.cropped(slope) += by_mask;
    const Tensor descent = -plan_.generator.pull(parameters_, slope);
    momentum_ = momentum_.defined() ? kMomentum * momentum_ + (1 - kMomentum) * descent : descent;
    parameters_ = (parameters_ - kRate * momentum_).clamp(0, 1);
  }

  const Tensor& masks() const { return masks_; }             ///< [A, H, W]
  Tensor history() const { return at::stack(history_, 2); }  ///< [A, 2, iterations]
  const WalkResult& walk() const { return walk_; }

 private:
  /// Each mask's reward [A] and its gradient at the masks.
  std::pair<Tensor, Tensor> rewarded(bool mirrored) {
    const std::string& variant = plan_.o.variant;
    std::vector<Tensor> visible;
    if (variant != "delete") visible.push_back(masks_);
    if (variant != "preserve") visible.push_back(1 - masks_);
    const Tensor all = at::cat(visible);
    const Tensor pictures = pyramid_.apply(all);
    const Slopes found = slope_.at(mirrored ? pictures.flip({3}) : pictures);
    walk_ = found.walk;
    const Tensor gradient = mirrored ? found.gradient.flip({3}) : found.gradient;
    // What is hidden counts against the reward, and 1 - m falls where m rises.
    const Tensor by_visible = pyramid_.pull(all, gradient);
    const std::int64_t areas = masks_.size(0);
    if (variant == "preserve") return {found.score, by_visible};
    if (variant == "delete") return {-found.score, by_visible};
    return {found.score.narrow(0, 0, areas) - found.score.narrow(0, areas, areas),
            by_visible.narrow(0, 0, areas) + by_visible.narrow(0, areas, areas)};
  }

  const Plan& plan_;
  Slope slope_;
  Pyramid pyramid_;
  Tensor parameters_, momentum_, masks_;
  Tensors history_;
  WalkResult walk_;
};

/// The last rewards, and how far the masks are from sharp ones.
void note_ascent(Explanation& one, const ExtremalOptions& o, std::int64_t done) {
  note_end(one, done, o.max_iter);
  const Tensor last = one.inner.at("history").select(3, done - 1).to(at::kCPU, at::kDouble);
  const double weight = kWeight * std::pow(kGrowth, static_cast<double>(done - 1));
  std::string rewards;
  for (std::size_t a = 0; a < o.areas.size(); ++a) {
    const Tensor of_area = last.select(1, static_cast<std::int64_t>(a)).mean(0);
    const double apart = std::sqrt(-of_area[1].item<double>() / weight);
    rewards += concat(a ? ", " : "", of_area[0].item<double>(), " (area ", o.areas[a],
                      ", distance from a sharp mask ", std::round(1000 * apart) / 1000, ")");
  }
  one.notes.push_back((last.size(0) > 1 ? "mean reward " : "reward ") + rewards);
}

std::vector<Explanation> explain(const ExtremalOptions& o, const Call& call) {
  check(o);
  need_places(call.x, "masks");
  const Pass pass(call, BatchNorm::Free);
  const Tensor& x = pass.tape[pass.model.input()];
  const auto side = static_cast<double>(std::max(x.size(2), x.size(3)));
  const Plan plan(o, x, pixels("step", o.step, 1, side / 32));
  const double max_blur = o.max_blur.empty() ? 20 * side / 224 : o.max_blur.front();
  const std::int64_t batch = inner_batch(pass.model, pass.tape, call.options);
  std::vector<Ascent> runs;  // sample by sample, each with all targets
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    const Pyramid pyramid(o.perturbation, x[n], o.levels, max_blur);
    for (const Target& target : fixed_targets(pass.objectives, n)) {
      const Slope slope(call, target, call.options.score, o.reward == "contrastive", batch);
      runs.emplace_back(plan, slope, pyramid);
    }
  }
  const std::int64_t done =
      optimize(static_cast<std::int64_t>(runs.size()), o.max_iter, call.options,
               [&](std::size_t run, std::int64_t t) { runs[run].step(t); });
  std::vector<Explanation> all;
  const std::size_t targets = pass.objectives.size();
  for (std::size_t s = 0; s < targets; ++s) {
    const Tensor each = of_target(runs, s, targets, [](const Ascent& run) { return run.masks(); });
    const double blur = o.smooth * static_cast<double>(std::min(x.size(2), x.size(3)));
    Explanation one =
        around(pass, s, smooth_gaussian(each.sum(1, true), blur, Border::Zero), false);
    one.inner["masks"] = each;
    one.inner["history"] =
        of_target(runs, s, targets, [](const Ascent& run) { return run.history(); });
    note_ascent(one, o, done);
    note_fallbacks(one, runs[s].walk());
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

MethodEntry method_extremal_perturbation() {
  return define_method<ExtremalOptions>(info(), fields, explain, "areas");
}

}  // namespace limn
