// Models of pictures whose units are known functions: linear scores, convolutions of one place.
#pragma once
#include <ATen/ATen.h>

#include "limn/model.h"
#include "support/draft_builder.h"

namespace limn::testing {

/// Scores [N, K] = w flatten(x), w [K, C H W], as one Gemm; float64.
inline Model linear_scores(const Tensor& w, std::vector<std::int64_t> shape,
                           std::int64_t batch = -1) {
  DraftBuilder builder;
  shape.insert(shape.begin(), batch);
  builder.input("input", shape);
  const std::string flat = builder.node("Flatten", {"input"});
  builder.output(builder.node("Gemm", {flat, builder.constant(w.to(at::kFloat))},
                              {{"transB", std::int64_t{1}}}));
  return Model(Graph(builder.draft())).to(at::kDouble);
}

/// A 1 x 1 convolution with weights w [K, C] and biases b [K], value "v0"; with `relu` its ReLU
/// "v1" behind it, and the mean over places as scores; float64. Any size of picture.
inline Model pointwise(const Tensor& w, const Tensor& b, bool relu) {
  DraftBuilder builder;
  builder.input("input", {-1, w.size(1), -1, -1});
  std::string at =
      builder.node("Conv", {"input", builder.constant(w.to(at::kFloat).unsqueeze(2).unsqueeze(3)),
                            builder.constant(b.to(at::kFloat))});
  if (relu) at = builder.node("Relu", {at});
  builder.output(builder.node("Flatten", {builder.node("GlobalAveragePool", {at})}));
  return Model(Graph(builder.draft())).to(at::kDouble);
}

}  // namespace limn::testing
