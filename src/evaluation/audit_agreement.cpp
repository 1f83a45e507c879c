// Agreement: Spearman of |map| for each two methods on the same pictures. Methods that measure the
// same thing should put the same places first; one that stands apart deserves a look.
#include <fmt/format.h>

#include <algorithm>

#include "base/correlation.h"
#include "limn/audit.h"

namespace limn {
namespace {

/// Mean over the cases that both have; the second is how many those are.
std::pair<double, std::int64_t> agreement(const AuditMaps& first, const AuditMaps& second) {
  double sum = 0;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < std::min(first.maps.size(), second.maps.size()); ++i) {
    if (!first.maps[i].defined() || !second.maps[i].defined()) continue;
    sum += rank_correlation(first.maps[i].abs(), second.maps[i].abs());
    ++count;
  }
  return {count > 0 ? sum / static_cast<double>(count) : 0, count};
}

}  // namespace

AuditFinding judge_agreement(const std::vector<AuditMaps>& methods) {
  AuditFinding out{.check = "agreement", .subject = "methods"};
  std::vector<double> sums(methods.size()), partners(methods.size());
  for (std::size_t i = 0; i < methods.size(); ++i) {
    for (std::size_t k = i + 1; k < methods.size(); ++k) {
      const auto [mean, count] = agreement(methods[i], methods[k]);
      if (count == 0) continue;
      out.numbers[methods[i].method + " ~ " + methods[k].method] = mean;
      for (const std::size_t m : {i, k}) {
        sums[m] += mean;
        ++partners[m];
      }
    }
  }
  std::size_t apart = methods.size();
  double lowest = 2;
  for (std::size_t i = 0; i < methods.size(); ++i) {
    if (partners[i] == 0) continue;
    const double mean = sums[i] / partners[i];
    out.numbers[methods[i].method] = mean;
    if (mean < lowest) {
      lowest = mean;
      apart = i;
    }
  }
  if (apart == methods.size()) {
    out.words = "No two methods have maps of the same picture.";
    out.advice = "Give -m at least twice.";
    return out;
  }
  out.answer = lowest >= kAgree  ? AuditAnswer::Passed
               : lowest < kApart ? AuditAnswer::Flagged
                                 : AuditAnswer::Unclear;
  if (out.numbers.size() == 3) {
    out.words = fmt::format("The two methods' maps correlate at {:.2f} (from {:.1f} passes).",
                            lowest, kAgree);
  } else {
    out.words = fmt::format(
        "The method that agrees least with the others is {}: {:.2f} on average "
        "(from {:.1f} passes).",
        methods[apart].method, lowest, kAgree);
  }
  if (out.answer != AuditAnswer::Passed) {
    out.advice =
        fmt::format("Look at pictures side by side with `limn compare` before believing {}.",
                    out.numbers.size() == 3 ? "either" : methods[apart].method);
  }
  return out;
}

}  // namespace limn
