// Add, Sub, Sum, Mean, Mul, Div, Neg, Pow, CumSum: forward with broadcasting against plain loops,
// the views with a constant on one side against the Jacobian, kinds, vjp against autograd.
#include <cmath>
#include <functional>

#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;
using Function = std::function<double(double, double)>;

/// numpy's broadcasting: missing leading axes and axes of size 1 repeat.
Tensor broadcast_loop(const Tensor& a, const Tensor& b, const Function& function) {
  const auto rank = static_cast<std::size_t>(std::max(a.dim(), b.dim()));
  Sizes left = a.sizes().vec(), right = b.sizes().vec(), sizes;
  while (left.size() < rank) left.insert(left.begin(), 1);
  while (right.size() < rank) right.insert(right.begin(), 1);
  for (std::size_t d = 0; d < rank; ++d) sizes.push_back(left[d] == 1 ? right[d] : left[d]);
  const Box from_a(a.reshape(left)), from_b(b.reshape(right)), out(sizes);
  for_each_index(sizes, [&](const Sizes& at) {
    Sizes in_a = at, in_b = at;
    for (std::size_t d = 0; d < rank; ++d) {
      if (left[d] == 1) in_a[d] = 0;
      if (right[d] == 1) in_b[d] = 0;
    }
    out.at(at) = function(from_a.at(in_a), from_b.at(in_b));
  });
  return out.tensor();
}

struct Binary {
  const char* op;
  Function function;
};

const std::vector<Binary>& binaries() {
  static const std::vector<Binary> all = {
      {"Add", [](double a, double b) { return a + b; }},
      {"Sub", [](double a, double b) { return a - b; }},
      {"Mul", [](double a, double b) { return a * b; }},
      {"Div", [](double a, double b) { return a / b; }},
      {"Sum", [](double a, double b) { return a + b; }},
      {"Mean", [](double a, double b) { return (a + b) / 2; }},
  };
  return all;
}

const std::vector<std::pair<Sizes, Sizes>>& shape_pairs() {
  static const std::vector<std::pair<Sizes, Sizes>> all = {
      {{2, 3, 4, 5}, {2, 3, 4, 5}}, {{2, 3, 4, 5}, {3, 1, 1}}, {{2, 3, 4, 5}, {1, 3, 1, 1}},
      {{2, 3, 1, 1}, {2, 3, 4, 5}}, {{2, 3, 4}, {}},           {{2, 3, 4}, {1}},
      {{2, 3}, {4, 1, 3}},          {{1, 3}, {4, 3}},          {{2, 3, 4}, {4}},
  };
  return all;
}

TEST(Arithmetic, BroadcastsAsThePlainLoops) {
  at::manual_seed(11);
  for (const Binary& binary : binaries()) {
    for (const auto& [left, right] : shape_pairs()) {
      const Graph graph = one_node(binary.op, 13, {}, 2);
      const Node& node = graph.nodes()[0];
      for (const bool swapped : {false, true}) {
        const Tensors in{random_tensor(swapped ? right : left),
                         random_tensor(swapped ? left : right)};
        const Tensors before{in[0].clone(), in[1].clone()};
        const Tensor want = broadcast_loop(in[0], in[1], binary.function);
        SCOPED_TRACE(concat(binary.op, " ", in[0].sizes(), " ", in[1].sizes()));
        EXPECT_LT(relative_error(node.spec->forward(node, in)[0], want), kExact);
        if (node.spec->vjp) expect_vjp(node, in, {1, 1});
        EXPECT_TRUE(at::equal(in[0], before[0]) && at::equal(in[1], before[1])) << "modified";
      }
    }
  }
}

TEST(Arithmetic, SumAndMeanTakeAnyNumberOfInputs) {
  at::manual_seed(12);
  for (const std::size_t count : {1U, 3U, 5U}) {
    Tensors in;
    for (std::size_t i = 0; i < count; ++i) in.push_back(random_tensor({2, 3}));
    const Box total(Sizes{2, 3});
    for_each_index({2, 3}, [&](const Sizes& at) {
      for (const Tensor& summand : in) total.at(at) += Box(summand).at(at);
    });
    const Graph sum = one_node("Sum", 13, {}, count), mean = one_node("Mean", 13, {}, count);
    EXPECT_LT(relative_error(sum.nodes()[0].spec->forward(sum.nodes()[0], in)[0], total.tensor()),
              kExact);
    EXPECT_LT(relative_error(mean.nodes()[0].spec->forward(mean.nodes()[0], in)[0],
                             total.tensor() / static_cast<double>(count)),
              kExact);
    expect_vjp(mean.nodes()[0], in, std::vector<char>(count, 1));
  }
}

TEST(Arithmetic, IntegersDivideTowardsZero) {
  const Graph graph = one_node("Div", 13, {}, 2);
  const Tensors in{at::tensor({-7, 7, -7, 7, 6}, at::kLong),
                   at::tensor({2, 2, -2, -2, 3}, at::kLong)};
  const Tensor out = graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0];
  EXPECT_TRUE(at::equal(out, at::tensor({-3, 3, 3, -3, 2}, at::kLong)));
}

TEST(Arithmetic, PowerKeepsTheTypeOfItsBase) {
  const Graph graph = one_node("Pow", 15, {}, 2);
  const Node& node = graph.nodes()[0];
  const Tensor base = random_tensor({2, 3}).abs() + 0.1, exponent = random_tensor({3});
  EXPECT_LT(relative_error(
                node.spec->forward(node, Tensors{base, exponent})[0],
                broadcast_loop(base, exponent, [](double a, double b) { return std::pow(a, b); })),
            kExact);
  const Tensor whole = node.spec->forward(
      node, Tensors{at::tensor({1, 2, 3}, at::kLong), at::tensor({2.0, 3.0, 0.5}, at::kFloat)})[0];
  EXPECT_TRUE(at::equal(whole, at::tensor({1, 8, 1}, at::kLong)));
}

TEST(Arithmetic, TheKindFollowsTheConstants) {
  constexpr std::array<bool, 2> none{false, false}, first{true, false}, second{false, true};
  const auto kind = [](const char* op, std::span<const bool> constant) {
    const Graph graph = one_node(op, 13, {}, 2);
    return kind_of(graph.nodes()[0], constant);
  };
  for (const char* op : {"Add", "Sub", "Sum", "Mean"}) {
    EXPECT_EQ(kind(op, none), OpKind::Join) << op;
    EXPECT_EQ(kind(op, first), OpKind::Linear) << op;
    EXPECT_EQ(kind(op, second), OpKind::Linear) << op;
  }
  for (const char* op : {"Mul", "Div"}) {
    EXPECT_EQ(kind(op, none), OpKind::Bilinear) << op;
    EXPECT_EQ(kind(op, second), OpKind::Linear) << op;
  }
  EXPECT_EQ(kind("Mul", first), OpKind::Linear);
  EXPECT_EQ(kind("Div", first), OpKind::Activation);
}

TEST(Arithmetic, ViewsWithAConstantEqualTheJacobian) {
  at::manual_seed(13);
  const std::vector<std::pair<Sizes, Sizes>> shapes = {
      {{2, 3, 4}, {3, 1}}, {{2, 3, 4}, {1, 3, 1}}, {{2, 3, 4}, {}},
      {{2, 3, 4}, {1}},    {{2, 3, 1}, {3, 4}},    {{2, 1, 1}, {1, 3, 4}},
      {{2, 3}, {3}},       {{1, 3}, {1, 3}},       {{1, 3}, {3}},
  };
  for (const Binary& binary : binaries()) {
    for (const auto& [x_sizes, c_sizes] : shapes) {
      for (const std::size_t data : {0U, 1U}) {
        if (std::string(binary.op) == "Div" && data == 1) continue;
        const Graph graph = one_node(binary.op, 13, {}, 2);
        Tensors in(2);
        in[data] = random_tensor(x_sizes);
        in[1 - data] = random_tensor(c_sizes);
        SCOPED_TRACE(concat(binary.op, " data ", data, " ", at::IntArrayRef(x_sizes), " constant ",
                            at::IntArrayRef(c_sizes)));
        expect_view(graph.nodes()[0], in, data);
      }
    }
  }
  const Graph negative = one_node("Neg", 13, {}, 1);
  expect_view(negative.nodes()[0], {random_tensor({2, 3, 4})}, 0);
  const Graph three = one_node("Sum", 13, {}, 3);
  expect_view(three.nodes()[0], {random_tensor({3}), random_tensor({2, 3}), random_tensor({})}, 1);
}

/// Constants with an entry of their own for every sample, and constants that repeat the batch.
TEST(Arithmetic, ViewsOfConstantsAlongTheBatchEqualTheJacobian) {
  at::manual_seed(14);
  const std::vector<std::pair<Sizes, Sizes>> shapes = {{{2, 3}, {2, 3}},
                                                       {{2, 3}, {2, 1}},
                                                       {{1, 3}, {4, 3}},
                                                       {{2, 3}, {1, 1, 3}},
                                                       {{2, 3}, {4, 1, 3}}};
  for (const char* op : {"Add", "Sub", "Mul", "Div"}) {
    for (const auto& [x_sizes, c_sizes] : shapes) {
      SCOPED_TRACE(concat(op, " ", at::IntArrayRef(x_sizes), " ", at::IntArrayRef(c_sizes)));
      const Graph graph = one_node(op, 13, {}, 2);
      const Node& node = graph.nodes()[0];
      const Tensors in{random_tensor(x_sizes), random_tensor(c_sizes)};
      constexpr std::array<bool, 2> constant{false, true};
      const auto view = node.spec->linear_view(node, in, constant);
      const Tensor &w = view->weight(), &b = view->bias();
      const Tensor z = node.spec->forward(node, in)[0];
      EXPECT_LT(relative_error(view->apply(in[0], w, b), z), kExact);
      EXPECT_EQ(view->apply(in[0], w, {}).sizes(), z.sizes());
      EXPECT_LT(relative_error(view->apply(at::cat({in[0], in[0]}), w, b), at::cat({z, z})),
                kExact);
      const Tensor s = random_tensor(z.sizes());
      const Tensor want = at::mv(jacobian(node, in, 0), s.reshape({-1})).reshape(x_sizes);
      EXPECT_LT(relative_error(view->pull_x(s, w), want), kExact);
      EXPECT_LT(relative_error(view->pull_x(at::cat({s, s * 3}), w), at::cat({want, want * 3})),
                kExact);
    }
  }
  // Each sample has its own row of the weight: only that row can have a gradient.
  const Graph graph = one_node("Mul", 13, {}, 2);
  const Tensor x = random_tensor({2, 3}), s = random_tensor({2, 3});
  constexpr std::array<bool, 2> constant{false, true};
  const auto view = graph.nodes()[0].spec->linear_view(graph.nodes()[0],
                                                       Tensors{x, random_tensor({2, 3})}, constant);
  const Tensor grad = view->pull_w(x, s);
  EXPECT_EQ(grad.sizes(), at::IntArrayRef({2, 2, 3}));
  for (const std::int64_t n : {0, 1}) {
    EXPECT_LT(relative_error(grad[n][n], x[n] * s[n]), kExact);
    EXPECT_EQ(grad[n][1 - n].abs().max().item<double>(), 0);
  }
}

Tensor running_sum(const Tensor& x, std::int64_t axis, bool exclusive, bool reverse) {
  const Box from(x), out(x.sizes().vec());
  const auto a = static_cast<std::size_t>(axis);
  for_each_index(x.sizes().vec(), [&](const Sizes& at) {
    Sizes other = at;
    for (other[a] = 0; other[a] < x.size(axis); ++other[a]) {
      const bool before = reverse ? other[a] > at[a] : other[a] < at[a];
      if (before || (other[a] == at[a] && !exclusive)) out.at(at) += from.at(other);
    }
  });
  return out.tensor();
}

TEST(CumSum, EqualsThePlainLoopAndTheJacobian) {
  at::manual_seed(15);
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      Attributes attributes;
      attributes.set("exclusive", std::int64_t{exclusive});
      attributes.set("reverse", std::int64_t{reverse});
      const Graph graph = one_node("CumSum", 14, attributes, 2);
      const Node& node = graph.nodes()[0];
      const Tensor x = random_tensor({2, 4, 3});
      for (const std::int64_t axis : {1, -1}) {
        const Tensors in{x, at::tensor(axis, at::kLong)};
        EXPECT_LT(relative_error(node.spec->forward(node, in)[0],
                                 running_sum(x, axis < 0 ? 2 : axis, exclusive, reverse)),
                  kExact);
        expect_view(node, in, 0);
      }
    }
  }
}

}  // namespace
}  // namespace limn::testing
