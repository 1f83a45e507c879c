// See bench_sample.h.
#include "evaluation/bench_sample.h"

#include <ATen/ATen.h>

#include "limn/target.h"

namespace limn {
namespace {

/// One sample's part of an explanation of `count` samples.
Explanation part_of(const Model& model, const Explanation& all, std::int64_t i,
                    std::int64_t count) {
  if (count == 1) return all;
  Explanation out = all;
  const auto cut = [&](Tensor& values) {
    if (values.defined() && values.dim() > 0 && values.size(0) == count) {
      values = values.narrow(0, i, 1);
    }
  };
  for (Tensor* values : {&out.relevance, &out.score, &out.probability, &out.gap}) cut(*values);
  for (auto& [name, values] : out.inner) cut(values);
  out.classes = {all.classes.at(static_cast<std::size_t>(i))};
  out.target = concat("class:", out.classes[0], " (", class_label(model, out.classes[0]), ")");
  return out;
}

}  // namespace

std::vector<std::int64_t> BenchSample::targets() const {
  std::vector<std::int64_t> out;
  for (const auto& one : cases) out.push_back(one.target);
  return out;
}

bool BenchSample::shares_passes_with(const BenchSample& other) const {
  return prepared.x.sizes() == other.prepared.x.sizes() && targets() == other.targets();
}

BenchMap::BenchMap(const BenchSample& sample, std::size_t place, const Model& model,
                   const Explanation& all, std::int64_t row, std::int64_t count)
    : sample_(&sample), place_(place), explanation_(part_of(model, all, row, count)) {
  const Tensor own = explanation_.map().to(at::kFloat).contiguous();
  const Tensor& x = sample.prepared.x;
  map_ = resize_maps(own, x.size(2), x.size(3))[0];
  original_ = to_original(own[0], sample.prepared.geometry);
}

MetricCase BenchMap::metric_case(const Model& model, const Method& method,
                                 const ExplainOptions& options) const {
  return {.model = model,
          .x = sample_->prepared.x,
          .target = given().target,
          .explanation = explanation_,
          .map = map_,
          .original = original_,
          .picture = sample_->item.picture.pixels,
          .truth = given().labelled ? &sample_->truths[place_] : nullptr,
          .method = &method,
          .options = options};
}

}  // namespace limn
