// The pools against plain loops: padded, dilated, with ceil_mode, in 1 to 3 dimensions.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;

struct Case {
  Sizes kernel, stride, dilation, pads;
  bool ceil = false, count_pads = false, by_column = false;
  std::int64_t power = 2;
};

Case random_case(Dice& dice, std::size_t rank, bool asymmetric) {
  Case c{dice.list(rank, 1, 3), dice.list(rank, 1, 3), dice.list(rank, 1, 2), Sizes(2 * rank, 0)};
  for (std::size_t axis = 0; axis < rank; ++axis) {
    c.pads[axis] = dice(0, c.kernel[axis] / 2);
    c.pads[axis + rank] = asymmetric ? dice(0, c.kernel[axis] - 1) : c.pads[axis];
  }
  c.ceil = dice(0, 1) == 1;
  c.count_pads = dice(0, 1) == 1;
  c.by_column = dice(0, 1) == 1;
  c.power = dice(1, 3);
  return c;
}

Attributes attributes_of(const Case& c) {
  Attributes attributes;
  attributes.set("kernel_shape", c.kernel);
  attributes.set("strides", c.stride);
  attributes.set("dilations", c.dilation);
  attributes.set("pads", c.pads);
  attributes.set("ceil_mode", std::int64_t{c.ceil});
  return attributes;
}

/// Window starts on one axis: each must fit between the pads, or, with ceil, begin before the end
/// pad.
Sizes starts(const Case& c, std::size_t axis, std::int64_t size) {
  const std::size_t rank = c.kernel.size();
  const std::int64_t begin = c.pads[axis], end = c.pads[axis + rank];
  const std::int64_t extent = (c.kernel[axis] - 1) * c.dilation[axis] + 1;
  Sizes found;
  for (std::int64_t at = -begin;; at += c.stride[axis]) {
    if (at + extent <= size + end) {
      found.push_back(at);
      continue;
    }
    // The first window that does not fit; ceil keeps it where part of the stride is covered.
    const bool partly = at - c.stride[axis] + extent < size + end || found.empty();
    if (c.ceil && partly && at < size) found.push_back(at);
    return found;
  }
}

/// Calls visit(output index, list of (input index, counts as pad)) for every window.
template <typename Visit>
Sizes windows(const Case& c, const Tensor& x, Visit&& visit) {
  const std::size_t rank = c.kernel.size();
  std::vector<Sizes> begin;
  Sizes out_sizes{x.size(0), x.size(1)}, spatial;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    spatial.push_back(x.size(static_cast<std::int64_t>(axis) + 2));
    begin.push_back(starts(c, axis, spatial.back()));
    out_sizes.push_back(static_cast<std::int64_t>(begin.back().size()));
  }
  for_each_index(out_sizes, [&](const Sizes& out) {
    std::vector<Sizes> inside;
    std::int64_t padded = 0;
    for_each_index(c.kernel, [&](const Sizes& tap) {
      Sizes at{out[0], out[1]};
      bool in = true, in_pads = true;
      for (std::size_t axis = 0; axis < rank; ++axis) {
        const std::int64_t place =
            begin[axis][static_cast<std::size_t>(out[axis + 2])] + tap[axis] * c.dilation[axis];
        at.push_back(place);
        in = in && place >= 0 && place < spatial[axis];
        in_pads = in_pads && place < spatial[axis] + c.pads[axis + rank];
      }
      if (in) inside.push_back(at);
      padded += in_pads;
    });
    visit(out, inside, padded);
  });
  return out_sizes;
}

Sizes out_sizes_of(const Case& c, const Tensor& x) {
  return windows(c, x, [](const Sizes&, const std::vector<Sizes>&, std::int64_t) {});
}

Tensor random_input(Dice& dice, std::size_t rank) {
  Sizes sizes{dice(1, 3), dice(1, 2)};
  for (std::size_t axis = 0; axis < rank; ++axis) sizes.push_back(dice(5, rank == 3 ? 6 : 8));
  return random_tensor(sizes);
}

TEST(AveragePool, EqualsPlainLoopsAndItsViewTheJacobian) {
  Dice dice(11);
  at::manual_seed(11);
  for (int trial = 0; trial < 60; ++trial) {
    const auto rank = static_cast<std::size_t>(trial % 3 + 1);
    Case c = random_case(dice, rank, trial % 2 == 0);
    if (trial % 4 < 2) c.dilation.assign(rank, 1);
    Attributes attributes = attributes_of(c);
    attributes.set("count_include_pad", std::int64_t{c.count_pads});
    const Graph graph = one_node("AveragePool", 19, attributes, 1);
    const Node& node = graph.nodes()[0];
    const Tensors in{random_input(dice, rank)};
    const Box x(in[0]), want(out_sizes_of(c, in[0]));
    windows(c, in[0], [&](const Sizes& out, const std::vector<Sizes>& inside, std::int64_t padded) {
      double sum = 0;
      for (const Sizes& at : inside) sum += x.at(at);
      const auto count = static_cast<double>(c.count_pads ? padded : std::ssize(inside));
      want.at(out) = count > 0 ? sum / count : 0;
    });
    ASSERT_LT(relative_error(node.spec->forward(node, in)[0], want.tensor()), kExact)
        << "trial " << trial;
    expect_view(node, in, 0);
    ASSERT_FALSE(HasFailure()) << "trial " << trial;
  }
}

TEST(GlobalAveragePool, IsTheMean) {
  at::manual_seed(12);
  for (const Sizes& sizes : {Sizes{2, 3, 4}, Sizes{2, 3, 4, 2}, Sizes{2, 1, 2, 3, 2}}) {
    const Graph graph = one_node("GlobalAveragePool", 1, {}, 1);
    const Node& node = graph.nodes()[0];
    const Tensors in{random_tensor(sizes)};
    Sizes out_sizes(sizes.size(), 1);
    out_sizes[0] = sizes[0];
    out_sizes[1] = sizes[1];
    const Box x(in[0]), want(out_sizes);
    for_each_index(sizes, [&](const Sizes& at) {
      Sizes to = out_sizes;
      std::ranges::fill(to, 0);
      to[0] = at[0];
      to[1] = at[1];
      want.at(to) +=
          x.at(at) * static_cast<double>(sizes[0] * sizes[1]) / static_cast<double>(in[0].numel());
    });
    EXPECT_LT(relative_error(node.spec->forward(node, in)[0], want.tensor()), kExact);
    expect_view(node, in, 0);
  }
}

TEST(MaxPool, EqualsPlainLoopsWithOnnxIndices) {
  Dice dice(13);
  at::manual_seed(13);
  for (int trial = 0; trial < 60; ++trial) {
    const auto rank = static_cast<std::size_t>(trial % 3 + 1);
    const Case c = random_case(dice, rank, trial % 2 == 0);
    Attributes attributes = attributes_of(c);
    attributes.set("storage_order", std::int64_t{c.by_column});
    const Graph graph = one_node("MaxPool", 12, attributes, 1, 2);
    const Node& node = graph.nodes()[0];
    const Tensors in{random_input(dice, rank)};
    const Tensor& data = in[0];
    const Sizes out_sizes = out_sizes_of(c, data);
    const Box x(data), values(out_sizes), places(out_sizes);
    bool empty_window = false;
    windows(c, data, [&](const Sizes& out, const std::vector<Sizes>& inside, std::int64_t) {
      empty_window = empty_window || inside.empty();
      values.at(out) = -std::numeric_limits<double>::infinity();
      for (const Sizes& at : inside) {
        if (x.at(at) <= values.at(out)) continue;
        values.at(out) = x.at(at);
        std::int64_t index = at[0] * data.size(1) + at[1];
        for (std::size_t i = 0; i < rank; ++i) {
          const std::size_t axis = c.by_column ? rank - 1 - i : i;
          index = index * data.size(static_cast<std::int64_t>(axis) + 2) + at[axis + 2];
        }
        places.at(out) = static_cast<double>(index);
      }
    });
    if (empty_window) continue;
    const Tensors got = node.spec->forward(node, in);
    ASSERT_LT(relative_error(got[0], values.tensor()), kExact) << "trial " << trial;
    ASSERT_TRUE(at::equal(got[1].to(at::kDouble), places.tensor())) << "trial " << trial;
    expect_vjp(node, in, {1});
    ASSERT_FALSE(HasFailure()) << "trial " << trial;
  }
}

TEST(MaxPool, TakesSmallIntegers) {
  Attributes attributes;
  attributes.set("kernel_shape", Sizes{2});
  const Graph graph = one_node("MaxPool", 12, attributes, 1);
  const Tensor x = at::tensor({3, 1, 2}, at::kByte).reshape({1, 1, 3});
  const Tensor z = graph.nodes()[0].spec->forward(graph.nodes()[0], Tensors{x})[0];
  EXPECT_EQ(z.scalar_type(), at::kByte);
  EXPECT_TRUE(at::equal(z, at::tensor({3, 2}, at::kByte).reshape({1, 1, 2})));
}

TEST(GlobalMaxPool, IsTheMaximum) {
  at::manual_seed(14);
  const Graph graph = one_node("GlobalMaxPool", 1, {}, 1);
  const Node& node = graph.nodes()[0];
  const Tensors in{random_tensor({2, 3, 4, 5})};
  const Box x(in[0]), want(Sizes{2, 3, 1, 1});
  want.tensor().fill_(-1e9);
  for_each_index({2, 3, 4, 5}, [&](const Sizes& at) {
    double& best = want.at({at[0], at[1], 0, 0});
    best = std::max(best, x.at(at));
  });
  EXPECT_TRUE(at::equal(node.spec->forward(node, in)[0], want.tensor()));
  expect_vjp(node, in, {1});
}

TEST(LpPool, EqualsPlainLoops) {
  Dice dice(16);
  at::manual_seed(16);
  for (int trial = 0; trial < 30; ++trial) {
    const auto rank = static_cast<std::size_t>(trial % 3 + 1);
    const Case c = random_case(dice, rank, trial % 2 == 0);
    Attributes attributes = attributes_of(c);
    attributes.set("p", c.power);
    const Graph graph = one_node("LpPool", 18, attributes, 1);
    const Node& node = graph.nodes()[0];
    const Tensors in{random_input(dice, rank)};
    const auto p = static_cast<double>(c.power);
    const Box x(in[0]), want(out_sizes_of(c, in[0]));
    bool empty_window = false;
    windows(c, in[0], [&](const Sizes& out, const std::vector<Sizes>& inside, std::int64_t) {
      empty_window = empty_window || inside.empty();
      for (const Sizes& at : inside) want.at(out) += std::pow(std::abs(x.at(at)), p);
      want.at(out) = std::pow(want.at(out), 1 / p);
    });
    ASSERT_LT(relative_error(node.spec->forward(node, in)[0], want.tensor()), kExact)
        << "trial " << trial;
    // Autograd divides 0 by 0 in windows of pads alone.
    if (!empty_window) expect_vjp(node, in, {1});
    ASSERT_FALSE(HasFailure()) << "trial " << trial;
  }
}

TEST(LpPool, GradientIsZeroWhereTheWindowIs) {
  Attributes attributes;
  attributes.set("kernel_shape", Sizes{2});
  const Graph graph = one_node("LpPool", 18, attributes, 1);
  const Node& node = graph.nodes()[0];
  const Tensors in{at::tensor({0.0, 0.0, 3.0}).reshape({1, 1, 3})};
  const Tensors out = node.spec->forward(node, in), ones{at::ones_like(out[0])};
  const Tensor grad = node.spec->vjp(node, in, out, ones, std::array<bool, 1>{true})[0];
  EXPECT_TRUE(at::equal(grad, at::tensor({0.0, 0.0, 1.0}).reshape({1, 1, 3})));
}

TEST(GlobalLpPool, IsTheNorm) {
  at::manual_seed(17);
  for (const std::int64_t p : {1, 2, 3}) {
    Attributes attributes;
    attributes.set("p", p);
    const Graph graph = one_node("GlobalLpPool", 2, attributes, 1);
    const Node& node = graph.nodes()[0];
    const Tensors in{random_tensor({2, 3, 4, 2})};
    const Box x(in[0]), want(Sizes{2, 3, 1, 1});
    for_each_index({2, 3, 4, 2}, [&](const Sizes& at) {
      want.at({at[0], at[1], 0, 0}) += std::pow(std::abs(x.at(at)), static_cast<double>(p));
    });
    EXPECT_LT(relative_error(node.spec->forward(node, in)[0],
                             want.tensor().pow(1.0 / static_cast<double>(p))),
              kExact);
    expect_vjp(node, in, {1});
  }
}

TEST(Pools, SamePadsEqualExplicitOnes) {
  at::manual_seed(15);
  const Tensors in{random_tensor({1, 2, 6, 5})};
  for (const char* op : {"MaxPool", "AveragePool"}) {
    for (const bool lower : {false, true}) {
      Attributes same, pads;
      for (Attributes* attributes : {&same, &pads}) {
        attributes->set("kernel_shape", Sizes{3, 2});
        attributes->set("strides", Sizes{2, 2});
      }
      same.set("auto_pad", std::string(lower ? "SAME_LOWER" : "SAME_UPPER"));
      pads.set("pads", lower ? Sizes{1, 1, 0, 0} : Sizes{0, 0, 1, 1});
      const Graph a = one_node(op, 11, same, 1), b = one_node(op, 11, pads, 1);
      EXPECT_TRUE(at::equal(a.nodes()[0].spec->forward(a.nodes()[0], in)[0],
                            b.nodes()[0].spec->forward(b.nodes()[0], in)[0]));
    }
  }
}

}  // namespace
}  // namespace limn::testing
