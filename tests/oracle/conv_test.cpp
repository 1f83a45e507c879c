// Conv and its LinearView against plain loops.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;

struct Case {
  Sizes kernel, stride, dilation, pads;
  std::int64_t groups = 1;
};

/// pads = begins, then ends.
Tensor conv_loop(const Tensor& x, const Tensor& w, const Tensor& b, const Case& c) {
  const std::size_t rank = c.kernel.size();
  const Box in(x), weight(w), bias(b);
  const std::int64_t inner = w.size(1), per_group = w.size(0) / c.groups;
  Sizes out_sizes{x.size(0), w.size(0)};
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t size = x.size(static_cast<std::int64_t>(axis) + 2);
    const std::int64_t room =
        size + c.pads[axis] + c.pads[axis + rank] - (c.kernel[axis] - 1) * c.dilation[axis] - 1;
    out_sizes.push_back(room / c.stride[axis] + 1);
  }
  const Box out(out_sizes);
  for_each_index(out_sizes, [&](const Sizes& o) {
    double sum = bias.at({o[1]});
    for (std::int64_t channel = 0; channel < inner; ++channel) {
      for_each_index(c.kernel, [&](const Sizes& tap) {
        Sizes from{o[0], o[1] / per_group * inner + channel}, at{o[1], channel};
        for (std::size_t axis = 0; axis < rank; ++axis) {
          from.push_back(o[axis + 2] * c.stride[axis] - c.pads[axis] +
                         tap[axis] * c.dilation[axis]);
          at.push_back(tap[axis]);
        }
        if (in.contains(from)) sum += in.at(from) * weight.at(at);
      });
    }
    out.at(o) = sum;
  });
  return out.tensor();
}

TEST(Conv, EqualsPlainLoopsAndItsViewTheJacobian) {
  Dice dice(7);
  at::manual_seed(7);
  for (int trial = 0; trial < 30; ++trial) {
    const auto rank = static_cast<std::size_t>(trial % 3 + 1);
    Case c{dice.list(rank, 1, 3), dice.list(rank, 1, 3), dice.list(rank, 1, 2),
           dice.list(2 * rank, 0, 2), dice(1, 2)};
    if (trial % 4 == 0) std::copy_n(c.pads.begin(), rank, c.pads.begin() + static_cast<long>(rank));
    const std::int64_t inner = dice(1, 2), outer = c.groups * dice(1, 2);
    Sizes x_sizes{dice(1, 3), inner * c.groups}, w_sizes{outer, inner};
    for (std::size_t axis = 0; axis < rank; ++axis) {
      x_sizes.push_back(dice(5, rank == 3 ? 5 : 7));
      w_sizes.push_back(c.kernel[axis]);
    }
    Attributes attributes;
    attributes.set("strides", c.stride);
    attributes.set("dilations", c.dilation);
    attributes.set("pads", c.pads);
    attributes.set("group", c.groups);
    attributes.set("kernel_shape", c.kernel);
    const Graph graph = one_node("Conv", 11, attributes, 3);
    const Tensors in{random_tensor(x_sizes), random_tensor(w_sizes), random_tensor({outer})};
    const Tensor z = graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0];
    ASSERT_LT(relative_error(z, conv_loop(in[0], in[1], in[2], c)), kExact) << "trial " << trial;
    expect_view(graph.nodes()[0], in, 0);
    expect_vjp(graph.nodes()[0], in, {1, 1, 1});
    ASSERT_FALSE(HasFailure()) << "trial " << trial;
  }
}

TEST(Conv, AutoPadSplitsTheOddPadAsOnnxSays) {
  at::manual_seed(1);
  const Tensors in{random_tensor({2, 2, 6, 7}), random_tensor({3, 2, 4, 2}), random_tensor({3})};
  const auto with = [&](const std::string& mode) {
    Attributes attributes;
    attributes.set("auto_pad", mode);
    attributes.set("strides", Sizes{1, 2});
    const Graph graph = one_node("Conv", 11, attributes, 3);
    expect_view(graph.nodes()[0], in, 0);
    return graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0];
  };
  const Sizes kernel{4, 2}, stride{1, 2}, one{1, 1};
  EXPECT_LT(relative_error(with("SAME_UPPER"),
                           conv_loop(in[0], in[1], in[2], {kernel, stride, one, {1, 0, 2, 1}})),
            kExact);
  EXPECT_LT(relative_error(with("SAME_LOWER"),
                           conv_loop(in[0], in[1], in[2], {kernel, stride, one, {2, 1, 1, 0}})),
            kExact);
  EXPECT_LT(relative_error(with("VALID"),
                           conv_loop(in[0], in[1], in[2], {kernel, stride, one, {0, 0, 0, 0}})),
            kExact);
}

TEST(Conv, KeepsChannelsLastBothWays) {
  for (const bool asymmetric : {false, true}) {
    Attributes attributes;
    attributes.set("pads", asymmetric ? Sizes{0, 0, 1, 1} : Sizes{1, 1, 1, 1});
    const Graph graph = one_node("Conv", 11, attributes, 2);
    const Node& node = graph.nodes()[0];
    const Tensor x = at::randn({2, 8, 9, 9}).contiguous(at::MemoryFormat::ChannelsLast),
                 w = at::randn({16, 8, 3, 3});
    const Tensors in{x, w};
    const Tensor z = node.spec->forward(node, in)[0];
    EXPECT_TRUE(z.is_contiguous(at::MemoryFormat::ChannelsLast));
    constexpr std::array<bool, 2> constant{false, true};
    const Tensor back = node.spec->linear_view(node, in, constant)->pull_x(z, w);
    EXPECT_EQ(back.suggest_memory_format(), at::MemoryFormat::ChannelsLast);
  }
}

TEST(Conv, OneByOneIsPointwiseAndOthersAreNot) {
  const Graph graph = one_node("Conv", 11, {}, 2);
  const Node& node = graph.nodes()[0];
  constexpr std::array<bool, 2> constant{false, true};
  const Tensor x = random_tensor({1, 2, 3, 3});
  const auto pointwise = [&](const Tensor& w) {
    return node.spec->linear_view(node, Tensors{x, w}, constant)->is_pointwise();
  };
  EXPECT_TRUE(pointwise(random_tensor({3, 2, 1, 1})));
  EXPECT_FALSE(pointwise(random_tensor({3, 2, 1, 2})));
}

TEST(Conv, RefusesAnUnknownAutoPad) {
  Attributes attributes;
  attributes.set("auto_pad", std::string("SAME"));
  EXPECT_THROW(one_node("Conv", 11, attributes, 2), Error);
}

TEST(Conv, RefusesPadsThatNoMachineHolds) {
  const Tensors in{random_tensor({1, 3, 4, 4}), random_tensor({2, 3, 3, 3})};
  const std::int64_t pad = 1 << 20;
  for (const Sizes& pads : {Sizes{pad, pad, pad, pad}, Sizes{0, 0, pad, pad}}) {
    Attributes attributes;
    attributes.set("pads", pads);
    // A step as wide leaves a small output behind the same large input.
    for (const std::int64_t stride : {std::int64_t{1}, pad}) {
      attributes.set("strides", Sizes{stride, stride});
      const Graph graph = one_node("Conv", 11, attributes, 2);
      EXPECT_THROW(graph.nodes()[0].spec->forward(graph.nodes()[0], in), Error);
    }
  }
  Attributes attributes;
  attributes.set("pads", Sizes{std::int64_t{1} << 62, 0, 0, 0});
  EXPECT_THROW(one_node("Conv", 11, attributes, 2), Error);
}

}  // namespace
}  // namespace limn::testing
