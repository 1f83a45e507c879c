// See randomizer.h. Which numbers torch draws for a layer is stated at RandomizeOptions; they come
// from a counter, so that a layer's weights do not depend on which others are drawn.
#include "metrics/randomizer.h"

#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <set>

#include "base/counter_random.h"
#include "limn/error.h"
#include "methods/noise.h"

namespace limn {
namespace {

using Role = WeightPlace::Role;

struct Layer {
  WeightLayer about;
  std::vector<WeightPlace> places;
  std::vector<int> key;  ///< the constants that make it the same layer as another node's
};

/// The constant that enters a node there; undefined where there is none.
Tensor constant_at(const Graph& graph, const Node& node, std::size_t input) {
  const bool known = input < node.inputs.size() && graph.is_constant(node.inputs[input]);
  const Tensor constant = known ? graph.value(node.inputs[input]).constant : Tensor();
  return constant.defined() && constant.is_floating_point() ? constant : Tensor();
}

/// The input that holds the weights of a linear node, and whether [out, in, ...] is their layout.
struct Kernel {
  std::size_t input = 1;
  bool out_first = true;
};

std::optional<Kernel> kernel_of(const Graph& graph, const Node& node) {
  Kernel kernel;
  if (node.op == "Gemm") {
    kernel.out_first = node.attributes.integer("transB", 0) != 0;
  } else if (node.op == "MatMul") {
    kernel.out_first = !constant_at(graph, node, 1).defined();
    kernel.input = kernel.out_first ? 0 : 1;
  } else if (node.op != "Conv" && node.op != "ConvTranspose") {
    return std::nullopt;
  }
  const Tensor weight = constant_at(graph, node, kernel.input);
  if (!weight.defined() || weight.dim() < 2 || weight.numel() == 0) return std::nullopt;
  return kernel;
}

/// Where a matrix product is followed by the sum with a constant row, that is its bias.
std::optional<WeightPlace> added_bias(const Graph& graph, const Node& node, std::int64_t outputs) {
  const auto& consumers = graph.value(node.outputs.front()).consumers;
  if (consumers.size() != 1) return std::nullopt;
  const Node& next = graph.node(consumers.front());
  if (next.op != "Add") return std::nullopt;
  for (const std::size_t input : {std::size_t{0}, std::size_t{1}}) {
    const Tensor bias = constant_at(graph, next, input);
    if (bias.defined() && bias.numel() == outputs && bias.size(-1) == outputs) {
      return WeightPlace{.node = static_cast<std::size_t>(consumers.front().index), .input = input};
    }
  }
  return std::nullopt;
}

void add_linear(const Graph& graph, std::size_t index, const Kernel& kernel, Layer& layer) {
  const Node& node = graph.nodes()[index];
  const Tensor weight = constant_at(graph, node, kernel.input);
  // torch counts [out, in, ...] by its first two axes, for transposed convolutions, too.
  const bool matrix = node.op == "MatMul";
  const auto out = static_cast<double>(weight.size(matrix ? -2 : 0));
  const auto in = static_cast<double>(weight.size(matrix ? -1 : 1));
  const double field = matrix ? 1 : static_cast<double>(weight.numel()) / (out * in);
  WeightPlace place{.node = index, .input = kernel.input};
  place.fan_in = (kernel.out_first ? in : out) * field;
  place.fan_out = (kernel.out_first ? out : in) * field;
  layer.places.push_back(place);
  layer.key.push_back(node.inputs[kernel.input].index);
  place.role = Role::Bias;
  if (!matrix && constant_at(graph, node, 2).defined()) {
    place.input = 2;
    layer.places.push_back(place);
  } else if (matrix && !kernel.out_first) {
    if (const auto bias = added_bias(graph, node, weight.size(-1))) {
      place.node = bias->node;
      place.input = bias->input;
      layer.places.push_back(place);
    }
  }
}

void add_normalization(const Graph& graph, std::size_t index, Layer& layer) {
  const Node& node = graph.nodes()[index];
  const std::vector<Role> roles = node.op == "BatchNormalization"
                                      ? std::vector{Role::One, Role::Zero, Role::Zero, Role::One}
                                      : std::vector{Role::One, Role::Zero};
  for (std::size_t i = 0; i < roles.size(); ++i) {
    if (!constant_at(graph, node, i + 1).defined()) continue;
    layer.places.push_back({.node = index, .input = i + 1, .role = roles[i]});
    layer.key.push_back(node.inputs[i + 1].index);
  }
}

Layer layer_of(const Graph& graph, std::size_t index) {
  static const std::set<std::string> kNormalizations = {
      "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization"};
  const Node& node = graph.nodes()[index];
  Layer layer{.about = {.name = node.name, .op = node.op}, .places = {}, .key = {}};
  if (const auto kernel = kernel_of(graph, node)) add_linear(graph, index, *kernel, layer);
  if (kNormalizations.contains(node.op)) add_normalization(graph, index, layer);
  return layer;
}

std::vector<Layer> find_layers(const Graph& graph) {
  std::vector<Layer> layers;
  std::map<std::vector<int>, std::size_t> known;
  for (std::size_t index = graph.nodes().size(); index-- > 0;) {
    Layer layer = layer_of(graph, index);
    if (layer.places.empty()) continue;
    const auto [entry, added] = known.emplace(layer.key, layers.size());
    if (added) {
      layers.push_back(std::move(layer));
    } else {
      auto& places = layers[entry->second].places;
      places.insert(places.end(), layer.places.begin(), layer.places.end());
    }
  }
  for (auto& layer : layers) {
    std::set<int> counted;
    for (const auto& place : layer.places) {
      const ValueId id = graph.nodes()[place.node].inputs[place.input];
      if (counted.insert(id.index).second)
        layer.about.parameters += graph.value(id).constant.numel();
    }
  }
  return layers;
}

void check(const RandomizeOptions& options) {
  if (options.mode != "cascading" && options.mode != "independent") {
    fail(ErrorCode::InvalidArgument, "mode is \"", options.mode,
         "\"; legal: cascading, independent");
  }
  if (options.init != "torch" && options.init != "xavier") {
    fail(ErrorCode::InvalidArgument, "init is \"", options.init, "\"; legal: torch, xavier");
  }
}

}  // namespace

std::vector<WeightLayer> weight_layers(const Graph& graph) {
  std::vector<WeightLayer> out;
  for (auto& layer : find_layers(graph)) out.push_back(std::move(layer.about));
  return out;
}

Randomizer::Randomizer(const Model& model, const RandomizeOptions& options)
    : model_(model), options_(options), original_(model.graph().draft()), draft_(original_) {
  check(options);
  for (auto& layer : find_layers(model.graph())) {
    layers_.push_back(std::move(layer.about));
    places_.push_back(std::move(layer.places));
  }
  if (layers_.empty()) {
    fail(ErrorCode::Unsupported,
         "the model has no convolution, linear layer or normalization with constant weights, so "
         "nothing can be randomized");
  }
}

void Randomizer::randomize(std::int64_t layer) {
  const auto index = static_cast<std::size_t>(layer);
  // One new constant for each old one of this layer: exporters share equal constants between
  // layers, and those must not change with it.
  std::map<std::pair<std::string, Role>, std::string> renamed;
  for (const auto& place : places_[index]) {
    const std::string& old = original_.nodes[place.node].inputs[place.input];
    const std::uint64_t key = mix(mix(mix(options_.seed) ^ static_cast<std::uint64_t>(layer)) ^
                                  static_cast<std::uint64_t>(renamed.size()));
    const auto [entry, added] = renamed.emplace(
        std::pair{old, place.role}, concat(old, "/randomized/", layer, "/", renamed.size()));
    if (added) {
      while (model_.graph().find(entry->second)) entry->second += "'";
      draft_.constants[entry->second] = fresh(place, original_.constants.at(old), key);
    }
    draft_.nodes[place.node].inputs[place.input] = entry->second;
  }
}

Tensor Randomizer::fresh(const WeightPlace& place, const Tensor& old, std::uint64_t key) const {
  // The old one's type, device and layout are what the executor wants.
  Tensor out = at::empty_like(old);
  if (place.role == Role::One) return out.fill_(1);
  if (place.role == Role::Zero) return out.zero_();
  const bool xavier = options_.init == "xavier";
  Tensor numbers = uniform_noise(key, old.sizes());
  if (place.role == Role::Kernel || !xavier) {
    const double bound =
        xavier ? std::sqrt(6 / (place.fan_in + place.fan_out)) : 1 / std::sqrt(place.fan_in);
    numbers.mul_(2 * bound).sub_(bound);
  }
  return out.copy_(numbers);
}

Model randomized(const Model& model, std::int64_t stage, const RandomizeOptions& options) {
  Randomizer randomizer(model, options);
  if (stage < 0 || stage >= randomizer.count()) {
    fail(ErrorCode::InvalidArgument, "stage ", stage, " does not exist; the model has ",
         randomizer.count(), " layers with weights, stages 0 to ", randomizer.count() - 1);
  }
  for (std::int64_t i = options.mode == "independent" ? stage : 0; i <= stage; ++i) {
    randomizer.randomize(i);
  }
  return randomizer.model();
}

}  // namespace limn
