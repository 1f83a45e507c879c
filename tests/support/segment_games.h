// Small models and segment maps for tests of methods over superpixels.
#pragma once
#include <ATen/ATen.h>

#include <string>

#include "limn/error.h"
#include "limn/method.h"
#include "support/plain_algebra.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn::testing {

/// In float64.
inline Model small_classifier() { return Model(Graph(small_model())).to(at::kDouble); }

inline Tensor small_picture(std::int64_t n = 1) {
  at::manual_seed(5);
  return at::randn({n, 3, 24, 24}, at::kDouble);
}

/// Labels [24, 24] of equal tiles, row by row.
inline Tensor tiles(std::int64_t rows, std::int64_t columns) {
  const Tensor place = at::arange(24, at::kLong);
  return at::floor_divide(place * rows, 24).unsqueeze(1) * columns +
         at::floor_divide(place * columns, 24);
}

/// Flatten and Gemm: four linear scores of [N, 2, 6, 8].
struct LinearScores {
  Tensor weights;  ///< [4, 2, 6, 8]
  Model model;

  LinearScores() : weights(made()), model(graph(weights)) {}

 private:
  static Tensor made() {
    at::manual_seed(1);
    return at::randn({4, 2, 6, 8}).to(at::kDouble);
  }
  static Model graph(const Tensor& weights) {
    Draft draft = single_node("Flatten", 13, {}, 1);
    draft.inputs[0].shape = {-1, 2, 6, 8};
    draft.inputs[0].dim_names = {"N", "", "", ""};
    draft.inputs[0].has_shape = true;
    draft.nodes[0].outputs = {"flat"};
    Draft gemm = single_node("Gemm", 13, {}, 1);
    gemm.nodes[0].inputs = {"flat", "w"};
    gemm.nodes[0].attributes.set("transB", std::int64_t{1});
    gemm.nodes[0].name = "gemm";
    draft.nodes.push_back(gemm.nodes[0]);
    draft.constants["w"] = weights.flatten(1).to(at::kFloat);
    return Model(Graph(draft)).to(at::kDouble);
  }
};

/// The error's words, or "no error".
inline std::string refusal(const Model& model, const std::string& spec, const Tensor& x,
                           const ExplainOptions& options = {}) {
  try {
    make_method(spec)->explain(model, x, Target::top1(), options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace limn::testing
