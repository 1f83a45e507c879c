// Sanity, judged over a few pictures: what is left of the maps once all weights are random.
#include <fmt/format.h>

#include "limn/audit.h"

namespace limn {

AuditFinding judge_sanity(const std::string& method, const std::vector<SanityResult>& results) {
  AuditFinding out{.check = "sanity", .subject = method};
  double full = 0, other = 0, maps = 0, others = 0, degenerate = 0;
  for (const auto& one : results) {
    if (one.constant) continue;
    ++maps;
    full += one.full.spearman;
    degenerate += one.full.degenerate ? 1 : 0;
    if (!one.other_class) continue;
    ++others;
    other += one.other_class->spearman;
  }
  if (maps == 0) {
    out.words = "No map says anything: all are constant.";
    out.advice = "Look at single maps with `limn explain`, or try another method.";
    return out;
  }
  full /= maps;
  out.numbers = {{"spearman", full}, {"maps", maps}, {"degenerate", degenerate}};
  out.words = fmt::format(
      "With all weights random, maps still correlate at {:.2f} with the true "
      "ones (under 0.3 passes).",
      full);
  if (others > 0) {
    out.numbers["random-logit"] = other / others;
    out.words += fmt::format(" Maps of another class: {:.2f}.", other / others);
  }
  if (degenerate * 2 > maps) {
    out.answer = AuditAnswer::Unclear;
    out.words += " More than half of the random models give constant maps, which count as 0.";
    out.advice = "Little can be learned here; judge this method by the other checks.";
    return out;
  }
  const std::string_view verdict = sanity_verdict(full);
  out.answer = verdict == "passed"    ? AuditAnswer::Passed
               : verdict == "flagged" ? AuditAnswer::Flagged
                                      : AuditAnswer::Unclear;
  if (out.answer == AuditAnswer::Flagged) {
    out.advice =
        "These maps show the picture more than what the model has learned; do not rely on them "
        "alone.";
  } else if (out.answer == AuditAnswer::Unclear) {
    out.advice = "Part of what these maps show is the picture's own edges.";
  }
  return out;
}

}  // namespace limn
