// The small model written out for autograd, and how tests of the gradient family explain it.
#pragma once
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "limn/method.h"
#include "oracle/linear_oracle.h"
#include "support/small_model.h"

namespace limn::testing::gradients {

constexpr double kRounding = 1e-11;

inline Model double_model(const Draft& draft) { return Model(Graph(draft)).to(at::kDouble); }
/// The small model in float64.
inline Model small() { return double_model(small_model()); }
inline Tensor pictures(std::int64_t count = 1) { return random_tensor({count, 3, 24, 24}); }

inline Explanation explain(const std::string& spec, const Model& model, const Tensor& x,
                           std::int64_t kind = 2, const ExplainOptions& options = {}) {
  return make_method(spec)->explain(model, x, Target::of_class(kind), options);
}

/// The small model by hand: its values, and the gradients of a logit there.
struct ByHand {
  Tensors values;  ///< x, c1, r1, c2, r2, logits
  Tensors gradients;
  std::map<std::string, Tensor> weights;

  ByHand(const Tensor& x, std::int64_t kind) {
    at::AutoGradMode enable(true);
    for (const auto& [name, tensor] : small_model().constants) {
      weights[name] = tensor.to(at::kDouble);
    }
    values.push_back(x.detach().clone().requires_grad_(true));
    values.push_back(at::conv2d(values[0], weights["w1"], weights["b1"], 1, 1));
    values.push_back(at::relu(values[1]));
    values.push_back(at::conv2d(values[2], weights["w2"], weights["b2"], 1, 1));
    values.push_back(at::relu(values[3]));
    values.push_back(at::linear(values[4].mean({2, 3}), weights["w3"], weights["b3"]));
    gradients = torch::autograd::grad({values[5].select(1, kind).sum()}, values);
    for (auto& value : values) value = value.detach();
  }
};

}  // namespace limn::testing::gradients
