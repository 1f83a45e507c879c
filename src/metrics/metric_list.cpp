// The explicit list of metrics.
#include "limn/error.h"
#include "limn/metric.h"

namespace limn {

#define LIMN_METRIC(name) MetricEntry metric_##name();
#include "metrics/metric_list.inc"
#undef LIMN_METRIC

const std::vector<MetricEntry>& metrics() {
  static const std::vector<MetricEntry> all = {
#define LIMN_METRIC(name) metric_##name(),
#include "metrics/metric_list.inc"
#undef LIMN_METRIC
  };
  return all;
}

const MetricEntry& find_metric(std::string_view name) {
  const std::string wanted = canonical_name(name);
  std::vector<std::string> names;
  for (const auto& entry : metrics()) {
    if (entry.info.name == wanted) return entry;
    names.push_back(entry.info.name);
    for (const auto& alias : entry.info.aliases) {
      if (canonical_name(alias) == wanted) return entry;
    }
  }
  fail(ErrorCode::NotFound, "no metric \"", name, "\"; did you mean ", nearest_names(name, names),
       "? (`limn list metrics`)");
}

std::unique_ptr<Metric> make_metric(std::string_view spec) {
  const Spec parsed = Spec::parse(spec);
  if (parsed.is_list) {
    fail(ErrorCode::InvalidArgument, "spec \"", spec, "\" is a list; name one metric");
  }
  return find_metric(parsed.name).make(parsed);
}

}  // namespace limn
