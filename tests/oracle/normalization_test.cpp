// The normalizations against plain loops, and their views against the same loops with the divisor
// held.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;
using Key = std::function<Sizes(const Sizes&)>;

/// scale * (y - mean of y's block) / sqrt(variance of x's block + epsilon) + shift.
Tensor normalize_loop(const Tensor& x, const Tensor& y, const Key& block, double epsilon,
                      const Tensor& scale, const Tensor& shift) {
  struct Sums {
    double count = 0, x = 0, square = 0, y = 0;
  };
  std::map<Sizes, Sums> all;
  const Box held(x), in(y), out(x.sizes().vec());
  const Box factor(scale.expand_as(x)), offset(shift.expand_as(x));
  for_each_index(x.sizes().vec(), [&](const Sizes& at) {
    Sums& sums = all[block(at)];
    sums.count += 1;
    sums.x += held.at(at);
    sums.y += in.at(at);
  });
  for_each_index(x.sizes().vec(), [&](const Sizes& at) {
    Sums& sums = all[block(at)];
    const double distance = held.at(at) - sums.x / sums.count;
    sums.square += distance * distance;
  });
  for_each_index(x.sizes().vec(), [&](const Sizes& at) {
    const Sums& sums = all[block(at)];
    out.at(at) = factor.at(at) * (in.at(at) - sums.y / sums.count) /
                     std::sqrt(sums.square / sums.count + epsilon) +
                 offset.at(at);
  });
  return out.tensor();
}

/// The view at x equals `held(y)` for any y, and its transpose is the transpose of that matrix.
void expect_frozen_view(const Node& node, const Tensors& in,
                        const std::function<Tensor(const Tensor&)>& held) {
  const std::unique_ptr<bool[]> constant(new bool[in.size()]);
  for (std::size_t i = 0; i < in.size(); ++i) constant[i] = i > 0;
  const auto view = node.spec->linear_view(node, in, {constant.get(), in.size()});
  const Tensor x = in[0], w = view->weight(), b = view->bias();
  EXPECT_LT(relative_error(view->apply(x, w, b), node.spec->forward(node, in)[0]), kExact);
  const Tensor y = random_tensor(x.sizes());
  EXPECT_LT(relative_error(view->apply(y, w, b), held(y)), kExact);
  const Tensor s = random_tensor(x.sizes()), zero = at::zeros_like(x);
  const Tensor pulled = view->pull_x(s, w), offset = held(zero);
  Tensor want = at::zeros_like(x);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    Tensor unit = zero.clone();
    unit.view({-1})[i] = 1;
    want.view({-1})[i] = ((held(unit) - offset) * s).sum();
  }
  EXPECT_LT(relative_error(pulled, want), kExact);
  EXPECT_LT(relative_error(view->pull_x(at::cat({s, s * 2}), w), at::cat({want, want * 2})),
            kExact);
}

Tensor per_channel(const Tensor& values, const Tensor& x) {
  Sizes sizes(static_cast<std::size_t>(x.dim() - 1), 1);
  sizes[0] = -1;
  return values.reshape(sizes);
}

TEST(LayerNormalization, EqualsPlainLoopsAndItsViewHoldsTheDeviation) {
  at::manual_seed(61);
  const Tensor x = random_tensor({2, 3, 4, 2});
  for (const std::int64_t axis : {1, 2, -1}) {
    const auto first = static_cast<std::size_t>(axis < 0 ? axis + 4 : axis);
    const at::IntArrayRef shape = x.sizes().slice(first);
    for (const Sizes& parameters : {shape.vec(), Sizes{1}, Sizes{2}}) {
      Attributes attributes;
      attributes.set("axis", axis);
      attributes.set("epsilon", 0.1);
      const Graph graph = one_node("LayerNormalization", 17, attributes, 3, 3);
      const Node& node = graph.nodes()[0];
      const Tensors in{x, random_tensor(parameters), random_tensor(parameters)};
      const Key block = [&](const Sizes& at) {
        return Sizes(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(first));
      };
      const auto held = [&](const Tensor& y) {
        return normalize_loop(x, y, block, 0.1, in[1], in[2]);
      };
      const Tensors out = node.spec->forward(node, in);
      EXPECT_LT(relative_error(out[0], held(x)), kExact);
      Sizes rest;
      for (std::int64_t i = static_cast<std::int64_t>(first); i < 4; ++i) rest.push_back(i);
      EXPECT_LT(relative_error(out[1], x.mean(rest, true)), kExact);
      EXPECT_LT(relative_error(out[2], (x.var(rest, false, true) + 0.1).rsqrt()), kExact);
      expect_frozen_view(node, in, held);
    }
  }
}

TEST(InstanceNormalization, EqualsPlainLoops) {
  at::manual_seed(62);
  for (const Sizes& sizes : {Sizes{2, 3, 4}, Sizes{2, 3, 4, 2}}) {
    const Graph graph = one_node("InstanceNormalization", 6, {}, 3);
    const Node& node = graph.nodes()[0];
    const Tensors in{random_tensor(sizes), random_tensor({3}), random_tensor({3})};
    const Key block = [](const Sizes& at) { return Sizes{at[0], at[1]}; };
    const auto held = [&](const Tensor& y) {
      return normalize_loop(in[0], y, block, 1e-5, per_channel(in[1], y), per_channel(in[2], y));
    };
    EXPECT_LT(relative_error(node.spec->forward(node, in)[0], held(in[0])), kExact);
    expect_frozen_view(node, in, held);
  }
}

TEST(GroupNormalization, HasParametersPerGroupIn18AndPerChannelIn21) {
  at::manual_seed(63);
  for (const int opset : {18, 21}) {
    Attributes attributes;
    attributes.set("num_groups", std::int64_t{2});
    attributes.set("epsilon", 0.01);
    const Graph graph = one_node("GroupNormalization", opset, attributes, 3);
    const Node& node = graph.nodes()[0];
    const std::int64_t count = opset == 18 ? 2 : 6;
    const Tensors in{random_tensor({2, 6, 3, 2}), random_tensor({count}), random_tensor({count})};
    Tensor scale = at::zeros({6}, at::kDouble), shift = at::zeros({6}, at::kDouble);
    for (std::int64_t channel = 0; channel < 6; ++channel) {
      scale[channel] = in[1][opset == 18 ? channel / 3 : channel];
      shift[channel] = in[2][opset == 18 ? channel / 3 : channel];
    }
    const Key block = [](const Sizes& at) { return Sizes{at[0], at[1] / 3}; };
    const auto held = [&](const Tensor& y) {
      return normalize_loop(in[0], y, block, 0.01, per_channel(scale, y), per_channel(shift, y));
    };
    EXPECT_LT(relative_error(node.spec->forward(node, in)[0], held(in[0])), kExact);
    expect_frozen_view(node, in, held);
  }
}

TEST(Lrn, DividesByNeighboringChannels) {
  at::manual_seed(64);
  for (const std::int64_t size : {1, 3, 4}) {
    for (const Sizes& sizes : {Sizes{2, 5, 3}, Sizes{1, 5, 2, 3}}) {
      Attributes attributes;
      attributes.set("size", size);
      attributes.set("alpha", 0.5);
      attributes.set("beta", 0.6);
      attributes.set("bias", 1.5);
      const Graph graph = one_node("LRN", 13, attributes, 1);
      const Node& node = graph.nodes()[0];
      const Tensors in{random_tensor(sizes)};
      const Box x(in[0]), factor(sizes);
      for_each_index(sizes, [&](const Sizes& at) {
        double sum = 0;
        // floor((size - 1) / 2) channels before, ceil((size - 1) / 2) after.
        for (std::int64_t c = at[1] - (size - 1) / 2; c <= at[1] + size / 2; ++c) {
          Sizes other = at;
          other[1] = c;
          if (x.contains(other)) sum += x.at(other) * x.at(other);
        }
        factor.at(at) = std::pow(1.5 + 0.5 / static_cast<double>(size) * sum, -0.6);
      });
      const auto held = [&](const Tensor& y) { return y * factor.tensor(); };
      EXPECT_LT(relative_error(node.spec->forward(node, in)[0], held(in[0])), kExact);
      expect_frozen_view(node, in, held);
    }
  }
}

TEST(LpNormalization, DividesByTheNormAndLeavesZeros) {
  at::manual_seed(65);
  for (const std::int64_t p : {1, 2}) {
    for (const std::int64_t axis : {1, -1}) {
      Attributes attributes;
      attributes.set("axis", axis);
      attributes.set("p", p);
      const Graph graph = one_node("LpNormalization", 1, attributes, 1);
      const Node& node = graph.nodes()[0];
      const Tensors in{random_tensor({2, 3, 4})};
      in[0].select(axis, 0).select(0, 0).zero_();
      const Box x(in[0]), factor(Sizes{2, 3, 4});
      for_each_index({2, 3, 4}, [&](const Sizes& at) {
        double sum = 0;
        Sizes other = at;
        auto& moving = other[axis == 1 ? 1 : 2];
        for (moving = 0; moving < (axis == 1 ? 3 : 4); ++moving) {
          sum += std::pow(std::abs(x.at(other)), static_cast<double>(p));
        }
        factor.at(at) = sum > 0 ? 1 / std::pow(sum, 1.0 / static_cast<double>(p)) : 1;
      });
      const auto held = [&](const Tensor& y) { return y * factor.tensor(); };
      EXPECT_LT(relative_error(node.spec->forward(node, in)[0], held(in[0])), kExact);
      expect_frozen_view(node, in, held);
    }
  }
  const Graph graph = one_node("LpNormalization", 1, {}, 1);
  const Tensor zeros = at::zeros({2, 3}, at::kDouble);
  EXPECT_TRUE(
      at::equal(graph.nodes()[0].spec->forward(graph.nodes()[0], Tensors{zeros})[0], zeros));
}

TEST(MeanVarianceNormalization, EqualsPlainLoops) {
  at::manual_seed(66);
  for (const bool chosen : {false, true}) {
    Attributes attributes;
    if (chosen) attributes.set("axes", Sizes{2, -1});
    const Graph graph = one_node("MeanVarianceNormalization", 13, attributes, 1);
    const Tensor x = random_tensor({2, 3, 4, 2});
    const Key block = [&](const Sizes& at) { return chosen ? Sizes{at[0], at[1]} : Sizes{at[1]}; };
    const Tensor one = at::ones({}, at::kDouble), none = at::zeros({}, at::kDouble);
    // ONNX adds 1e-9 to the deviation, which moves the result by that much.
    EXPECT_LT(relative_error(graph.nodes()[0].spec->forward(graph.nodes()[0], Tensors{x})[0],
                             normalize_loop(x, x, block, 0, one, none)),
              3e-9);
  }
}

TEST(Normalization, RefusesAttributesThatMakeNoSense) {
  EXPECT_THROW(one_node("LRN", 13, {}, 1), Error);
  Attributes attributes;
  attributes.set("p", std::int64_t{3});
  EXPECT_THROW(one_node("LpNormalization", 1, attributes, 1), Error);
}

}  // namespace
}  // namespace limn::testing
