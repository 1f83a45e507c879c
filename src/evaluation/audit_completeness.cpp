// Completeness: |sum - promised| / |promised|, the median over the maps, since a score near 0 makes
// single gaps huge. Where biases take their share by rule, what is lost elsewhere tells whether the
// promise is kept.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "limn/audit.h"

namespace limn {
namespace {

std::string promise_words(GapKind promise) {
  switch (promise) {
    case GapKind::Score:
      return "the score";
    case GapKind::ScoreMinusBaseline:
      return "the score minus the baseline's";
    case GapKind::Terms:
      return "the score, term by term";
    default:
      return "a mass of 1";
  }
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Whether a node adds a constant: a bias of its own, a normalization's shift, an added constant.
bool has_bias(const Graph& graph, const Node& node) {
  const auto constant = [&](std::size_t i) {
    return node.inputs.size() > i && node.inputs[i] &&
           graph.value(node.inputs[i]).constant.defined();
  };
  if (node.op == "Add" || node.op == "Sub") return constant(0) || constant(1);
  return constant(2);
}

}  // namespace

std::optional<double> lost_elsewhere(const Model& model, const Explanation& explanation) {
  const double score = std::abs(explanation.score.sum().to(at::kDouble).item<double>());
  if (explanation.trace.empty() || !(score > 0)) return std::nullopt;
  // A walk may fold batch norm, whose shift then is the bias of its convolution.
  std::set<std::string> biased;
  for (const Model& form : {model, model.folded()}) {
    for (const auto& node : form.graph().nodes()) {
      if (has_bias(form.graph(), node)) biased.insert(node.name);
    }
  }
  double lost = 0;
  for (const auto& row : explanation.trace) {
    if (!biased.contains(row.node)) lost += std::abs(row.in - row.out);
  }
  return lost / score;
}

AuditFinding judge_completeness(const std::string& method, GapKind promise,
                                const std::vector<double>& gaps,
                                const std::vector<double>& elsewhere) {
  AuditFinding out{.check = "completeness", .subject = method};
  if (promise == GapKind::None) {
    out.words = "This method promises no sum.";
    return out;
  }
  if (gaps.empty()) {
    out.words = "No map has a sum that could be compared.";
    out.advice = "Look at single maps with `limn explain`.";
    return out;
  }
  const double median = median_of(gaps);
  out.numbers = {{"median-gap", median},
                 {"largest-gap", *std::max_element(gaps.begin(), gaps.end())},
                 {"maps", static_cast<double>(gaps.size())}};
  out.words = fmt::format(
      "Maps should add up to {}; the median gap is {:.1f} % (up to {:.0f} % "
      "passes).",
      promise_words(promise), 100 * median, 100 * kGapPassed);
  if (median <= kGapPassed) {
    out.answer = AuditAnswer::Passed;
    return out;
  }
  const double lost = elsewhere.empty() ? median : median_of(elsewhere);
  if (!elsewhere.empty()) out.numbers["lost-elsewhere"] = lost;
  if (lost > kGapPassed) {
    out.answer = AuditAnswer::Flagged;
    out.advice =
        "Part of the score does not reach the map; `limn inspect --trace` names the node, or try "
        "another composite or baseline.";
    return out;
  }
  out.words +=
      fmt::format(" Biases take it, as the rules say; {:.1f} % is lost elsewhere.", 100 * lost);
  out.answer = median <= kGapLarge ? AuditAnswer::Passed : AuditAnswer::Unclear;
  if (out.answer == AuditAnswer::Unclear) {
    out.advice =
        "Read where the map is strong, not how much; rap and integrated-gradients leave "
        "nothing to biases.";
  }
  return out;
}

}  // namespace limn
