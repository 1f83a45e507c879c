// Operators that move values (Reshape, Flatten, Squeeze, Unsqueeze, Expand, Transpose, Concat,
// Split, Slice, Pad, Tile, DepthToSpace, SpaceToDepth, Trilu, Cast) against plain loops over
// indices, in the forms of old and new opsets, and their vjp against autograd.
#include <limits>

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

Tensor integers(const Sizes& values) { return at::tensor(values, at::kLong); }

/// The outputs; the inputs must come out of it as they went in.
Tensors run(const Graph& graph, const Tensors& in) {
  Tensors before;
  for (const Tensor& tensor : in) before.push_back(tensor.defined() ? tensor.clone() : Tensor());
  const Tensors out = graph.nodes()[0].spec->forward(graph.nodes()[0], in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i].defined()) continue;
    EXPECT_TRUE(at::equal(in[i], before[i])) << "modified input " << i;
  }
  return out;
}

/// out[index] = x[source(index)], or `fill` where the source lies outside.
template <typename Source>
Tensor moved(const Tensor& x, const Sizes& sizes, double fill, const Source& source) {
  const Box from(x), out(sizes);
  for_each_index(sizes, [&](const Sizes& at) {
    const Sizes place = source(at);
    out.at(at) = from.contains(place) ? from.at(place) : fill;
  });
  return out.tensor();
}

void expect_same(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.sizes(), want.sizes());
  EXPECT_TRUE(at::equal(got.to(at::kDouble), want));
}

void expect_vjp_of_data(const Graph& graph, const Tensors& in) {
  std::vector<char> wanted(in.size(), 0);
  wanted[0] = 1;
  expect_vjp(graph.nodes()[0], in, wanted);
}

TEST(Reshape, ZeroCopiesMinusOneFillsAndAllowZeroKeepsZero) {
  const Tensor x = random_tensor({2, 3, 4});
  const auto reshaped = [&](const Sizes& shape, std::int64_t allow_zero, const Tensor& data) {
    const Graph graph = node_of("Reshape", 14, {{"allowzero", allow_zero}}, 2);
    if (data.numel() > 0) expect_vjp_of_data(graph, {data, integers(shape)});
    return run(graph, {data, integers(shape)})[0];
  };
  expect_same(reshaped({4, 6}, 0, x), x.view({4, 6}));
  expect_same(reshaped({0, -1}, 0, x), x.view({2, 12}));
  expect_same(reshaped({0, 0, 2, 2}, 0, x), x.view({2, 3, 2, 2}));
  expect_same(reshaped({-1}, 0, x), x.view({24}));
  const Tensor empty = at::zeros({0, 3, 4}, at::kDouble);
  EXPECT_EQ(reshaped({3, 4, 0}, 1, empty).sizes(), at::IntArrayRef({3, 4, 0}));
  EXPECT_THROW(reshaped({1, 1, 1, 0}, 0, x), Error);
}

TEST(Flatten, TakesEveryAxis) {
  const Tensor x = random_tensor({2, 3, 4, 5});
  for (std::int64_t axis = -4; axis <= 4; ++axis) {
    const Graph graph = node_of("Flatten", 13, {{"axis", axis}}, 1);
    std::int64_t rows = 1;
    for (std::int64_t d = 0; d < (axis < 0 ? axis + 4 : axis); ++d) rows *= x.size(d);
    expect_same(run(graph, {x})[0], x.view({rows, 120 / rows}));
    expect_vjp_of_data(graph, {x});
  }
  EXPECT_THROW(run(node_of("Flatten", 13, {{"axis", std::int64_t{5}}}, 1), {x}), Error);
}

TEST(Squeeze, AxesAreAnAttributeAnInputOrAbsent) {
  const Tensor x = random_tensor({1, 3, 1, 4, 1});
  for (const auto& [axes, sizes] : std::vector<std::pair<Sizes, Sizes>>{
           {{0}, {3, 1, 4, 1}}, {{-1, 0}, {3, 1, 4}}, {{2, 4}, {1, 3, 4}}}) {
    const Graph old = node_of("Squeeze", 11, {{"axes", axes}}, 1);
    expect_same(run(old, {x})[0], x.view(sizes));
    expect_vjp_of_data(old, {x});
    expect_same(run(node_of("Squeeze", 13, {}, 2), {x, integers(axes)})[0], x.view(sizes));
  }
  expect_same(run(node_of("Squeeze", 13, {}, 1), {x})[0], x.view({3, 4}));
  EXPECT_THROW(run(node_of("Squeeze", 13, {}, 2), {x, integers({1})}), Error);
}

TEST(Unsqueeze, AxesAreAnAttributeOrAnInputInAnyOrder) {
  const Tensor x = random_tensor({3, 4});
  for (const auto& [axes, sizes] : std::vector<std::pair<Sizes, Sizes>>{
           {{0}, {1, 3, 4}}, {{-1}, {3, 4, 1}}, {{3, 0}, {1, 3, 4, 1}}, {{1, -1}, {3, 1, 4, 1}}}) {
    const Graph old = node_of("Unsqueeze", 11, {{"axes", axes}}, 1);
    expect_same(run(old, {x})[0], x.view(sizes));
    expect_vjp_of_data(old, {x});
    expect_same(run(node_of("Unsqueeze", 13, {}, 2), {x, integers(axes)})[0], x.view(sizes));
  }
  EXPECT_THROW(run(node_of("Unsqueeze", 13, {}, 2), {x, integers({1, 1})}), Error);
}

TEST(Expand, BroadcastsBothWays) {
  for (const auto& [from, shape, to] :
       std::vector<std::tuple<Sizes, Sizes, Sizes>>{{{3, 1}, {2, 3, 4}, {2, 3, 4}},
                                                    {{3, 4}, {1, 1}, {3, 4}},
                                                    {{2, 3, 1}, {4}, {2, 3, 4}},
                                                    {{}, {2, 2}, {2, 2}}}) {
    const Tensor x = random_tensor(from);
    const Graph graph = node_of("Expand", 13, {}, 2);
    Sizes padded = from;
    while (padded.size() < to.size()) padded.insert(padded.begin(), 1);
    expect_same(run(graph, {x, integers(shape)})[0],
                moved(x.reshape(padded), to, 0, [&, padded = padded](Sizes at) {
                  for (std::size_t d = 0; d < at.size(); ++d) at[d] = padded[d] == 1 ? 0 : at[d];
                  return at;
                }));
    expect_vjp_of_data(graph, {x, integers(shape)});
  }
}

TEST(Transpose, OrdersTheAxes) {
  const Tensor x = random_tensor({2, 3, 4});
  for (const Sizes& order : {Sizes{}, Sizes{0, 2, 1}, Sizes{2, 0, 1}, Sizes{1, 2, 0}}) {
    const Sizes own = order.empty() ? Sizes{2, 1, 0} : order;
    const Graph graph =
        node_of("Transpose", 13, order.empty() ? Given{} : Given{{"perm", order}}, 1);
    Sizes sizes;
    for (const std::int64_t d : own) sizes.push_back(x.size(d));
    expect_same(run(graph, {x})[0], moved(x, sizes, 0, [&](const Sizes& at) {
                  Sizes place(3);
                  for (std::size_t d = 0; d < 3; ++d)
                    place[static_cast<std::size_t>(own[d])] = at[d];
                  return place;
                }));
    expect_vjp_of_data(graph, {x});
  }
}

TEST(ConcatAndSplit, AreEachOthersInverse) {
  const Tensor x = random_tensor({2, 7, 3});
  const Sizes parts{1, 4, 2};
  const auto expect_parts = [&](const Tensors& out, const Sizes& sizes) {
    ASSERT_EQ(out.size(), sizes.size());
    std::int64_t start = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      expect_same(out[i], moved(x, {2, sizes[i], 3}, 0, [&](const Sizes& at) {
                    return Sizes{at[0], at[1] + start, at[2]};
                  }));
      start += sizes[i];
    }
  };
  for (const std::int64_t axis : {1, -2}) {
    const Graph by_attribute = node_of("Split", 11, {{"axis", axis}, {"split", parts}}, 1, 3);
    const Graph by_input = node_of("Split", 13, {{"axis", axis}}, 2, 3);
    const Graph by_count =
        node_of("Split", 18, {{"axis", axis}, {"num_outputs", std::int64_t{3}}}, 1, 3);
    const Graph even = node_of("Split", 13, {{"axis", axis}}, 1, 7);
    expect_parts(run(by_attribute, {x}), parts);
    expect_parts(run(by_input, {x, integers(parts)}), parts);
    expect_parts(run(by_count, {x}), {3, 3, 1});
    expect_parts(run(even, {x}), {1, 1, 1, 1, 1, 1, 1});
    expect_vjp_of_data(by_attribute, {x});
    expect_vjp_of_data(by_input, {x, integers(parts)});
    const Tensors pieces = run(by_attribute, {x});
    const Graph back = node_of("Concat", 13, {{"axis", axis}}, 3);
    expect_same(run(back, pieces)[0], x);
    expect_vjp(back.nodes()[0], {pieces[0], pieces[1], pieces[2]}, {1, 0, 1});
  }
  EXPECT_THROW(run(node_of("Split", 13, {{"axis", std::int64_t{1}}}, 2, 2), {x, integers({3, 3})}),
               Error);
}

TEST(Split, GradientOfAnUnusedPartIsZero) {
  const Graph graph = node_of("Split", 13, {}, 1, 2);
  const Node& node = graph.nodes()[0];
  const Tensors in{random_tensor({4})};
  constexpr std::array<bool, 1> wanted{true};
  const Tensors grad_out{Tensor(), at::ones({2}, at::kDouble)};
  expect_same(node.spec->vjp(node, in, run(graph, in), grad_out, wanted)[0],
              at::tensor({0.0, 0.0, 1.0, 1.0}, at::kDouble));
}

/// Python's range for one slice, as ONNX words the clamping.
Sizes places(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t size) {
  if (start < 0) start += size;
  if (end < 0) end += size;
  Sizes result;
  if (step > 0) {
    start = std::clamp<std::int64_t>(start, 0, size);
    for (std::int64_t i = start; i < std::min(end, size); i += step) result.push_back(i);
  } else {
    start = std::clamp<std::int64_t>(start, 0, size - 1);
    for (std::int64_t i = start; i > std::max<std::int64_t>(end, -1); i += step) {
      result.push_back(i);
    }
  }
  return result;
}

TEST(Slice, EveryStartEndAndStep) {
  const Tensor x = random_tensor({2, 5, 3});
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max() / 2;
  for (const std::int64_t start : {-huge, std::int64_t{-7}, std::int64_t{-2}, std::int64_t{0},
                                   std::int64_t{3}, std::int64_t{5}, huge}) {
    for (const std::int64_t end : {-huge, std::int64_t{-6}, std::int64_t{-1}, std::int64_t{0},
                                   std::int64_t{4}, std::int64_t{9}, huge}) {
      for (const std::int64_t step : {1, 2, 7, -1, -2, -7}) {
        const Sizes picked = places(start, end, step, 5);
        const Tensor want =
            moved(x, {2, static_cast<std::int64_t>(picked.size()), 3}, 0, [&](const Sizes& at) {
              return Sizes{at[0], picked[static_cast<std::size_t>(at[1])], at[2]};
            });
        SCOPED_TRACE(concat(start, ":", end, ":", step));
        const Graph graph = node_of("Slice", 13, {}, 5);
        expect_same(run(graph, {x, integers({start}), integers({end}), integers({-2}),
                                integers({step})})[0],
                    want);
        if (step != 1) continue;
        const Graph old = node_of(
            "Slice", 1, {{"starts", Sizes{start}}, {"ends", Sizes{end}}, {"axes", Sizes{1}}}, 1);
        expect_same(run(old, {x})[0], want);
      }
    }
  }
}

TEST(Slice, SeveralAxesAndAbsentOnes) {
  const Tensor x = random_tensor({4, 5, 3});
  const Tensor want = moved(x, {2, 2, 3}, 0, [](const Sizes& at) {
    return Sizes{at[0] + 1, 4 - 2 * at[1], at[2]};
  });
  const Graph graph = node_of("Slice", 13, {}, 5);
  expect_same(
      run(graph, {x, integers({4, 1}), integers({0, 3}), integers({1, 0}), integers({-2, 1})})[0],
      want);
  expect_same(run(graph, {x, integers({1, 4}), integers({3, 0}), Tensor(), integers({1, -2})})[0],
              want);
  EXPECT_THROW(run(graph, {x, integers({0}), integers({1}), integers({0}), integers({0})}), Error);
}

std::int64_t source_of(std::int64_t i, std::int64_t size, const std::string& mode) {
  if (mode == "edge") return std::clamp<std::int64_t>(i, 0, size - 1);
  while (mode == "wrap" && i < 0) i += size;
  while (mode == "wrap" && i >= size) i -= size;
  while (mode == "reflect" && (i < 0 || i >= size)) i = i < 0 ? -i : 2 * (size - 1) - i;
  return i;
}

TEST(Pad, EveryModeAndFormWithCrops) {
  const Tensor x = random_tensor({2, 3, 4, 5});
  for (const std::string mode : {"constant", "edge", "reflect", "wrap"}) {
    for (const Sizes& pads : {Sizes{0, 0, 1, 2, 0, 0, 3, 1}, Sizes{0, 1, -1, 2, 0, 0, 2, -2},
                              Sizes{0, 0, 6, 0, 0, 0, 0, 9}, Sizes{1, 0, -1, -1, 0, 2, -1, -1}}) {
      const double fill = mode == "constant" ? 0.5 : 0;
      Sizes sizes;
      for (std::size_t d = 0; d < 4; ++d) {
        sizes.push_back(x.size(static_cast<std::int64_t>(d)) + pads[d] + pads[d + 4]);
      }
      const Tensor want = moved(x, sizes, fill, [&](Sizes at) {
        for (std::size_t d = 0; d < 4; ++d) {
          at[d] = source_of(at[d] - pads[d], x.size(static_cast<std::int64_t>(d)), mode);
        }
        return at;
      });
      SCOPED_TRACE(concat(mode, " ", at::IntArrayRef(pads)));
      const Graph old = node_of("Pad", 2, {{"mode", mode}, {"pads", pads}, {"value", fill}}, 1);
      expect_same(run(old, {x})[0], want);
      expect_vjp_of_data(old, {x});
      const Graph by_input = node_of("Pad", 13, {{"mode", mode}}, 3);
      const Tensor value = at::scalar_tensor(fill, at::kDouble);
      expect_same(run(by_input, {x, integers(pads), value})[0], want);
      // Opset 18: the same pads for the axes in another order.
      const Graph by_axes = node_of("Pad", 18, {{"mode", mode}}, 4);
      const Sizes shuffled{pads[3], pads[0], pads[2], pads[1], pads[7], pads[4], pads[6], pads[5]};
      expect_same(run(by_axes, {x, integers(shuffled), value, integers({-1, 0, 2, 1})})[0], want);
    }
  }
  EXPECT_THROW(node_of("Pad", 13, {{"mode", std::string("mirror")}}, 2), Error);
}

TEST(Tile, Repeats) {
  const Tensor x = random_tensor({2, 3});
  expect_same(run(node_of("Tile", 13, {}, 2), {x, integers({2, 3})})[0],
              moved(x, {4, 9}, 0, [](const Sizes& at) {
                return Sizes{at[0] % 2, at[1] % 3};
              }));
}

TEST(DepthToSpace, BothOrdersAndItsInverse) {
  const Tensor x = random_tensor({2, 12, 2, 3});
  for (const std::string mode : {"DCR", "CRD"}) {
    const Graph graph =
        node_of("DepthToSpace", 13, {{"blocksize", std::int64_t{2}}, {"mode", mode}}, 1);
    const Tensor want = moved(x, {2, 3, 4, 6}, 0, [&](const Sizes& at) {
      const std::int64_t block = at[2] % 2 * 2 + at[3] % 2;
      return Sizes{at[0], mode == "DCR" ? block * 3 + at[1] : at[1] * 4 + block, at[2] / 2,
                   at[3] / 2};
    });
    expect_same(run(graph, {x})[0], want);
    if (mode == "CRD") continue;
    const Graph back = node_of("SpaceToDepth", 13, {{"blocksize", std::int64_t{2}}}, 1);
    expect_same(run(back, {want})[0], x);
  }
}

TEST(Trilu, KeepsATriangle) {
  const Tensor x = random_tensor({2, 4, 5});
  for (const std::int64_t upper : {0, 1}) {
    for (std::int64_t k = -5; k <= 6; ++k) {
      const Tensor want = moved(x, {2, 4, 5}, 0, [&](const Sizes& at) {
        const bool kept = upper ? at[2] - at[1] >= k : at[2] - at[1] <= k;
        return kept ? at : Sizes{-1, -1, -1};
      });
      expect_same(
          run(node_of("Trilu", 14, {{"upper", upper}}, 2), {x, at::tensor(k, at::kLong)})[0], want);
    }
  }
}

TEST(IdentityAndDropout, GiveTheInput) {
  const Tensor x = random_tensor({2, 3});
  expect_same(run(node_of("Identity", 13, {}, 1), {x})[0], x);
  const Tensors out = run(node_of("Dropout", 13, {}, 1, 2), {x});
  expect_same(out[0], x);
  EXPECT_EQ(out[1].scalar_type(), at::kBool);
  EXPECT_TRUE(out[1].all().item<bool>());
  expect_vjp_of_data(node_of("Dropout", 12, {{"ratio", 0.5}}, 1), {x});
}

TEST(Cast, GoesToIntegersTruncatedAndKeepsThePrecisionOfFloats) {
  const Tensor x = at::tensor({-1.7, 0.0, 2.9}, at::kDouble);
  const auto cast = [&](std::int64_t to) {
    return run(node_of("Cast", 13, {{"to", to}}, 1), {x})[0];
  };
  EXPECT_TRUE(at::equal(cast(7), integers({-1, 0, 2})));
  EXPECT_EQ(cast(6).scalar_type(), at::kInt);
  EXPECT_TRUE(at::equal(cast(9), at::tensor({1, 0, 1}, at::kLong).to(at::kBool)));
  EXPECT_EQ(cast(1).scalar_type(), at::kDouble);
  EXPECT_EQ(
      run(node_of("Cast", 13, {{"to", std::int64_t{1}}}, 1), {integers({1})})[0].scalar_type(),
      at::kFloat);
  EXPECT_THROW(node_of("Cast", 13, {{"to", std::int64_t{8}}}, 1), Error);
}

}  // namespace
}  // namespace limn::testing
