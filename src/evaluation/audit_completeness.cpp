// Completeness: |sum - promised| / |promised|, the median over the maps, since a score near 0 makes
// single gaps huge.
#include <fmt/format.h>

#include <algorithm>

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

}  // namespace

AuditFinding judge_completeness(const std::string& method, GapKind promise,
                                const std::vector<double>& gaps) {
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
  std::vector<double> sorted = gaps;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t half = sorted.size() / 2;
  const double median =
      sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  out.numbers = {{"median-gap", median},
                 {"largest-gap", sorted.back()},
                 {"maps", static_cast<double>(sorted.size())}};
  out.words = fmt::format(
      "Maps should add up to {}; the median gap is {:.1f} % (up to {:.0f} % "
      "passes).",
      promise_words(promise), 100 * median, 100 * kGapPassed);
  if (median <= kGapPassed) {
    out.answer = AuditAnswer::Passed;
  } else if (median <= kGapFlagged) {
    out.answer = AuditAnswer::Unclear;
    out.advice = "Rules and biases keep part of the score; `limn inspect --trace` says where.";
  } else {
    out.answer = AuditAnswer::Flagged;
    out.advice =
        "Most of the score does not reach the map; `limn inspect --trace` names the node, or try "
        "another composite.";
  }
  return out;
}

}  // namespace limn
