// Operators that pick and write by index or condition (Gather*, Scatter*, Where, TopK, ArgMax,
// ArgMin, Max, Min, OneHot, NonZero) against plain loops, and their gradients.
#include <algorithm>
#include <numeric>

#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;
using Given = std::vector<std::pair<std::string, Attribute>>;

Graph node_of(const std::string& op, int opset, const Given& given, std::size_t inputs,
              std::size_t outputs = 1) {
  Attributes attributes;
  for (const auto& [name, value] : given) attributes.set(name, value);
  return one_node(op, opset, attributes, inputs, outputs);
}

Tensors run(const Graph& graph, const Tensors& in) {
  Tensors before;
  for (const Tensor& tensor : in) before.push_back(tensor.clone());
  const Tensors out = graph.nodes()[0].spec->forward(graph.nodes()[0], in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    EXPECT_TRUE(at::equal(in[i], before[i])) << "modified input " << i;
  }
  return out;
}

/// Gradient of the sum of out * s by input i.
Tensor gradient(const Graph& graph, const Tensors& in, std::size_t i, const Tensor& s) {
  const std::unique_ptr<bool[]> wanted(new bool[in.size()]());
  wanted[i] = true;
  return autograd_vjp(graph.nodes()[0], in, Tensors{s}, {wanted.get(), in.size()})[i];
}

Tensor integers(const Sizes& values) { return at::tensor(values, at::kLong); }
Tensor random_indices(const Sizes& sizes, std::int64_t size) {
  return at::randint(-size, size, sizes, at::TensorOptions(at::kLong));
}
std::int64_t at_index(const Tensor& tensor, const Sizes& index) {
  Tensor one = tensor;
  for (const std::int64_t i : index) one = one[i];
  return one.item<std::int64_t>();
}
std::int64_t wrapped(std::int64_t i, std::int64_t size) { return i < 0 ? i + size : i; }

void expect_same(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.sizes(), want.sizes());
  EXPECT_TRUE(at::equal(got.to(at::kDouble), want.to(at::kDouble)));
}

TEST(Gather, PicksSlicesAlongEveryAxis) {
  at::manual_seed(31);
  const Tensor x = random_tensor({3, 4, 5});
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    for (const Sizes& index_sizes : {Sizes{}, Sizes{2}, Sizes{2, 3}}) {
      const Tensor index = random_indices(index_sizes, x.size(axis));
      Sizes sizes, rest;
      for (std::int64_t d = 0; d < axis; ++d) sizes.push_back(x.size(d));
      sizes.insert(sizes.end(), index_sizes.begin(), index_sizes.end());
      for (std::int64_t d = axis + 1; d < 3; ++d) sizes.push_back(x.size(d));
      const Box from(x), want(sizes), grad_want(Sizes{3, 4, 5});
      const Tensor s = random_tensor(sizes);
      for_each_index(sizes, [&](const Sizes& at) {
        Sizes place(at.begin(), at.begin() + axis);
        const Sizes picked(at.begin() + axis,
                           at.begin() + axis + static_cast<std::int64_t>(index_sizes.size()));
        place.push_back(wrapped(at_index(index, picked), x.size(axis)));
        place.insert(place.end(), at.begin() + axis + static_cast<std::int64_t>(picked.size()),
                     at.end());
        want.at(at) = from.at(place);
        grad_want.at(place) += Box(s).at(at);
      });
      const Graph graph = node_of("Gather", 13, {{"axis", axis - 3}}, 2);
      expect_same(run(graph, {x, index})[0], want.tensor());
      EXPECT_LT(relative_error(gradient(graph, {x, index}, 0, s), grad_want.tensor()), kExact);
    }
  }
  EXPECT_THROW(run(node_of("Gather", 13, {}, 2), {x, integers({3})}), Error);
  EXPECT_THROW(run(node_of("Gather", 13, {}, 2), {x, integers({-4})}), Error);
}

TEST(GatherElements, PicksSinglesAndScatterWritesThemBack) {
  at::manual_seed(32);
  const Tensor x = random_tensor({3, 4});
  for (std::int64_t axis = 0; axis < 2; ++axis) {
    const Tensor index = random_indices({2, 3}, x.size(axis));
    const Box from(x), want(Sizes{2, 3});
    for_each_index({2, 3}, [&](Sizes at) {
      Sizes place = at;
      place[static_cast<std::size_t>(axis)] = wrapped(at_index(index, at), x.size(axis));
      want.at(at) = from.at(place);
    });
    const Graph graph = node_of("GatherElements", 13, {{"axis", axis}}, 2);
    expect_same(run(graph, {x, index})[0], want.tensor());
  }
}

TEST(GatherND, PicksByTuplesWithinBatches) {
  at::manual_seed(33);
  const Tensor x = random_tensor({2, 3, 4, 5});
  for (const std::int64_t batch : {0, 1}) {
    for (const std::int64_t depth : {1, 2, 3}) {
      const Sizes index_sizes{2, 3, depth};
      Tensors columns;
      for (std::int64_t i = 0; i < depth; ++i) {
        columns.push_back(random_indices({2, 3}, x.size(batch + i)));
      }
      const Tensor index = at::stack(columns, -1);
      Sizes sizes{2, 3};
      for (std::int64_t d = batch + depth; d < 4; ++d) sizes.push_back(x.size(d));
      const Box from(x), want(sizes);
      for_each_index(sizes, [&](const Sizes& at) {
        Sizes place(at.begin(), at.begin() + batch);
        for (std::int64_t i = 0; i < depth; ++i) {
          place.push_back(wrapped(at_index(index, {at[0], at[1], i}), x.size(batch + i)));
        }
        place.insert(place.end(), at.begin() + 2, at.end());
        want.at(at) = from.at(place);
      });
      const Graph graph = node_of("GatherND", 13, {{"batch_dims", batch}}, 2);
      expect_same(run(graph, {x, index})[0], want.tensor());
    }
  }
}

double combined(const std::string& reduction, double old, double update) {
  if (reduction == "add") return old + update;
  if (reduction == "mul") return old * update;
  if (reduction == "max") return std::max(old, update);
  if (reduction == "min") return std::min(old, update);
  return update;
}

TEST(Scatter, ElementsWithEveryReductionAndRepeatedIndices) {
  at::manual_seed(34);
  const Tensor x = random_tensor({3, 4});
  for (const std::string reduction : {"none", "add", "mul", "max", "min"}) {
    for (std::int64_t axis = 0; axis < 2; ++axis) {
      // Without a reduction the standard forbids repeated indices.
      const Tensor index = reduction == "none"
                               ? at::tensor(Sizes{1, -1, 2, 0}, at::kLong).view({2, 2})
                               : random_indices({2, 3}, x.size(axis));
      const Tensor update = random_tensor(index.sizes());
      const Box want(x.clone()), from(update);
      for_each_index(index.sizes().vec(), [&](const Sizes& at) {
        Sizes place = at;
        place[static_cast<std::size_t>(axis)] = wrapped(at_index(index, at), x.size(axis));
        want.at(place) = combined(reduction, want.at(place), from.at(at));
      });
      const Graph graph =
          node_of("ScatterElements", 18, {{"axis", axis}, {"reduction", reduction}}, 3);
      EXPECT_LT(relative_error(run(graph, {x, index, update})[0], want.tensor()), kExact);
      if (reduction != "none") continue;
      const Graph old = node_of("Scatter", 9, {{"axis", axis}}, 3);
      expect_same(run(old, {x, index, update})[0], want.tensor());
      const Tensor ones = at::ones({3, 4}, at::kDouble);
      // A place that was written gets nothing from the data, and one from its update.
      EXPECT_EQ(gradient(graph, {x, index, update}, 0, ones).sum().item<double>(), 12 - 4);
      EXPECT_EQ(gradient(graph, {x, index, update}, 2, ones).sum().item<double>(), 4);
    }
  }
  EXPECT_THROW(node_of("ScatterElements", 18, {{"reduction", std::string("mean")}}, 3), Error);
}

TEST(ScatterND, SlicesWithEveryReduction) {
  at::manual_seed(35);
  const Tensor x = random_tensor({3, 4, 2});
  const Tensor distinct = at::tensor(Sizes{0, -1, 2, 1, 1, 0}, at::kLong).view({3, 2});
  const Tensor repeated = at::tensor(Sizes{0, 1, 2, 1, 0, -3}, at::kLong).view({3, 2});
  for (const std::string reduction : {"none", "add", "mul", "max", "min"}) {
    const Tensor& index = reduction == "none" ? distinct : repeated;
    const Tensor update = random_tensor({3, 2});
    const Box want(x.clone()), from(update);
    for_each_index({3, 2}, [&](const Sizes& at) {
      const Sizes place{wrapped(at_index(index, {at[0], 0}), 3),
                        wrapped(at_index(index, {at[0], 1}), 4), at[1]};
      want.at(place) = combined(reduction, want.at(place), from.at(at));
    });
    const Graph graph = node_of("ScatterND", 18, {{"reduction", reduction}}, 3);
    EXPECT_LT(relative_error(run(graph, {x, index, update})[0], want.tensor()), kExact);
  }
  EXPECT_THROW(run(node_of("ScatterND", 18, {}, 3),
                   {x, at::tensor(Sizes{3}, at::kLong).view({1, 1}), random_tensor({1, 4, 2})}),
               Error);
}

TEST(Where, ChoosesWithBroadcastingAndNothingGoesToTheOtherSide) {
  at::manual_seed(36);
  const Tensor condition = at::rand({2, 1, 4}, at::kDouble) > 0.5;
  const Tensor a = random_tensor({3, 1}), b = random_tensor({2, 3, 4});
  const Box from_a(a), from_b(b), mask(condition), want(Sizes{2, 3, 4}), grad(Sizes{3, 1});
  const Tensor s = random_tensor({2, 3, 4});
  for_each_index({2, 3, 4}, [&](const Sizes& at) {
    const bool first = mask.at({at[0], 0, at[2]}) != 0;
    want.at(at) = first ? from_a.at({at[1], 0}) : from_b.at(at);
    if (first) grad.at({at[1], 0}) += Box(s).at(at);
  });
  const Graph graph = node_of("Where", 9, {}, 3);
  expect_same(run(graph, {condition, a, b})[0], want.tensor());
  EXPECT_LT(relative_error(gradient(graph, {condition, a, b}, 1, s), grad.tensor()), kExact);
  constexpr std::array<bool, 3> mask_alone{false, true, true}, one_side{true, false, true};
  EXPECT_EQ(kind_of(graph.nodes()[0], mask_alone), OpKind::Constant);
  EXPECT_EQ(kind_of(graph.nodes()[0], one_side), OpKind::Route);
}

TEST(TopK, SortsStablyInEitherDirection) {
  const Tensor x = at::tensor({3.0, 1.0, 3.0, 2.0, 0.0, 5.0, 5.0, 4.0}, at::kDouble).view({2, 4});
  for (const std::int64_t largest : {0, 1}) {
    for (const std::int64_t k : {0, 1, 3, 4}) {
      Tensors values, indices;
      for (std::int64_t row = 0; row < 2; ++row) {
        Sizes order(4);
        std::iota(order.begin(), order.end(), 0);
        const Box box(x[row]);
        std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
          return largest ? box.at({i}) > box.at({j}) : box.at({i}) < box.at({j});
        });
        order.resize(static_cast<std::size_t>(k));
        indices.push_back(integers(order));
        values.push_back(x[row].index_select(0, indices.back()));
      }
      const Graph graph = node_of("TopK", 11, {{"largest", largest}}, 2, 2);
      const Tensors out = run(graph, {x, integers({k})});
      expect_same(out[0], at::stack(values));
      expect_same(out[1], at::stack(indices));
    }
  }
  const Tensors old =
      run(node_of("TopK", 7, {{"k", std::int64_t{1}}, {"axis", std::int64_t{0}}}, 1, 2), {x});
  expect_same(old[0], at::tensor({3.0, 5.0, 5.0, 4.0}, at::kDouble).view({1, 4}));
  EXPECT_THROW(run(node_of("TopK", 11, {}, 2, 2), {x, integers({5})}), Error);
}

TEST(ArgMax, FirstOrLastOfEquals) {
  const Tensor x = at::tensor({2.0, 5.0, 5.0, 1.0, 1.0, 3.0}, at::kDouble).view({2, 3});
  const auto found = [&](const char* op, std::int64_t last, std::int64_t keep) {
    return run(
        node_of(op, 13,
                {{"axis", std::int64_t{1}}, {"select_last_index", last}, {"keepdims", keep}}, 1),
        {x})[0];
  };
  expect_same(found("ArgMax", 0, 0), integers({1, 2}));
  expect_same(found("ArgMax", 1, 0), integers({2, 2}));
  expect_same(found("ArgMin", 0, 1), integers({0, 0}).view({2, 1}));
  expect_same(found("ArgMin", 1, 0), integers({0, 1}));
}

TEST(MaxAndMin, TakeAnyNumberOfInputs) {
  at::manual_seed(37);
  for (const bool largest : {false, true}) {
    for (const std::size_t count : {1U, 2U, 3U}) {
      Tensors in;
      for (std::size_t i = 0; i < count; ++i) {
        in.push_back(random_tensor(i == 1 ? Sizes{3} : Sizes{2, 3}));
      }
      const Box want(Sizes{2, 3});
      for_each_index({2, 3}, [&](const Sizes& at) {
        want.at(at) = Box(in[0]).at(at);
        for (std::size_t i = 1; i < count; ++i) {
          const double other = Box(in[i].expand({2, 3})).at(at);
          want.at(at) = largest ? std::max(want.at(at), other) : std::min(want.at(at), other);
        }
      });
      const Graph graph = node_of(largest ? "Max" : "Min", 13, {}, count);
      expect_same(run(graph, in)[0], want.tensor());
    }
  }
}

TEST(OneHot, WritesOneValueAndAnotherElsewhere) {
  const Tensor index = integers({0, 2, -1, 7});
  const Tensor values = at::tensor({-1.0, 4.0}, at::kDouble);
  for (const std::int64_t axis : {-1, 0}) {
    const Sizes sizes = axis == 0 ? Sizes{3, 4} : Sizes{4, 3};
    const Box want(sizes);
    for_each_index(sizes, [&](const Sizes& at) {
      const std::int64_t row = axis == 0 ? at[1] : at[0], column = axis == 0 ? at[0] : at[1];
      want.at(at) = wrapped(at_index(index, {row}), 3) == column ? 4 : -1;
    });
    const Graph graph = node_of("OneHot", 11, {{"axis", axis}}, 3);
    expect_same(run(graph, {index, integers({3}), values})[0], want.tensor());
  }
}

TEST(NonZero, ListsTheIndicesRowByRow) {
  const Tensor x = at::tensor({0.0, 2.0, 0.0, -1.0, 3.0, 0.0}, at::kDouble).view({2, 3});
  expect_same(run(node_of("NonZero", 13, {}, 1), {x})[0],
              integers({0, 1, 1, 1, 0, 1}).view({2, 3}));
}

}  // namespace
}  // namespace limn::testing
