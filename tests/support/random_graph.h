// Small random networks for property tests: every pattern the rules must handle, in any order.
#pragma once
#include <cstdint>

#include "limn/graph.h"
#include "limn/model.h"

namespace limn::testing {

struct RandomGraphOptions {
  bool bias = true;
  bool batch_norm = true;
  bool max_pool = true;
  /// Stride 1, odd kernels, "same" padding: flipping the input flips every value.
  bool symmetric = false;
  bool activations = true;
  /// Besides ReLU also ReLU6, SiLU (one node, or a gate of x by its Sigmoid) and hard-swish.
  bool smooth_activations = false;
  /// Besides the plain blocks also 1x3 and 3x1 kernels, depthwise convolutions, DenseNet's
  /// concat(x, f(x)) and Inception's branches.
  bool modern_blocks = false;
};

/// A seeded network [N, 3, 12, 14] -> logits [N, 5] of some ten layers: convolutions (grouped,
/// dilated, strided, asymmetrically padded), batch norm, ReLU, pools, residual adds,
/// concatenations, and what the options add.
Draft random_graph(std::uint64_t seed, const RandomGraphOptions& options = {});

/// Float64 inputs [samples, 3, 12, 14] for such a network.
Tensor random_input(std::uint64_t seed, std::int64_t samples);
/// The graph as it is, in float64: going through float would round the weights.
Model double_model(const Draft& draft);
/// The same network with the rows of its last layer, its classes, in another order.
Draft permuted_classes(Draft draft, const Tensor& order);
bool all_zero(const Tensor& map);

}  // namespace limn::testing
