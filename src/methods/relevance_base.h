// What the methods of the relevance family share: bounds of the first layer, gradient-activation
// maps to start from, and honest words about relevance that got lost.
#pragma once
#include "methods/method_base.h"
#include "rules/rule_book.h"

namespace limn {

/// zB for the first layer: with the input's bounds where the preprocessing tells them, else with
/// each picture's own lowest and highest value.
Rule box_rule(const Call& call);

/// The pool and join rules of RSP and AE. Pools share as x / z with x = max(x, 0) + 1e-9, so that a
/// dead window keeps its relevance; joins share as x_i / z likewise.
Rule lifted_pool_rule();
Rule clamped_join_rule();

/// alpha_k A_k per objective, [S, N, K, h, w]: the channels of a layer, each weighted by the mean
/// of the score's gradient (the summands of Grad-CAM). Throws InvalidArgument where the layer's
/// value is not [N, K, h, w].
Tensor gradient_activation(const Pass& pass, const Call& call, ValueId layer,
                           const Tensor& gradients);
/// The layer by name, or the default of the CAM methods.
ValueId stage_layer(const Pass& pass, const std::string& name);

/// Walks `relevance` [S, shape of `layer`] from a layer down to the input and the recorded values.
WalkResult walk_down(const Pass& pass, const Call& call, const RuleBook& book, ValueId layer,
                     const Tensor& relevance);

/// That a gradient-activation map has nothing above zero, in words.
std::string no_evidence_at(const std::string& layer);

/// Per target the largest share of a layer's mass that found no unit to go to, and that layer.
class LostMass {
 public:
  struct Share {
    double share = 0;
    std::string node;
  };
  /// `missing` and `mass` [S, N].
  void see(const Node& at, const Tensor& missing, const Tensor& mass);
  Share of(std::size_t target) const;

 private:
  std::vector<Share> shares_;
};

}  // namespace limn
