// See random_graph.h.
#include "support/random_graph.h"

#include <ATen/CPUGeneratorImpl.h>

#include <random>

namespace limn::testing {
namespace {

class Builder {
 public:
  Builder(std::uint64_t seed, const RandomGraphOptions& options)
      : random_(seed), options_(options) {
    draft_.opset = 13;
    ValueInfo input, output;
    input.name = "input";
    input.shape = {-1, 3, -1, -1};
    input.has_shape = true;
    output.name = "logits";
    draft_.inputs = {input};
    draft_.outputs = {output};
  }

  Draft build() {
    std::string x = convolution("input", 4 + 2 * pick(2), 3);
    x = activation(x);
    for (int block = 0; block < 3; ++block) {
      switch (pick(options_.modern_blocks ? 8 : 4)) {
        case 0: {  // residual
          const std::string main = normalized(
              convolution(activation(normalized(convolution(x, channels_, 3))), channels_, 3));
          x = activation(node("Add", {main, x}));
          break;
        }
        case 1: {  // concatenation of two branches
          const int width = channels_;
          const std::string left = activation(convolution(x, 2, 1));
          channels_ = width;
          const std::string right = activation(convolution(x, 4, 3));
          x = concatenated({left, right}, 6);
          break;
        }
        case 2:
          x = activation(normalized(convolution(x, 2 * (2 + pick(2)), 3, !options_.symmetric)));
          break;
        case 4:  // a wide and a tall kernel
          x = activation(normalized(flat_convolution(x, channels_, {1, 3})));
          x = activation(normalized(flat_convolution(x, channels_, {3, 1})));
          break;
        case 5:  // depthwise, then pointwise, as MobileNet has them
          x = activation(normalized(depthwise(x)));
          x = activation(normalized(convolution(x, 4, 1)));
          break;
        case 6:
          x = dense(x);
          break;
        case 7:
          x = inception(x);
          break;
        default:
          // Pools with shared windows stay symmetric only without stride.
          x = pool(x);
      }
    }
    x = activation(convolution(x, 6, 3));
    x = node("GlobalAveragePool", {x});
    x = node("Flatten", {x});
    Attributes gemm;
    gemm.set("transB", std::int64_t{1});
    std::vector<std::string> inputs = {x, constant({5, channels_})};
    if (options_.bias) inputs.push_back(constant({5}));
    node("Gemm", inputs, gemm, "logits");
    return std::move(draft_);
  }

 private:
  int pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }

  std::string constant(const std::vector<std::int64_t>& shape, bool positive = false) {
    std::normal_distribution<double> normal;
    Tensor t = at::empty(shape, at::TensorOptions(at::kDouble));
    double* data = t.data_ptr<double>();
    for (std::int64_t i = 0; i < t.numel(); ++i) {
      data[i] = positive ? 0.5 + std::abs(normal(random_)) : 0.5 * normal(random_);
    }
    const std::string name = "c" + std::to_string(draft_.constants.size());
    draft_.constants[name] = t;
    return name;
  }

  std::string scalar(double value) {
    const std::string name = "c" + std::to_string(draft_.constants.size());
    draft_.constants[name] = at::full({}, value, at::kDouble);
    return name;
  }

  std::string node(const std::string& op, std::vector<std::string> inputs,
                   Attributes attributes = {}, std::string output = "") {
    if (output.empty()) output = op + std::to_string(draft_.nodes.size());
    draft_.nodes.push_back({.name = output,
                            .op = op,
                            .domain = "",
                            .opset = 13,
                            .attributes = std::move(attributes),
                            .inputs = std::move(inputs),
                            .outputs = {output}});
    return output;
  }

  struct Kernel {
    int rows, columns;
  };

  std::string concatenated(std::vector<std::string> parts, int channels) {
    Attributes attributes;
    attributes.set("axis", std::int64_t{1});
    channels_ = channels;
    return node("Concat", std::move(parts), attributes);
  }

  /// One filter a channel.
  std::string depthwise(const std::string& x) {
    Attributes attributes;
    attributes.set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
    attributes.set("group", std::int64_t{channels_});
    std::vector<std::string> inputs = {x, constant({channels_, 1, 3, 3})};
    if (options_.bias) inputs.push_back(constant({channels_}));
    return node("Conv", inputs, attributes);
  }

  /// Twice concat(x, f(x)) with the norm before f's convolution.
  std::string dense(std::string x) {
    for (int layer = 0; layer < 2; ++layer) {
      const int width = channels_;
      const std::string grown = convolution(activation(normalized(x)), 2, 3);
      x = concatenated({x, grown}, width + 2);
    }
    return activation(x);
  }

  /// 1x1, 1x1 then 1x3, and pool then 1x1, side by side.
  std::string inception(const std::string& x) {
    const int width = channels_;
    const std::string first = activation(convolution(x, 2, 1));
    channels_ = width;
    const std::string narrow = activation(convolution(x, 2, 1));
    const std::string second = activation(flat_convolution(narrow, 2, {1, 3}));
    channels_ = width;
    Attributes attributes;
    attributes.set("kernel_shape", std::vector<std::int64_t>{3, 3});
    attributes.set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
    const std::string third = activation(convolution(node("AveragePool", {x}, attributes), 2, 1));
    return concatenated({first, second, third}, 6);
  }

  /// A kernel that is not square, with "same" padding.
  std::string flat_convolution(const std::string& x, int out, Kernel kernel) {
    Attributes attributes;
    const std::int64_t down = kernel.rows / 2, right = kernel.columns / 2;
    attributes.set("pads", std::vector<std::int64_t>{down, right, down, right});
    std::vector<std::string> inputs = {x, constant({out, channels_, kernel.rows, kernel.columns})};
    if (options_.bias) inputs.push_back(constant({out}));
    channels_ = out;
    return node("Conv", inputs, attributes);
  }

  std::string convolution(const std::string& x, int out, int kernel, bool awkward = false) {
    Attributes attributes;
    int groups = 1;
    if (kernel == 3) attributes.set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
    if (awkward) {
      if (channels_ % 2 == 0 && out % 2 == 0) groups = 1 + pick(2);
      attributes.set("pads", std::vector<std::int64_t>{2, 2, 1, 1});
      attributes.set("dilations", std::vector<std::int64_t>{1 + pick(2), 1});
      attributes.set("strides", std::vector<std::int64_t>{1, 1 + pick(2)});
      attributes.set("group", std::int64_t{groups});
    }
    std::vector<std::string> inputs = {x, constant({out, channels_ / groups, kernel, kernel})};
    if (options_.bias) inputs.push_back(constant({out}));
    channels_ = out;
    return node("Conv", inputs, attributes);
  }

  std::string activation(const std::string& x) {
    if (!options_.activations) return x;
    switch (options_.smooth_activations ? pick(5) : 0) {
      case 1:
        return node("Clip", {x, scalar(0), scalar(6)});
      case 2:
        return node("SiLU", {x});
      case 3:
        return node("Mul", {x, node("Sigmoid", {x})});
      case 4:
        return node("HardSwish", {x});
      default:
        return node("Relu", {x});
    }
  }

  std::string normalized(const std::string& x) {
    if (!options_.batch_norm) return x;
    return node("BatchNormalization", {x, constant({channels_}), constant({channels_}),
                                       constant({channels_}), constant({channels_}, true)});
  }

  std::string pool(const std::string& x) {
    Attributes attributes;
    const std::int64_t stride = options_.symmetric ? 1 : 2;
    attributes.set("kernel_shape", std::vector<std::int64_t>{3, 3});
    attributes.set("strides", std::vector<std::int64_t>{stride, stride});
    attributes.set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
    return node(options_.max_pool && pick(2) == 0 ? "MaxPool" : "AveragePool", {x}, attributes);
  }

  std::mt19937_64 random_;
  RandomGraphOptions options_;
  Draft draft_;
  int channels_ = 3;
};

}  // namespace

Draft random_graph(std::uint64_t seed, const RandomGraphOptions& options) {
  return Builder(seed, options).build();
}

Tensor random_input(std::uint64_t seed, std::int64_t samples) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn({samples, 3, 12, 14}, generator, at::TensorOptions(at::kDouble));
}

Model double_model(const Draft& draft) { return Model(Graph(draft)).to(at::kDouble); }

Draft permuted_classes(Draft draft, const Tensor& order) {
  const auto& last = draft.nodes.back();
  for (std::size_t i = 1; i < last.inputs.size(); ++i) {
    draft.constants[last.inputs[i]] = draft.constants[last.inputs[i]].index_select(0, order);
  }
  return draft;
}

bool all_zero(const Tensor& map) { return map.abs().max().item<double>() == 0; }

}  // namespace limn::testing
