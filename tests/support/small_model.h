// A small classifier of pictures, 24 x 24, five classes, fixed weights, written as ONNX.
#pragma once
#include <ATen/ATen.h>

#include <string>

#include "limn/graph.h"

namespace limn::testing {

/// Convolution, ReLU, convolution, ReLU, global average, Flatten, Gemm.
inline Draft small_model() {
  const auto weights = [](std::vector<std::int64_t> shape, double step) {
    std::int64_t count = 1;
    for (const auto size : shape) count *= size;
    return (at::sin(at::arange(count, at::kDouble) * step) * 0.5).to(at::kFloat).view(shape);
  };
  Draft draft;
  draft.opset = 13;
  draft.constants = {{"w1", weights({4, 3, 3, 3}, 1.7)}, {"b1", weights({4}, 0.9)},
                     {"w2", weights({6, 4, 3, 3}, 2.3)}, {"b2", weights({6}, 1.1)},
                     {"w3", weights({5, 6}, 0.77)},      {"b3", weights({5}, 2.9)}};
  const auto node = [&](const std::string& name, const std::string& op,
                        std::vector<std::string> inputs, const std::string& output) {
    draft.nodes.push_back({.name = name,
                           .op = op,
                           .domain = "",
                           .opset = 13,
                           .attributes = {},
                           .inputs = std::move(inputs),
                           .outputs = {output}});
    if (op == "Conv") {
      draft.nodes.back().attributes.set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
    }
    if (op == "Gemm") draft.nodes.back().attributes.set("transB", std::int64_t{1});
  };
  node("conv1", "Conv", {"input", "w1", "b1"}, "c1");
  node("relu1", "Relu", {"c1"}, "r1");
  node("conv2", "Conv", {"r1", "w2", "b2"}, "c2");
  node("relu2", "Relu", {"c2"}, "r2");
  node("pool", "GlobalAveragePool", {"r2"}, "p");
  node("flatten", "Flatten", {"p"}, "f");
  node("fc", "Gemm", {"f", "w3", "b3"}, "logits");
  ValueInfo input{.name = "input",
                  .dtype = at::kFloat,
                  .shape = {-1, 3, 24, 24},
                  .dim_names = {"N", "", "", ""},
                  .has_shape = true};
  ValueInfo output{.name = "logits",
                   .dtype = at::kFloat,
                   .shape = {-1, 5},
                   .dim_names = {"N", ""},
                   .has_shape = true};
  draft.inputs = {input};
  draft.outputs = {output};
  return draft;
}

inline constexpr const char* kSmallSidecar =
    R"({"labels": ["ant", "bee", "cat", "dog", "eel"], "output": "single-label",
        "preprocessing": {"resize": "direct", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}})";

}  // namespace limn::testing
