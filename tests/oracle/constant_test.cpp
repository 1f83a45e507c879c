// Values that no relevance reaches: constants, shapes, ranges, comparisons, logic and remainders
// against plain C++, and their kind.
#include <cmath>
#include <functional>
#include <limits>

#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;
using Given = std::vector<std::pair<std::string, Attribute>>;

Tensor run(const std::string& op, int opset, const Given& given, const Tensors& in) {
  Attributes attributes;
  for (const auto& [name, value] : given) attributes.set(name, value);
  // A graph needs an input, a constant has none; its node runs without.
  const Graph graph = one_node(op, opset, attributes, std::max<std::size_t>(in.size(), 1));
  const Node& node = graph.nodes()[0];
  const std::unique_ptr<bool[]> constant(new bool[in.size() + 1]());
  EXPECT_EQ(kind_of(node, {constant.get(), in.size()}), OpKind::Constant) << op;
  return node.spec->forward(node, in)[0];
}

Tensor integers(const Sizes& values) { return at::tensor(values, at::kLong); }
Tensor doubles(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

void expect_equal(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.sizes(), want.sizes());
  EXPECT_EQ(got.scalar_type(), want.scalar_type());
  EXPECT_TRUE(at::equal(got, want));
}

TEST(Constant, TakesEveryAttributeOfOpset12) {
  expect_equal(run("Constant", 13, {{"value", integers({1, 2})}}, {}), integers({1, 2}));
  expect_equal(run("Constant", 13, {{"value_float", 0.5}}, {}), at::scalar_tensor(0.5, at::kFloat));
  expect_equal(run("Constant", 13, {{"value_int", std::int64_t{-3}}}, {}),
               at::scalar_tensor(-3, at::kLong));
  expect_equal(run("Constant", 13, {{"value_floats", std::vector<double>{0.5, 2}}}, {}),
               at::tensor({0.5, 2.0}, at::kFloat));
  expect_equal(run("Constant", 13, {{"value_ints", Sizes{4, 5}}}, {}), integers({4, 5}));
  EXPECT_THROW(run("Constant", 13, {{"value_string", std::string("x")}}, {}), Error);
}

TEST(ConstantOfShape, HasTheTypeOfItsValue) {
  expect_equal(run("ConstantOfShape", 9, {}, {integers({2, 3})}), at::zeros({2, 3}, at::kFloat));
  expect_equal(run("ConstantOfShape", 9, {{"value", integers({7})}}, {integers({2})}),
               integers({7, 7}));
  expect_equal(run("ConstantOfShape", 9, {{"value", integers({7})}}, {integers({})}),
               at::scalar_tensor(7, at::kLong));
  EXPECT_THROW(run("ConstantOfShape", 9, {}, {integers({-1})}), Error);
  EXPECT_THROW(run("ConstantOfShape", 9, {}, {integers({1 << 20, 1 << 20})}), Error);
  EXPECT_THROW(run("ConstantOfShape", 9, {}, {integers({1 << 15, 1 << 15})}), Error);
  // VGG's largest weights, from a model without its data.
  EXPECT_EQ(run("ConstantOfShape", 9, {}, {integers({4096, 25088})}).numel(), 102760448);
}

TEST(Shape, StartAndEndCountFromEitherSide) {
  const Tensor x = at::zeros({2, 3, 4});
  expect_equal(run("Shape", 13, {}, {x}), integers({2, 3, 4}));
  const auto between = [&](std::int64_t start, std::int64_t end) {
    return run("Shape", 15, {{"start", start}, {"end", end}}, {x});
  };
  expect_equal(between(1, 3), integers({3, 4}));
  expect_equal(between(-1, 9), integers({4}));
  expect_equal(between(-9, -1), integers({2, 3}));
  expect_equal(between(2, 1), integers({}));
  expect_equal(run("Size", 13, {}, {x}), at::scalar_tensor(24, at::kLong));
}

TEST(Range, GoesUpAndDownAndMayBeEmpty) {
  const auto whole = [](std::int64_t start, std::int64_t limit, std::int64_t step) {
    return run("Range", 11, {},
               {at::scalar_tensor(start, at::kLong), at::scalar_tensor(limit, at::kLong),
                at::scalar_tensor(step, at::kLong)});
  };
  expect_equal(whole(0, 5, 2), integers({0, 2, 4}));
  expect_equal(whole(5, 0, -2), integers({5, 3, 1}));
  expect_equal(whole(3, 3, 1), integers({}));
  expect_equal(whole(3, 0, 1), integers({}));
  EXPECT_THROW(whole(0, 5, 0), Error);
  const Tensor real = run("Range", 11, {},
                          {at::scalar_tensor(1.0, at::kDouble), at::scalar_tensor(2.0, at::kDouble),
                           at::scalar_tensor(0.25, at::kDouble)});
  expect_equal(real, doubles({1, 1.25, 1.5, 1.75}));
}

TEST(EyeLike, HasOnesOnADiagonalInTheWantedType) {
  for (const std::int64_t k : {-1, 0, 2}) {
    const Tensor got = run("EyeLike", 9, {{"k", k}}, {at::zeros({3, 4}, at::kDouble)});
    for_each_index(
        {3, 4}, [&](const Sizes& at) { EXPECT_EQ(Box(got).at(at), at[1] - at[0] == k ? 1 : 0); });
  }
  const std::vector<std::pair<std::int64_t, at::ScalarType>> types = {
      {1, at::kFloat}, {6, at::kInt},   {7, at::kLong},
      {9, at::kBool},  {10, at::kHalf}, {11, at::kDouble}};
  for (const auto& [onnx, type] : types) {
    EXPECT_EQ(run("EyeLike", 9, {{"dtype", onnx}}, {at::zeros({2, 2})}).scalar_type(), type);
  }
}

TEST(Comparison, EqualsCPlusPlusWithBroadcasting) {
  const std::vector<std::pair<const char*, std::function<bool(double, double)>>> all = {
      {"Equal", std::equal_to<double>()},
      {"Greater", std::greater<double>()},
      {"GreaterOrEqual", std::greater_equal<double>()},
      {"Less", std::less<double>()},
      {"LessOrEqual", std::less_equal<double>()}};
  const Tensor a = doubles({1, 2, 3}), b = doubles({1, 3}).view({2, 1});
  for (const auto& [op, function] : all) {
    const Tensor got = run(op, 16, {}, {a, b});
    ASSERT_EQ(got.sizes(), at::IntArrayRef({2, 3})) << op;
    EXPECT_EQ(got.scalar_type(), at::kBool);
    for_each_index({2, 3}, [&, &op = op, &function = function](const Sizes& at) {
      EXPECT_EQ(Box(got).at(at) != 0, function(Box(a).at({at[1]}), Box(b).at({at[0], 0}))) << op;
    });
  }
}

TEST(Logic, EqualsCPlusPlus) {
  const Tensor a = integers({0, 0, 1, 1}).to(at::kBool), b = integers({0, 1, 0, 1}).to(at::kBool);
  const auto expect = [&](const char* op, const Sizes& want) {
    expect_equal(run(op, 7, {}, {a, b}), integers(want).to(at::kBool));
  };
  expect("And", {0, 0, 0, 1});
  expect("Or", {0, 1, 1, 1});
  expect("Xor", {0, 1, 1, 0});
  expect_equal(run("Not", 1, {}, {a}), integers({1, 1, 0, 0}).to(at::kBool));
}

TEST(IsNaNAndIsInf, TellThemApart) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor x = doubles({std::nan(""), 1, infinity, -infinity});
  const auto flags = [](const Sizes& values) { return integers(values).to(at::kBool); };
  expect_equal(run("IsNaN", 13, {}, {x}), flags({1, 0, 0, 0}));
  expect_equal(run("IsInf", 10, {}, {x}), flags({0, 0, 1, 1}));
  expect_equal(run("IsInf", 10, {{"detect_negative", std::int64_t{0}}}, {x}), flags({0, 0, 1, 0}));
  expect_equal(run("IsInf", 10, {{"detect_positive", std::int64_t{0}}}, {x}), flags({0, 0, 0, 1}));
}

TEST(Mod, FollowsTheDivisorOrWithFmodTheDividend) {
  const Tensor a = integers({-7, 7, -7, 7}), b = integers({3, 3, -3, -3});
  expect_equal(run("Mod", 13, {}, {a, b}), integers({2, 1, -1, -2}));
  expect_equal(run("Mod", 13, {{"fmod", std::int64_t{1}}}, {a, b}), integers({-1, 1, -1, 1}));
  const Tensor x = doubles({-4.3, 7.2}), y = doubles({2.1, -3.4});
  const Tensor got = run("Mod", 13, {{"fmod", std::int64_t{1}}}, {x, y});
  EXPECT_LT(relative_error(got, doubles({std::fmod(-4.3, 2.1), std::fmod(7.2, -3.4)})), kExact);
}

}  // namespace
}  // namespace limn::testing
