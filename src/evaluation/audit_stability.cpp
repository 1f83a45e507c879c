// Stability: the picture mirrored, or moved by one pixel, shows the same thing, and its map should
// follow. The change of the score stands beside it, since a model may be unstable itself.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/correlation.h"
#include "evaluation/audit_maps.h"
#include "limn/audit.h"
#include "limn/error.h"
#include "limn/target.h"

namespace limn {
namespace {

struct Changed {
  Tensor map;  ///< undefined where it says nothing
  double probability = 0;
  bool failed = false;
};

Changed explained(const Model& model, const Method& method, const Tensor& x, std::int64_t target,
                  const ExplainOptions& options, at::IntArrayRef size) {
  Changed out;
  try {
    const Explanation one = method.explain(model, x, Target::of_class(target), options);
    out.map = usable_map(one, size);
    out.probability = one.probability.flatten()[0].to(at::kDouble).item<double>();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Numerical) throw;
    out.failed = true;
  }
  return out;
}

double mean(const std::vector<AuditStability>& results, double AuditStability::*value) {
  double sum = 0;
  for (const auto& one : results) sum += one.*value;
  return sum / static_cast<double>(results.size());
}

AuditAnswer answer_of(bool passed, bool flagged) {
  if (passed) return AuditAnswer::Passed;
  return flagged ? AuditAnswer::Flagged : AuditAnswer::Unclear;
}

AuditFinding nothing(const std::string& subject) {
  return {.check = "stability",
          .subject = subject,
          .words = "No map could be compared: all are constant or none was made.",
          .advice = "Look at single maps with `limn explain`, or try another method."};
}

}  // namespace

AuditStability measure_stability(const Model& model, const Method& method, const AuditCase& one,
                                 const Tensor& map, const ExplainOptions& options) {
  AuditStability out;
  ExplainOptions again = options;
  again.beside = one.beside;
  const auto compare = [&](const Tensor& x, double& change, auto&& correlation) {
    const Changed changed = explained(model, method, x, one.target, again, map.sizes());
    if (!changed.failed) change = std::abs(changed.probability - one.probability);
    return changed.map.defined() ? correlation(changed.map) : 0;
  };
  out.flip = compare(one.x.flip(3), out.flip_score,
                     [&](const Tensor& changed) { return rank_correlation(map, changed.flip(1)); });
  const std::int64_t width = map.size(1);
  if (width < 2) return out;
  const Tensor moved = at::cat({one.x.narrow(3, 0, 1), one.x.narrow(3, 0, width - 1)}, 3);
  out.shift = compare(moved, out.shift_score, [&](const Tensor& changed) {
    return rank_correlation(map.narrow(1, 0, width - 1), changed.narrow(1, 1, width - 1));
  });
  return out;
}

AuditFinding judge_stability(const std::string& method,
                             const std::vector<AuditStability>& results) {
  if (results.empty()) return nothing(method);
  AuditFinding out{.check = "stability", .subject = method};
  const double flip = mean(results, &AuditStability::flip);
  const double shift = mean(results, &AuditStability::shift);
  out.numbers = {{"flip", flip}, {"shift", shift}, {"maps", static_cast<double>(results.size())}};
  const double least = std::min(flip, shift);
  out.answer = answer_of(least >= kStable, least < kUnstable);
  out.words = fmt::format(
      "Maps of the mirrored picture correlate at {:.2f} with the map, those of "
      "the picture moved by one pixel at {:.2f} (from {:.1f} passes).",
      flip, shift, kStable);
  if (out.answer != AuditAnswer::Passed) {
    out.advice =
        "Do not read single pixels of these maps; average them (smoothgrad) or take a "
        "coarser method.";
  }
  return out;
}

AuditFinding judge_score_stability(const std::vector<AuditStability>& results) {
  if (results.empty()) return nothing("model");
  AuditFinding out{.check = "stability", .subject = "model"};
  const double flip = mean(results, &AuditStability::flip_score);
  const double shift = mean(results, &AuditStability::shift_score);
  out.numbers = {{"flip-score", flip},
                 {"shift-score", shift},
                 {"pictures", static_cast<double>(results.size())}};
  const double most = std::max(flip, shift);
  out.answer = answer_of(most <= kScoreStable, most > kScoreUnstable);
  out.words = fmt::format(
      "The model's own probability changes by {:.3f} when the picture is "
      "mirrored and by {:.3f} when it moves by one pixel (up to {:.2f} passes).",
      flip, shift, kScoreStable);
  if (out.answer != AuditAnswer::Passed) {
    out.advice = "The model itself changes its mind; maps cannot be steadier than their model.";
  }
  return out;
}

}  // namespace limn
