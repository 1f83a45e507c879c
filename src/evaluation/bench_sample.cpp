// See bench_sample.h.
#include "evaluation/bench_sample.h"

#include <ATen/ATen.h>

#include <utility>

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

BenchMap::BenchMap(const BenchSample& sample, std::size_t place, Explanation explanation,
                   Tensor map, Tensor original, ExplainOptions options)
    : sample_(&sample),
      place_(place),
      explanation_(std::move(explanation)),
      map_(std::move(map)),
      original_(std::move(original)),
      options_(std::move(options)) {}

MetricCase BenchMap::metric_case(const Model& model, const Method& method) const {
  return {.model = model,
          .x = sample_->prepared.x,
          .target = given().target,
          .explanation = explanation_,
          .map = map_,
          .original = original_,
          .picture = sample_->item.picture.pixels,
          .truth = given().labelled ? &sample_->truths[place_] : nullptr,
          .method = &method,
          .options = options_};
}

void add_maps(const BenchSample& sample, const Model& model, const std::vector<Explanation>& all,
              const ExplainOptions& options, std::int64_t row, std::int64_t count,
              std::vector<BenchMap>& maps) {
  std::vector<Explanation> parts;
  Tensors own;
  for (const auto& one : all) {
    parts.push_back(part_of(model, one, row, count));
    own.push_back(parts.back().map().to(at::kFloat));
  }
  const Tensor together = at::cat(own);
  const Tensor& x = sample.prepared.x;
  const Tensor shown = resize_maps(together, x.size(2), x.size(3));
  const Tensor originals = to_original(together, sample.prepared.geometry);
  // Who explains one class again must set it against the same others.
  ExplainOptions again = options;
  again.beside = sample.targets();
  for (std::size_t c = 0; c < parts.size(); ++c) {
    const auto place = static_cast<std::int64_t>(c);
    maps.emplace_back(sample, c, std::move(parts[c]), shown[place], originals[place], again);
  }
}

}  // namespace limn
