// A model whose probability is known by hand, and one call of a metric.
#pragma once
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "limn/error.h"
#include "limn/metric.h"
#include "support/draft_builder.h"
#include "support/small_model.h"

namespace limn::testing {

/// Two classes: logit 0 is weight [C, H, W] . x + bias, logit 1 is 0, so that p(0) is
/// sigmoid(weight . x + bias). float64; weights must be floats.
inline Model linear_model(const Tensor& weight, double bias = 0) {
  DraftBuilder draft;
  const std::string input =
      draft.input("input", {-1, weight.size(0), weight.size(1), weight.size(2)});
  const std::string flat = draft.node("Flatten", {input});
  const Tensor row = weight.reshape({1, -1}).to(at::kFloat);
  const std::string matrix = draft.constant(at::cat({row, at::zeros_like(row)}));
  const std::string biases = draft.constant(at::tensor({bias, 0.0}, at::kFloat));
  draft.output(draft.node("Gemm", {flat, matrix, biases}, {{"transB", std::int64_t{1}}}));
  return Model(Graph(draft.draft())).to(at::kDouble);
}

inline double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

/// The small convolutional model for pictures of any size, float64.
inline Model open_small_model() {
  Draft draft = small_model();
  draft.inputs[0].shape = {-1, 3, -1, -1};
  draft.inputs[0].dim_names = {"N", "", "H", "W"};
  return Model(Graph(draft)).to(at::kDouble);
}

/// The softmax probability of one class in one picture [1, C, H, W], by hand.
inline double probability(const Model& model, const Tensor& x, std::int64_t target) {
  const Tensor logits = model.run(x, Keep::Outputs)[model.logits()][0];
  double sum = 0;
  for (std::int64_t c = 0; c < logits.numel(); ++c) {
    sum += std::exp(logits[c].item<double>() - logits[target].item<double>());
  }
  return 1 / sum;
}

/// What a metric is measured on.
struct OneCase {
  Model model;
  Tensor x, map;
  std::int64_t target = 0;
  Explanation explanation = {};
  const Method* method = nullptr;
  ExplainOptions options = {};

  Measurement measure(const std::string& spec) const {
    const Tensor picture = at::zeros({x.size(2), x.size(3), 3}, at::kByte);
    return make_metric(spec)->measure({.model = model,
                                       .x = x,
                                       .target = target,
                                       .explanation = explanation,
                                       .map = map,
                                       .original = map,
                                       .picture = picture,
                                       .truth = nullptr,
                                       .method = method,
                                       .options = options});
  }
};

/// What an Error says; "no error" where there is none.
template <typename Run>
std::string message_of(const Run& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

template <typename Run>
void expect_error(const std::string& words, const Run& run) {
  const std::string text = message_of(run);
  EXPECT_NE(text.find(words), std::string::npos) << text;
}

}  // namespace limn::testing
