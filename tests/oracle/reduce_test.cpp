// The reductions against plain loops, with axes as attribute and as input.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;

struct Reduce {
  const char* op;
  double start;
  std::function<double(double, double)> step;
  std::function<double(double, double)> finish = [](double value, double) { return value; };
};

const std::vector<Reduce>& reductions() {
  static const std::vector<Reduce> all = {
      {"ReduceMean", 0, [](double a, double x) { return a + x; },
       [](double a, double count) { return a / count; }},
      {"ReduceSum", 0, [](double a, double x) { return a + x; }},
      {"ReduceMax", -1e300, [](double a, double x) { return std::max(a, x); }},
      {"ReduceMin", 1e300, [](double a, double x) { return std::min(a, x); }},
      {"ReduceProd", 1, [](double a, double x) { return a * x; }},
      {"ReduceL1", 0, [](double a, double x) { return a + std::abs(x); }},
      {"ReduceL2", 0, [](double a, double x) { return a + x * x; },
       [](double a, double) { return std::sqrt(a); }},
      {"ReduceLogSum", 0, [](double a, double x) { return a + x; },
       [](double a, double) { return std::log(a); }},
      {"ReduceLogSumExp", 0, [](double a, double x) { return a + std::exp(x); },
       [](double a, double) { return std::log(a); }},
      {"ReduceSumSquare", 0, [](double a, double x) { return a + x * x; }},
  };
  return all;
}

Tensor reduce_loop(const Reduce& reduce, const Tensor& x, Sizes axes, bool keep) {
  const std::int64_t rank = x.dim();
  std::vector<bool> gone(static_cast<std::size_t>(rank), axes.empty());
  for (const auto axis : axes) gone[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)] = true;
  Sizes kept_sizes = x.sizes().vec(), sizes;
  double count = 1;
  for (std::size_t axis = 0; axis < gone.size(); ++axis) {
    if (!gone[axis]) {
      sizes.push_back(kept_sizes[axis]);
      continue;
    }
    count *= static_cast<double>(kept_sizes[axis]);
    kept_sizes[axis] = 1;
  }
  const Box in(x), out(kept_sizes);
  out.tensor().fill_(reduce.start);
  for_each_index(x.sizes().vec(), [&](const Sizes& at) {
    Sizes to = at;
    for (std::size_t axis = 0; axis < gone.size(); ++axis) {
      if (gone[axis]) to[axis] = 0;
    }
    out.at(to) = reduce.step(out.at(to), in.at(at));
  });
  for_each_index(kept_sizes,
                 [&](const Sizes& at) { out.at(at) = reduce.finish(out.at(at), count); });
  return keep ? out.tensor() : out.tensor().reshape(sizes);
}

Tensor axes_tensor(const Sizes& axes) { return at::tensor(axes, at::kLong); }

TEST(Reduce, EqualsPlainLoopsWithAxesAsAttributeAndAsInput) {
  at::manual_seed(31);
  const Tensor x = random_tensor({2, 3, 4, 2}).abs() + 0.1;
  for (const Reduce& reduce : reductions()) {
    SCOPED_TRACE(reduce.op);
    for (const Sizes& axes :
         {Sizes{}, Sizes{1}, Sizes{-1}, Sizes{3, -3}, Sizes{0, 2}, Sizes{2, 3}}) {
      for (const bool keep : {false, true}) {
        const Tensor want = reduce_loop(reduce, x, axes, keep);
        Attributes old;
        old.set("keepdims", std::int64_t{keep});
        if (!axes.empty()) old.set("axes", axes);
        const Graph before = one_node(reduce.op, 11, old, 1);
        EXPECT_LT(
            relative_error(before.nodes()[0].spec->forward(before.nodes()[0], Tensors{x})[0], want),
            kExact);
        Attributes fresh;
        fresh.set("keepdims", std::int64_t{keep});
        const Graph after = one_node(reduce.op, 18, fresh, 2);
        const Tensors in{x, axes_tensor(axes)};
        EXPECT_LT(relative_error(after.nodes()[0].spec->forward(after.nodes()[0], in)[0], want),
                  kExact);
      }
    }
  }
}

TEST(Reduce, NoopWithEmptyAxesKeepsTheShape) {
  at::manual_seed(32);
  const Tensor x = random_tensor({2, 3}).abs();
  Attributes attributes;
  attributes.set("noop_with_empty_axes", std::int64_t{1});
  const Graph graph = one_node("ReduceSum", 13, attributes, 2);
  const Tensors in{x, axes_tensor({})};
  EXPECT_TRUE(at::equal(graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0], x));
}

TEST(Reduce, IntegersKeepTheirType) {
  const Tensor x = at::tensor({2, 3, 7}, at::kInt);
  const auto run = [&](const char* op) {
    const Graph graph = one_node(op, 13, {}, 1);
    return graph.nodes()[0].spec->forward(graph.nodes()[0], Tensors{x})[0];
  };
  for (const auto& [op, want] : {std::pair{"ReduceProd", 42}, std::pair{"ReduceSum", 12},
                                 std::pair{"ReduceMean", 4}, std::pair{"ReduceMax", 7}}) {
    EXPECT_EQ(run(op).scalar_type(), at::kInt) << op;
    EXPECT_EQ(run(op).item<int>(), want) << op;
  }
}

TEST(Reduce, MeanAndSumViewsEqualTheJacobian) {
  at::manual_seed(33);
  for (const char* op : {"ReduceMean", "ReduceSum"}) {
    for (const Sizes& axes : {Sizes{1}, Sizes{-1}, Sizes{2, 3}, Sizes{1, 2, 3}}) {
      for (const std::int64_t keep : {0, 1}) {
        Attributes attributes;
        attributes.set("keepdims", keep);
        const Graph graph = one_node(op, 18, attributes, 2);
        const Tensors in{random_tensor({2, 3, 4, 2}), axes_tensor(axes)};
        expect_view(graph.nodes()[0], in, 0);
      }
    }
  }
}

}  // namespace
}  // namespace limn::testing
