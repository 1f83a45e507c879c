// Activations and elementwise functions against std:: formulas in float64, derivatives against
// autograd and central differences, the derivative at kinks, and Clip's and Gelu's forms by opset.
#include <cmath>
#include <functional>
#include <limits>

#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Function = std::function<double(double)>;

struct Unary {
  const char* op;
  std::vector<std::pair<std::string, Attribute>> attributes;
  Function function;
  double low = -4, high = 4;  ///< where it is defined
  int opset = 20;
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::log1p(std::exp(x)); }
double phi(double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }

const std::vector<Unary>& unaries() {
  static const std::vector<Unary> all = {
      {"Relu", {}, [](double x) { return x > 0 ? x : 0; }},
      {"Sigmoid", {}, sigmoid},
      {"Tanh", {}, [](double x) { return std::tanh(x); }},
      {"SiLU", {}, [](double x) { return x * sigmoid(x); }},
      {"HardSigmoid", {}, [](double x) { return std::max(0.0, std::min(1.0, 0.2 * x + 0.5)); }},
      {"HardSigmoid",
       {{"alpha", 0.3}, {"beta", 0.4}},
       [](double x) { return std::max(0.0, std::min(1.0, 0.3 * x + 0.4)); }},
      {"HardSwish", {}, [](double x) { return x * std::max(0.0, std::min(1.0, x / 6 + 0.5)); }},
      {"Gelu", {}, [](double x) { return x * phi(x); }},
      {"Gelu", {{"approximate", std::string("none")}}, [](double x) { return x * phi(x); }},
      {"Gelu",
       {{"approximate", std::string("tanh")}},
       [](double x) {
         return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
       }},
      {"LeakyRelu", {}, [](double x) { return x < 0 ? 0.01 * x : x; }},
      {"LeakyRelu", {{"alpha", 0.2}}, [](double x) { return x < 0 ? 0.2 * x : x; }},
      {"Elu", {}, [](double x) { return x < 0 ? std::exp(x) - 1 : x; }},
      {"Elu", {{"alpha", 0.7}}, [](double x) { return x < 0 ? 0.7 * (std::exp(x) - 1) : x; }},
      {"Celu", {{"alpha", 2.0}}, [](double x) { return x < 0 ? 2 * (std::exp(x / 2) - 1) : x; }},
      {"Selu",
       {},
       [](double x) {
         return 1.05070102214813232421875 *
                (x < 0 ? 1.67326319217681884765625 * (std::exp(x) - 1) : x);
       }},
      {"Selu",
       {{"alpha", 1.5}, {"gamma", 2.0}},
       [](double x) { return 2 * (x < 0 ? 1.5 * (std::exp(x) - 1) : x); }},
      {"Softplus", {}, softplus},
      {"Softsign", {}, [](double x) { return x / (1 + std::abs(x)); }},
      {"Mish", {}, [](double x) { return x * std::tanh(softplus(x)); }},
      {"ThresholdedRelu", {}, [](double x) { return x > 1 ? x : 0; }},
      {"ThresholdedRelu", {{"alpha", 2.0}}, [](double x) { return x > 2 ? x : 0; }},
      {"Shrink", {}, [](double x) { return x < -0.5 || x > 0.5 ? x : 0; }},
      {"Shrink",
       {{"lambd", 1.5}, {"bias", 0.5}},
       [](double x) { return x < -1.5  ? x + 0.5
                             : x > 1.5 ? x - 0.5
                                       : 0; }},
      {"Erf", {}, [](double x) { return std::erf(x); }},
      {"Exp", {}, [](double x) { return std::exp(x); }},
      {"Log", {}, [](double x) { return std::log(x); }, 0.1, 4},
      {"Sqrt", {}, [](double x) { return std::sqrt(x); }, 0.1, 4},
      {"Abs", {}, [](double x) { return std::abs(x); }},
      {"Reciprocal", {}, [](double x) { return 1 / x; }, 0.2, 4},
      {"Sign", {}, [](double x) { return x > 0   ? 1
                                         : x < 0 ? -1
                                                 : 0; }},
      {"Floor", {}, [](double x) { return std::floor(x); }},
      {"Ceil", {}, [](double x) { return std::ceil(x); }},
      {"Round", {}, [](double x) { return std::nearbyint(x); }},
      {"Sin", {}, [](double x) { return std::sin(x); }},
      {"Cos", {}, [](double x) { return std::cos(x); }},
      {"Tan", {}, [](double x) { return std::tan(x); }, -1.4, 1.4},
      {"Asin", {}, [](double x) { return std::asin(x); }, -0.9, 0.9},
      {"Acos", {}, [](double x) { return std::acos(x); }, -0.9, 0.9},
      {"Atan", {}, [](double x) { return std::atan(x); }},
      {"Sinh", {}, [](double x) { return std::sinh(x); }},
      {"Cosh", {}, [](double x) { return std::cosh(x); }},
      {"Asinh", {}, [](double x) { return std::asinh(x); }},
      {"Acosh", {}, [](double x) { return std::acosh(x); }, 1.1, 4},
      {"Atanh", {}, [](double x) { return std::atanh(x); }, -0.9, 0.9},
  };
  return all;
}

Graph graph_of(const Unary& unary) {
  Attributes attributes;
  for (const auto& [name, value] : unary.attributes) attributes.set(name, value);
  return one_node(unary.op, unary.opset, attributes, 1);
}

Tensor mapped(const Tensor& x, const Function& function) {
  const Tensor out = x.contiguous().clone();
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    double& value = out.data_ptr<double>()[i];
    value = function(value);
  }
  return out;
}

TEST(Elementwise, EqualsItsFormula) {
  at::manual_seed(21);
  for (const Unary& unary : unaries()) {
    SCOPED_TRACE(concat(unary.op, " with ", unary.attributes.size(), " attributes"));
    const Graph graph = graph_of(unary);
    const Node& node = graph.nodes()[0];
    const Tensor x = at::rand({2, 3, 50}, at::kDouble) * (unary.high - unary.low) + unary.low;
    const Tensor before = x.clone();
    const Tensor out = node.spec->forward(node, Tensors{x})[0];
    EXPECT_LT(relative_error(out, mapped(x, unary.function)), kExact);
    EXPECT_TRUE(at::equal(x, before)) << "modified its input";
    EXPECT_EQ(node.spec->forward(node, Tensors{x.to(at::kFloat)})[0].scalar_type(), at::kFloat);
    if (node.spec->vjp) expect_vjp(node, {x}, {1});
  }
}

TEST(Elementwise, DerivativesEqualCentralDifferences) {
  at::manual_seed(22);
  for (const Unary& unary : unaries()) {
    SCOPED_TRACE(concat(unary.op, " with ", unary.attributes.size(), " attributes"));
    const Graph graph = graph_of(unary);
    const Node& node = graph.nodes()[0];
    // These places keep 0.005 away from every kink and step.
    const Tensor x = (at::arange(60, at::kDouble) * 0.13 - 3.845).clamp(unary.low, unary.high);
    const double h = 1e-6;
    const Tensor want = (mapped(x + h, unary.function) - mapped(x - h, unary.function)) / (2 * h);
    const Tensors in{x}, grad_out{at::ones_like(x)};
    constexpr std::array<bool, 1> wanted{true};
    const Tensors out = node.spec->forward(node, in);
    const Tensor got = node.spec->vjp ? node.spec->vjp(node, in, out, grad_out, wanted)[0]
                                      : autograd_vjp(node, in, grad_out, wanted)[0];
    // Differences of step 1e-6 are good to some 1e-9; the largest values here are 1e2.
    EXPECT_LT(relative_error(got, want), 1e-7);
  }
}

TEST(Elementwise, DerivativeAtAKinkIsThatOfTheFlatSide) {
  constexpr std::array<bool, 1> wanted{true};
  const Tensors zero{at::zeros({1}, at::kDouble)}, one{at::ones({1}, at::kDouble)};
  const Graph relu = one_node("Relu", 14, {}, 1);
  EXPECT_EQ(relu.nodes()[0].spec->vjp(relu.nodes()[0], zero, zero, one, wanted)[0].item<double>(),
            0);
  Attributes bounds;
  bounds.set("min", 0.0);
  bounds.set("max", 6.0);
  const Graph clip = one_node("Clip", 6, bounds, 1);
  const Node& node = clip.nodes()[0];
  const Tensors x{at::tensor({-1.0, 0.0, 1e-9, 6 - 1e-9, 6.0, 7.0}, at::kDouble)};
  const Tensors out = node.spec->forward(node, x);
  const Tensor slope = node.spec->vjp(node, x, out, Tensors{at::ones({6}, at::kDouble)}, wanted)[0];
  EXPECT_TRUE(at::equal(slope, at::tensor({0.0, 0.0, 1.0, 1.0, 0.0, 0.0}, at::kDouble)));
}

TEST(Elementwise, RoundsHalvesToEven) {
  const Graph graph = one_node("Round", 11, {}, 1);
  const Tensor x = at::tensor({-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}, at::kDouble);
  EXPECT_TRUE(at::equal(graph.nodes()[0].spec->forward(graph.nodes()[0], Tensors{x})[0],
                        at::tensor({-2.0, -2.0, 0.0, 0.0, 2.0, 2.0}, at::kDouble)));
}

TEST(Elementwise, LargeValuesStayFinite) {
  const Tensor x = at::tensor({-1e4, -100.0, 100.0, 1e4}, at::kDouble);
  for (const char* op :
       {"Sigmoid", "SiLU", "Softplus", "Elu", "Celu", "Selu", "Mish", "Gelu", "Tanh", "Softsign"}) {
    const Graph graph = one_node(op, 20, {}, 1);
    const Node& node = graph.nodes()[0];
    constexpr std::array<bool, 1> wanted{true};
    EXPECT_TRUE(at::isfinite(node.spec->forward(node, Tensors{x})[0]).all().item<bool>()) << op;
    const Tensor slope = autograd_vjp(node, Tensors{x}, Tensors{at::ones_like(x)}, wanted)[0];
    EXPECT_TRUE(at::isfinite(slope).all().item<bool>()) << op;
  }
}

Tensor clip_loop(const Tensor& x, double low, double high) {
  return mapped(x, [&](double value) { return std::min(std::max(value, low), high); });
}

TEST(Clip, BoundsAreAttributesOrInputsAndMayBeAbsent) {
  at::manual_seed(23);
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor x = random_tensor({2, 3, 4}) * 3;
  for (const int opset : {6, 7, 10}) {
    for (const bool low : {false, true}) {
      for (const bool high : {false, true}) {
        Attributes attributes;
        if (low) attributes.set("min", -1.0);
        if (high) attributes.set("max", 2.0);
        const Graph graph = one_node("Clip", opset, attributes, 1);
        const Node& node = graph.nodes()[0];
        EXPECT_LT(relative_error(node.spec->forward(node, Tensors{x})[0],
                                 clip_loop(x, low ? -1 : -infinity, high ? 2 : infinity)),
                  kExact);
        expect_vjp(node, {x}, {1});
      }
    }
  }
  const Tensor low = at::scalar_tensor(-1, at::kDouble), high = at::scalar_tensor(2, at::kDouble);
  const Graph graph = one_node("Clip", 11, {}, 3);
  const Node& node = graph.nodes()[0];
  EXPECT_LT(relative_error(node.spec->forward(node, Tensors{x, low, high})[0], clip_loop(x, -1, 2)),
            kExact);
  EXPECT_LT(relative_error(node.spec->forward(node, Tensors{x, Tensor(), high})[0],
                           clip_loop(x, -infinity, 2)),
            kExact);
  EXPECT_LT(
      relative_error(node.spec->forward(node, Tensors{x, low})[0], clip_loop(x, -1, infinity)),
      kExact);
  expect_vjp(node, {x, low, high}, {1, 0, 0});
  const Tensor whole = at::tensor({-5, 0, 5}, at::kInt);
  EXPECT_TRUE(
      at::equal(node.spec->forward(node, Tensors{whole, at::scalar_tensor(-2, at::kInt)})[0],
                at::tensor({-2, 0, 5}, at::kInt)));
}

TEST(PRelu, TheSlopeBroadcasts) {
  at::manual_seed(24);
  const Graph graph = one_node("PRelu", 16, {}, 2);
  const Node& node = graph.nodes()[0];
  for (const auto& sizes : std::vector<std::vector<std::int64_t>>{{3, 1, 1}, {1}, {}, {3, 4, 5}}) {
    const Tensors in{random_tensor({2, 3, 4, 5}), random_tensor(sizes)};
    const Box x(in[0]), slope(in[1].expand({3, 4, 5})), want({2, 3, 4, 5});
    for_each_index({2, 3, 4, 5}, [&](const std::vector<std::int64_t>& at) {
      const double value = x.at(at);
      want.at(at) = value < 0 ? slope.at({at[1], at[2], at[3]}) * value : value;
    });
    EXPECT_LT(relative_error(node.spec->forward(node, in)[0], want.tensor()), kExact);
  }
}

TEST(Gelu, RefusesAnUnknownApproximation) {
  Attributes attributes;
  attributes.set("approximate", std::string("quick"));
  EXPECT_THROW(one_node("Gelu", 20, attributes, 1), Error);
}

}  // namespace
}  // namespace limn::testing
