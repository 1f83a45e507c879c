// ConvTranspose and its LinearView against plain loops that scatter each input place.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;

struct Case {
  Sizes kernel, stride, dilation, pads, added;
  std::int64_t groups = 1;
};

Tensor scatter_loop(const Tensor& x, const Tensor& w, const Tensor& b, const Case& c) {
  const std::size_t rank = c.kernel.size();
  const Box in(x), weight(w), bias(b);
  const std::int64_t outer = w.size(1), inner = w.size(0) / c.groups;
  Sizes sizes{x.size(0), outer * c.groups};
  for (std::size_t axis = 0; axis < rank; ++axis) {
    sizes.push_back(c.stride[axis] * (x.size(static_cast<std::int64_t>(axis) + 2) - 1) +
                    c.added[axis] + (c.kernel[axis] - 1) * c.dilation[axis] + 1 - c.pads[axis] -
                    c.pads[axis + rank]);
  }
  const Box out(sizes);
  for_each_index(sizes, [&](const Sizes& at) { out.at(at) = bias.at({at[1]}); });
  for_each_index(x.sizes().vec(), [&](const Sizes& from) {
    for (std::int64_t o = 0; o < outer; ++o) {
      for_each_index(c.kernel, [&](const Sizes& tap) {
        Sizes to{from[0], from[1] / inner * outer + o}, of{from[1], o};
        for (std::size_t axis = 0; axis < rank; ++axis) {
          to.push_back(from[axis + 2] * c.stride[axis] + tap[axis] * c.dilation[axis] -
                       c.pads[axis]);
          of.push_back(tap[axis]);
        }
        if (out.contains(to)) out.at(to) += in.at(from) * weight.at(of);
      });
    }
  });
  return out.tensor();
}

TEST(ConvTranspose, EqualsPlainLoopsAndItsViewTheJacobian) {
  Dice dice(21);
  at::manual_seed(21);
  for (int trial = 0; trial < 30; ++trial) {
    const auto rank = static_cast<std::size_t>(trial % 3 + 1);
    Case c{dice.list(rank, 1, 3), dice.list(rank, 1, 3), dice.list(rank, 1, 2),
           Sizes(2 * rank, 0),    Sizes(rank, 0),        dice(1, 2)};
    for (std::size_t axis = 0; axis < rank; ++axis) {
      c.pads[axis] = dice(0, 1);
      c.pads[axis + rank] = trial % 4 == 0 ? c.pads[axis] : dice(0, 1);
      c.added[axis] = trial % 2 == 0 ? 0 : dice(0, c.stride[axis] - 1);
    }
    const std::int64_t inner = c.groups * dice(1, 2), outer = dice(1, 2);
    Sizes x_sizes{dice(1, 3), inner}, w_sizes{inner, outer};
    for (std::size_t axis = 0; axis < rank; ++axis) {
      x_sizes.push_back(dice(3, rank == 3 ? 3 : 5));
      w_sizes.push_back(c.kernel[axis]);
    }
    Attributes attributes;
    attributes.set("strides", c.stride);
    attributes.set("dilations", c.dilation);
    attributes.set("pads", c.pads);
    attributes.set("group", c.groups);
    attributes.set("output_padding", c.added);
    const Graph graph = one_node("ConvTranspose", 11, attributes, 3);
    const Node& node = graph.nodes()[0];
    const Tensors in{random_tensor(x_sizes), random_tensor(w_sizes),
                     random_tensor({outer * c.groups})};
    ASSERT_LT(relative_error(node.spec->forward(node, in)[0], scatter_loop(in[0], in[1], in[2], c)),
              kExact)
        << "trial " << trial;
    expect_view(node, in, 0);
    expect_vjp(node, in, {1, 1, 1});
    ASSERT_FALSE(HasFailure()) << "trial " << trial;
  }
}

TEST(ConvTranspose, OutputShapeAndAutoPadChooseThePads) {
  at::manual_seed(22);
  const Tensors in{random_tensor({1, 1, 3, 3}), random_tensor({1, 2, 4, 3}), random_tensor({2})};
  const auto run = [&](const Attributes& attributes) {
    const Graph graph = one_node("ConvTranspose", 11, attributes, 3);
    return graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0];
  };
  Attributes base;
  base.set("strides", Sizes{2, 3});
  // Full sizes are 8 and 9: the totals are 8 - 6 = 2 and 9 - 9 = 0 for SAME.
  const auto loop = [&](const Sizes& pads, const Sizes& added) {
    return scatter_loop(in[0], in[1], in[2], {{4, 3}, {2, 3}, {1, 1}, pads, added, 1});
  };
  Attributes same = base;
  same.set("auto_pad", std::string("SAME_UPPER"));
  EXPECT_LT(relative_error(run(same), loop({1, 0, 1, 0}, {0, 0})), kExact);
  // 8 - 5 = 3 and 9 - 8 = 1: the odd one goes to the end with SAME_UPPER, else to the beginning.
  Attributes shaped = base;
  shaped.set("output_shape", Sizes{5, 8});
  EXPECT_LT(relative_error(run(shaped), loop({2, 1, 1, 0}, {0, 0})), kExact);
  shaped.set("auto_pad", std::string("SAME_UPPER"));
  EXPECT_LT(relative_error(run(shaped), loop({1, 0, 2, 1}, {0, 0})), kExact);
  // Longer than the full result: the added places hold the bias.
  Attributes longer = base;
  longer.set("output_shape", Sizes{10, 10});
  longer.set("output_padding", Sizes{2, 1});
  EXPECT_LT(relative_error(run(longer), loop({0, 0, 0, 0}, {2, 1})), kExact);
  longer.erase("output_padding");
  EXPECT_LT(relative_error(run(longer), loop({0, 0, 0, 0}, {2, 1})), kExact);
}

TEST(ConvTranspose, RefusesStridesThatNoMachineHolds) {
  const Tensors in{random_tensor({1, 3, 4, 4}), random_tensor({3, 2, 3, 3})};
  Attributes attributes;
  attributes.set("strides", Sizes{1 << 16, 1 << 16});
  const Graph graph = one_node("ConvTranspose", 11, attributes, 2);
  EXPECT_THROW(graph.nodes()[0].spec->forward(graph.nodes()[0], in), Error);
  // Pads that crop it to a small output do not keep libtorch from making all of it.
  attributes.set("pads", Sizes{98000, 98000, 98000, 98000});
  const Graph cropped = one_node("ConvTranspose", 11, attributes, 2);
  EXPECT_THROW(cropped.nodes()[0].spec->forward(cropped.nodes()[0], in), Error);
}

}  // namespace
}  // namespace limn::testing
