// A small net that is written down once, as a list of steps: it trains on libtorch and turns into
// an ONNX draft node by node, so that the two cannot differ.
#pragma once
#include <torch/nn.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "limn/graph.h"

namespace limn::train_demo {

/// Values are numbered; 0 is the input. Each function adds a step and returns its value.
class Net : public torch::nn::Module {
 public:
  int conv(const std::string& name, int x, int inputs, int outputs, int kernel, int stride = 1,
           bool bias = true);
  int batch_norm(const std::string& name, int x, int channels);
  int linear(const std::string& name, int x, int inputs, int outputs);
  int relu(const std::string& name, int x);
  int max_pool(const std::string& name, int x);      ///< 2x2
  int average_pool(const std::string& name, int x);  ///< 2x2
  int global_average_pool(const std::string& name, int x);
  int flatten(const std::string& name, int x);
  int add(const std::string& name, int a, int b);
  int concat(const std::string& name, const std::vector<int>& parts);
  /// Batch norm behind a convolution with a bias, folded into it in the draft.
  int folded_batch_norm(int x, int channels);
  /// Active while training, absent from the draft.
  int dropout(int x, double share);

  torch::Tensor forward(const torch::Tensor& x);
  /// Opset 13; input `input` [batch, 3, height, width], the last value is called `logits`.
  Draft draft(const std::string& name, int classes) const;

 private:
  struct Step {
    std::string name, op;
    std::vector<int> inputs;
    std::function<torch::Tensor(const std::vector<torch::Tensor>&)> run;
    Attributes attributes;
    std::vector<std::pair<std::string, torch::Tensor>> weights;
  };
  int push(Step step);
  static void fold(const Step& norm, const std::string& conv, Draft& draft);
  template <typename Holder>
  Holder keep(const std::string& name, Holder module);
  std::vector<Step> steps_;
};

template <typename Holder>
Holder Net::keep(const std::string& name, Holder module) {
  std::string flat = name;
  std::replace(flat.begin(), flat.end(), '.', '_');
  return register_module(flat, module);
}

inline int Net::push(Step step) {
  steps_.push_back(std::move(step));
  return static_cast<int>(steps_.size());
}

inline int Net::conv(const std::string& name, int x, int inputs, int outputs, int kernel,
                     int stride, bool bias) {
  auto module = keep(name, torch::nn::Conv2d(torch::nn::Conv2dOptions(inputs, outputs, kernel)
                                                 .stride(stride)
                                                 .padding(kernel / 2)
                                                 .bias(bias)));
  torch::nn::init::kaiming_normal_(module->weight, 0, torch::kFanOut, torch::kReLU);
  if (bias) torch::nn::init::zeros_(module->bias);
  Step step{name, "Conv", {x}, [module](const auto& in) mutable { return module(in[0]); }, {}, {}};
  const std::int64_t k = kernel, s = stride, p = kernel / 2;
  step.attributes.set("kernel_shape", std::vector<std::int64_t>{k, k});
  step.attributes.set("strides", std::vector<std::int64_t>{s, s});
  step.attributes.set("pads", std::vector<std::int64_t>{p, p, p, p});
  step.weights.emplace_back("weight", module->weight);
  if (bias) step.weights.emplace_back("bias", module->bias);
  return push(std::move(step));
}

inline int Net::batch_norm(const std::string& name, int x, int channels) {
  auto module = keep(name, torch::nn::BatchNorm2d(channels));
  Step step{name, "BatchNormalization",
            {x},  [module](const auto& in) mutable {
              return module(in[0]); },
            {},   {}};
  step.attributes.set("epsilon", 1e-5);
  step.weights = {{"weight", module->weight},
                  {"bias", module->bias},
                  {"running_mean", module->running_mean},
                  {"running_var", module->running_var}};
  return push(std::move(step));
}

inline int Net::folded_batch_norm(int x, int channels) {
  const int value = batch_norm("folded" + std::to_string(x), x, channels);
  steps_.back().op.clear();
  return value;
}

inline int Net::linear(const std::string& name, int x, int inputs, int outputs) {
  auto module = keep(name, torch::nn::Linear(inputs, outputs));
  torch::nn::init::kaiming_normal_(module->weight, 0, torch::kFanIn, torch::kReLU);
  torch::nn::init::zeros_(module->bias);
  Step step{name, "Gemm", {x}, [module](const auto& in) mutable { return module(in[0]); }, {}, {}};
  step.attributes.set("transB", std::int64_t{1});
  step.weights = {{"weight", module->weight}, {"bias", module->bias}};
  return push(std::move(step));
}

inline int Net::relu(const std::string& name, int x) {
  return push({name, "Relu", {x}, [](const auto& in) { return torch::relu(in[0]); }, {}, {}});
}

inline int Net::max_pool(const std::string& name, int x) {
  Step step{name, "MaxPool", {x}, [](const auto& in) { return torch::max_pool2d(in[0], 2); },
            {},   {}};
  step.attributes.set("kernel_shape", std::vector<std::int64_t>{2, 2});
  step.attributes.set("strides", std::vector<std::int64_t>{2, 2});
  return push(std::move(step));
}

inline int Net::average_pool(const std::string& name, int x) {
  Step step{
      name, "AveragePool", {x}, [](const auto& in) {
              return torch::avg_pool2d(in[0], 2); }, {}, {}};
  step.attributes.set("kernel_shape", std::vector<std::int64_t>{2, 2});
  step.attributes.set("strides", std::vector<std::int64_t>{2, 2});
  return push(std::move(step));
}

inline int Net::global_average_pool(const std::string& name, int x) {
  return push({name,
               "GlobalAveragePool",
               {x},
               [](const auto& in) {
                 return torch::adaptive_avg_pool2d(in[0], {1, 1});
               },
               {},
               {}});
}

inline int Net::flatten(const std::string& name, int x) {
  Step step{name, "Flatten", {x}, [](const auto& in) {
              return in[0].contiguous().flatten(1); },
            {},   {}};
  step.attributes.set("axis", std::int64_t{1});
  return push(std::move(step));
}

inline int Net::add(const std::string& name, int a, int b) {
  return push({name, "Add", {a, b}, [](const auto& in) { return in[0] + in[1]; }, {}, {}});
}

inline int Net::concat(const std::string& name, const std::vector<int>& parts) {
  Step step{name, "Concat", parts, [](const auto& in) { return torch::cat(in, 1); }, {}, {}};
  step.attributes.set("axis", std::int64_t{1});
  return push(std::move(step));
}

inline int Net::dropout(int x, double share) {
  auto module = keep("dropout" + std::to_string(x), torch::nn::Dropout(share));
  return push({"", "", {x}, [module](const auto& in) mutable { return module(in[0]); }, {}, {}});
}

inline torch::Tensor Net::forward(const torch::Tensor& x) {
  std::vector<torch::Tensor> values{x};
  for (const Step& step : steps_) {
    std::vector<torch::Tensor> inputs;
    for (int input : step.inputs) inputs.push_back(values[static_cast<std::size_t>(input)]);
    values.push_back(step.run(inputs));
  }
  return values.back();
}

/// w' = w g / sqrt(var + eps), b' = (b - mean) g / sqrt(var + eps) + beta.
inline void Net::fold(const Step& norm, const std::string& conv, Draft& draft) {
  const torch::NoGradGuard no_grad;
  const auto weight = [&](std::size_t i) { return norm.weights[i].second.detach(); };
  const torch::Tensor scale = weight(0) / (weight(3) + norm.attributes.real("epsilon", 0)).sqrt();
  torch::Tensor& w = draft.constants.at(conv + ".weight");
  torch::Tensor& b = draft.constants.at(conv + ".bias");
  w = w * scale.view({-1, 1, 1, 1});
  b = (b - weight(2)) * scale + weight(1);
}

inline Draft Net::draft(const std::string& name, int classes) const {
  Draft draft;
  draft.name = name;
  draft.opset = 13;
  draft.inputs = {{"input", at::kFloat, {-1, 3, -1, -1}, {"batch", "", "height", "width"}, true}};
  draft.outputs = {{"logits", at::kFloat, {-1, classes}, {"batch", ""}, true}};
  std::vector<std::string> names{"input"};
  for (const Step& step : steps_) {
    if (step.op.empty()) {
      names.push_back(names[static_cast<std::size_t>(step.inputs[0])]);
      if (!step.weights.empty()) fold(step, names.back(), draft);
      continue;
    }
    const bool last = &step == &steps_.back();
    names.push_back(last ? "logits" : step.name);
    DraftNode node{step.name, step.op, "", draft.opset, step.attributes, {}, {names.back()}};
    for (int input : step.inputs) node.inputs.push_back(names[static_cast<std::size_t>(input)]);
    for (const auto& [suffix, weight] : step.weights) {
      node.inputs.push_back(step.name + "." + suffix);
      draft.constants[node.inputs.back()] = weight.detach().clone().contiguous();
    }
    draft.nodes.push_back(std::move(node));
  }
  return draft;
}

}  // namespace limn::train_demo
