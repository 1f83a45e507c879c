// Draws the weights of a model afresh, layer by layer.
#pragma once
#include <cstdint>
#include <vector>

#include "limn/sanity.h"

namespace limn {

/// Where one parameter of a layer enters a node.
struct WeightPlace {
  enum class Role { Kernel, Bias, One, Zero };
  std::size_t node = 0, input = 0;
  Role role = Role::Kernel;
  double fan_in = 1, fan_out = 1;
};

class Randomizer {
 public:
  /// Throws InvalidArgument for unknown words, Unsupported where the model has no weights.
  Randomizer(const Model& model, const RandomizeOptions& options);
  const std::vector<WeightLayer>& layers() const { return layers_; }
  std::int64_t count() const { return static_cast<std::int64_t>(layers_.size()); }
  /// Fresh weights for one layer, on top of all before.
  void randomize(std::int64_t layer);
  /// All weights as the model has them.
  void restore() { draft_ = original_; }
  Model model() const { return model_.with_graph(Graph(draft_)); }

 private:
  Tensor fresh(const WeightPlace& place, const Tensor& old, std::uint64_t key) const;

  const Model& model_;
  RandomizeOptions options_;
  std::vector<WeightLayer> layers_;
  std::vector<std::vector<WeightPlace>> places_;
  Draft original_, draft_;
};

}  // namespace limn
