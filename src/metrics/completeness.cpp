// Completeness: does the map add up to what its method promises? |sum - promised| / |promised|,
// where the promise is the score, the score minus a baseline's, the sum of terms, or a mass of 1
// (GapKind). Source: Sundararajan et al., 2017, who named the axiom; Bach et al., 2015 (LRP).
#include <ATen/ATen.h>

#include <cmath>

#include "metrics/metric_base.h"

namespace limn {
namespace {

struct Options {
  double tolerance = 0.01;
};

Fields fields(Options& o) {
  return {real_field("tolerance", o.tolerance, 0, kInfinity, "largest gap of a map that adds up")};
}

Measurement measure(const Options& o, const MetricCase& one) {
  const Tensor& gap = one.explanation.gap;
  if (!gap.defined() || gap.numel() == 0) {
    return {.skipped = one.explanation.method + " promises no sum"};
  }
  const double value = gap.flatten()[0].to(at::kDouble).item<double>();
  if (!std::isfinite(value)) {
    return {.skipped = "what the map must add up to is not a number above 0"};
  }
  return {.values = {{"gap", value}, {"kept", value <= o.tolerance ? 1 : 0}}};
}

std::vector<double> summarize(const Options&, const std::vector<MetricRow>& rows) {
  return {mean_of(rows, "gap"), mean_of(rows, "kept")};
}

}  // namespace

MetricEntry metric_completeness() {
  return define_metric<Options>(
      {.name = "completeness",
       .title = "Completeness",
       .summary = "How far the map is from adding up to what its method promises.",
       .formula = "gap = |sum - promised| / |promised|",
       .paper = "Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, 2017",
       .columns = {{.name = "gap",
                    .better = Better::Lower,
                    .low = 0,
                    .high = kInfinity,
                    .help = "mean gap; methods that promise nothing have none"},
                   {.name = "kept",
                    .better = Better::Higher,
                    .help = "share of maps whose gap is within the tolerance"}}},
      fields, measure, summarize);
}

}  // namespace limn
