// See embedding.h.
#include "concepts/embedding.h"

#include <ATen/ATen.h>

#include "base/counter_random.h"
#include "import/pattern.h"
#include "limn/error.h"
#include "methods/noise.h"
#include "rules/facts.h"

namespace limn {
namespace {

/// What of the value is compared.
Tensor seen(const std::string& kind, const Tensor& value) {
  return kind == "positive" ? value.clamp_min(0) : value;
}

}  // namespace

std::vector<std::int64_t> place_axes(const Tensor& value) {
  return value.dim() == 4 ? std::vector<std::int64_t>{2, 3} : std::vector<std::int64_t>{1};
}

Embedding::Embedding(const std::string& kind, const Tensor& value, const std::string& name)
    : kind_(kind) {
  if (kind == "auto") kind_ = value.dim() == 4 ? "mean" : "flat";
  if (kind_ != "flat" && kind_ != "mean" && kind_ != "positive") {
    fail(ErrorCode::InvalidArgument, "embedding is \"", kind,
         "\"; legal: auto, flat, mean, positive");
  }
  if (kind_ == "mean" && value.dim() != 4 && value.dim() != 3) {
    fail(ErrorCode::InvalidArgument, "layer \"", name, "\" has shape ", value.sizes(),
         " and no places to average; take embedding flat, or a layer [N, C, h, w]");
  }
}

Tensor Embedding::vector(const Tensor& value) const {
  const Tensor exact = seen(kind_, value).to(at::kDouble);
  return (kind_ == "mean" ? exact.mean(place_axes(value)) : exact).flatten();
}

Tensor Embedding::present(const Tensor& value) const {
  const Tensor there = seen(kind_, value).ne(0);
  if (kind_ != "mean") return there.flatten();
  return there.to(at::kFloat).sum(place_axes(value)).flatten().gt(0);
}

Tensor Embedding::seeds(const Tensor& value, const Tensor& weights) const {
  std::vector<std::int64_t> shape = value.sizes().vec();
  double places = 1;
  if (kind_ == "mean") {
    for (const std::int64_t axis : place_axes(value)) {
      places *= static_cast<double>(value.size(axis));
      shape[static_cast<std::size_t>(axis)] = 1;
    }
  }
  shape.insert(shape.begin(), weights.size(0));
  return (weights / places).to(value.options()).reshape(shape) * seen(kind_, value);
}

Tensor projection_rows(std::uint64_t seed, std::int64_t first, std::int64_t count,
                       std::int64_t components, std::int64_t dimension) {
  Tensor rows = at::empty({count, dimension}, at::kDouble);
  for (std::int64_t k = 0; k < count; ++k) {
    const std::uint64_t key = mix(mix(seed) ^ static_cast<std::uint64_t>(first + k));
    rows[k].copy_(normal_noise(key, {dimension}));
  }
  return rows / std::sqrt(static_cast<double>(components));
}

Model up_to(const Model& model, const std::string& value) {
  Draft draft = model.graph().draft();
  ValueInfo output;
  output.name = value;
  draft.outputs = {output};
  remove_dead(draft);
  return model.with_graph(Graph(draft));
}

std::string default_embedding_layer(const Model& model) {
  const Graph& graph = model.graph();
  const Facts facts(graph, model.logits());
  for (int n = static_cast<int>(graph.nodes().size()); n-- > 0;) {
    if (!facts.last_linear({n})) continue;
    const ValueId from = graph.node({n}).inputs[data_input(facts.constant({n}))];
    if (from != model.input()) return graph.value(from).name;
  }
  fail(ErrorCode::Unsupported,
       "no linear layer reads a value that could be the embedding; name one with --layer VALUE "
       "(`limn inspect` lists the values)");
}

}  // namespace limn
