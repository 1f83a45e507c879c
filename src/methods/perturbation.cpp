// See perturbation.h.
#include "methods/perturbation.h"

#include "rules/composites.h"

namespace limn {

Pyramid::Pyramid(const std::string& kind, const Tensor& x, std::int64_t levels, double max_blur) {
  Tensors all;
  for (std::int64_t l = 0; l < levels; ++l) {
    const double share = static_cast<double>(l) / static_cast<double>(levels - 1);
    all.push_back(kind == "fade"
                      ? share * x
                      : smooth_gaussian(x.unsqueeze(0), (1 - share) * max_blur, Border::Zero)[0]);
  }
  levels_ = at::stack(all);
}

Tensor Pyramid::at_level(const Tensor& below, std::int64_t up) const {
  const std::int64_t masks = below.size(0);
  const Tensor index = (below.to(at::kLong) + up).clamp_max(levels_.size(0) - 1);
  return levels_.unsqueeze(0)
      .expand({masks, -1, -1, -1, -1})
      .gather(1, index.view({masks, 1, 1, index.size(1), index.size(2)})
                     .expand({-1, -1, levels_.size(1), -1, -1}))
      .squeeze(1);
}

Tensor Pyramid::apply(const Tensor& masks) const {
  const Tensor place = masks * (levels_.size(0) - 1);
  const Tensor below = place.floor();
  const Tensor rest = (place - below).unsqueeze(1);
  return (1 - rest) * at_level(below, 0) + rest * at_level(below, 1);
}

Tensor Pyramid::pull(const Tensor& masks, const Tensor& gradient) const {
  const std::int64_t steps = levels_.size(0) - 1;
  const Tensor below = (masks * steps).floor();
  return ((at_level(below, 1) - at_level(below, 0)) * gradient).sum(1) * steps;
}

Slope::Slope(const Call& call, Target target, ScoreKind kind, bool contrastive, std::int64_t batch)
    : model_(call.model), targets_{target}, batch_(batch), book_(gradient_book()) {
  options_.score = kind;
  options_.fallback_gradient = call.options.fallback_gradient;
  if (!contrastive) return;
  if (model_.is_detector() || target.kind != Target::Kind::Class) {
    fail(ErrorCode::InvalidArgument, "reward=contrastive sets one class against the next, and ",
         model_.is_detector() ? "a detector answers for each box" : "a margin already does",
         "; take reward=simple");
  }
  for (const std::int64_t rank : {0, 1}) {
    targets_.push_back({.kind = Target::Kind::Top, .rank = rank, .first = "", .second = ""});
  }
}

Slopes Slope::of_batch(const Tensor& pictures) const {
  const Call call{model_, pictures, targets_, options_};
  const Pass pass(call, BatchNorm::Free);
  const Objective& of = pass.objectives.front();
  Slopes out{of.score, {}, {}};
  Tensor seeds = of.gradient;
  if (targets_.size() > 1) {
    // The likeliest class, or the second where the target is the likeliest.
    const Objective &first = pass.objectives[1], &second = pass.objectives[2];
    const Tensor leads = at::tensor(first.classes, at::kLong) == at::tensor(of.classes, at::kLong);
    const Tensor next = leads.to(seeds.device());
    std::vector<std::int64_t> each(static_cast<std::size_t>(seeds.dim()), 1);
    each[0] = -1;
    out.score = out.score - at::where(next, second.score, first.score);
    seeds = seeds - at::where(next.view(each), second.gradient, first.gradient);
  }
  const ValueId input = pass.model.input();
  out.walk = pass.walk_from(call, book_, seeds.unsqueeze(0), {input});
  out.gradient = out.walk.relevance.at(input)[0];
  out.walk.relevance.clear();
  return out;
}

Slopes Slope::at(const Tensor& pictures) const {
  if (pictures.size(0) <= batch_) return of_batch(pictures);
  Slopes last;
  Tensors scores, gradients;
  for (const Tensor& some : pictures.split(batch_)) {
    last = of_batch(some);
    scores.push_back(last.score);
    gradients.push_back(last.gradient);
  }
  return {at::cat(scores), at::cat(gradients), last.walk};
}

std::int64_t pixels(const char* name, const std::vector<double>& given, std::int64_t least,
                    double otherwise) {
  if (given.empty()) return std::max(least, std::int64_t{std::llround(otherwise)});
  const double value = given.front();
  if (given.size() > 1 || value < static_cast<double>(least) || value > 65536 ||
      value != std::floor(value)) {
    fail(ErrorCode::InvalidArgument, name, " takes one whole number of pixels, at least ", least,
         ", as ", name, "=", std::max(least, std::int64_t{std::llround(otherwise)}));
  }
  return static_cast<std::int64_t>(value);
}

std::int64_t optimize(std::int64_t runs, std::int64_t iterations, const ExplainOptions& options,
                      const std::function<void(std::size_t, std::int64_t)>& step) {
  for (std::int64_t t = 0; t < iterations; ++t) {
    if (options.stop && options.stop()) {
      if (t >= 2) return t;
      fail(ErrorCode::InvalidArgument,
           "the time was over before the mask had changed; give a longer --budget");
    }
    for (std::int64_t run = 0; run < runs; ++run) {
      step(static_cast<std::size_t>(run), t);
      if (options.progress) {
        options.progress(static_cast<double>(t * runs + run + 1) /
                         static_cast<double>(iterations * runs));
      }
    }
  }
  return iterations;
}

void note_end(Explanation& explanation, std::int64_t done, std::int64_t asked) {
  if (done == asked) return;
  explanation.partial = true;
  explanation.notes.push_back(
      concat("stopped after ", done, " iterations, before the ", asked, " asked"));
}

}  // namespace limn
