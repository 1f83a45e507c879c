// Each LRP rule on each linear operator against its matrix form: the operator's Jacobian M and the
// formula written out with plain loops in float64.
#include "rules/lrp_rules.h"

#include "limn/error.h"
#include "limn/method.h"
#include "rules/basic_rules.h"
#include "rules/walk.h"
#include "support/draft_builder.h"
#include "support/support.h"

namespace limn {
namespace {

/// z = M x + b with everything as plain vectors.
struct Matrix {
  std::vector<std::vector<double>> m;
  std::vector<double> x, b, z, r;
};

using Formula = std::function<std::vector<double>(const Matrix&)>;

double st(double z, double epsilon) { return z >= 0 ? z + epsilon : z - epsilon; }
double pos(double v) { return v > 0 ? v : 0; }
double neg(double v) { return v < 0 ? v : 0; }

/// R_j = sum_k share(j, k) R_k / st(sum_j share(j, k) + bias(k)).
std::vector<double> redistribute(const Matrix& a, double stabilizer,
                                 const std::function<double(std::size_t, std::size_t)>& share,
                                 const std::function<double(std::size_t)>& bias) {
  std::vector<double> out(a.x.size(), 0);
  for (std::size_t k = 0; k < a.r.size(); ++k) {
    double z = bias(k);
    for (std::size_t j = 0; j < out.size(); ++j) z += share(j, k);
    for (std::size_t j = 0; j < out.size(); ++j) {
      out[j] += share(j, k) * a.r[k] / st(z, stabilizer);
    }
  }
  return out;
}

std::vector<double> epsilon(const Matrix& a, double e) {
  return redistribute(
      a, e, [&](auto j, auto k) { return a.x[j] * a.m[k][j]; }, [&](auto k) { return a.b[k]; });
}

std::vector<double> signed_part(const Matrix& a, bool positive, double e) {
  const auto part = positive ? pos : neg;
  return redistribute(
      a, e, [&](auto j, auto k) { return part(a.x[j] * a.m[k][j]); },
      [&](auto k) { return part(a.b[k]); });
}

std::vector<double> alpha_beta(const Matrix& a, double alpha, double beta, double e) {
  auto plus = signed_part(a, true, e);
  const auto minus = signed_part(a, false, e);
  for (std::size_t j = 0; j < plus.size(); ++j) plus[j] = alpha * plus[j] - beta * minus[j];
  return plus;
}

std::vector<double> gamma(const Matrix& a, double g, double e) {
  std::vector<double> out(a.x.size(), 0);
  for (std::size_t k = 0; k < a.r.size(); ++k) {
    if (a.z[k] == 0) continue;
    const auto favored = a.z[k] > 0 ? pos : neg;
    double z = a.b[k] + g * favored(a.b[k]);
    const auto share = [&](std::size_t j) {
      const double c = a.x[j] * a.m[k][j];
      return c + g * favored(c);
    };
    for (std::size_t j = 0; j < out.size(); ++j) z += share(j);
    for (std::size_t j = 0; j < out.size(); ++j) out[j] += share(j) * a.r[k] / st(z, e);
  }
  return out;
}

std::vector<double> zbox(const Matrix& a, double low, double high, double e) {
  return redistribute(
      a, e,
      [&](auto j, auto k) {
        return a.x[j] * a.m[k][j] - low * pos(a.m[k][j]) - high * neg(a.m[k][j]);
      },
      [](auto) { return 0.0; });
}

std::vector<double> wsquare(const Matrix& a, double e) {
  return redistribute(
      a, e, [&](auto j, auto k) { return a.m[k][j] * a.m[k][j]; },
      [&](auto k) { return a.b[k] * a.b[k]; });
}

std::vector<double> flat(const Matrix& a, double e) {
  return redistribute(
      a, e, [&](auto j, auto k) { return a.m[k][j] != 0 ? 1.0 : 0.0; }, [](auto) { return 0.0; });
}

/// Shares by positive products; where there are none, equal shares.
std::vector<double> plus_even(const Matrix& a) {
  std::vector<double> out(a.x.size(), 0);
  for (std::size_t k = 0; k < a.r.size(); ++k) {
    double z = 0, count = 0;
    for (std::size_t j = 0; j < out.size(); ++j) {
      z += pos(a.x[j] * a.m[k][j]);
      count += a.m[k][j] != 0 ? 1 : 0;
    }
    for (std::size_t j = 0; j < out.size(); ++j) {
      const double share = z > 0 ? pos(a.x[j] * a.m[k][j]) / z : a.m[k][j] != 0 ? 1 / count : 0;
      out[j] += share * a.r[k];
    }
  }
  return out;
}

std::vector<double> to_vector(const Tensor& t) {
  const Tensor flat_t = t.to(at::kDouble).contiguous();
  const double* data = flat_t.data_ptr<double>();
  return {data, data + flat_t.numel()};
}

/// Operators without weights are w A with the number w = 1: rules that replace weights replace that
/// 1 by itself and keep A.
std::vector<double> of_one_weight(const Matrix& a, double e) {
  return redistribute(
      a, e, [&](auto j, auto k) { return a.m[k][j]; }, [](auto) { return 0.0; });
}

enum class Which { All, Weighted, Pools };

struct Layer {
  std::string name;
  Draft draft;
  std::vector<std::int64_t> x_shape;
};

Draft layer_draft(const std::string& op, Attributes attributes, const std::vector<Tensor>& weights,
                  bool relu) {
  Draft draft;
  draft.opset = 13;
  ValueInfo input, output;
  input.name = "x";
  output.name = "z";
  draft.inputs = {input};
  draft.outputs = {output};
  if (relu)
    draft.nodes.push_back({.name = "relu",
                           .op = "Relu",
                           .domain = "",
                           .opset = 13,
                           .attributes = {},
                           .inputs = {"x"},
                           .outputs = {"x+"}});
  DraftNode node{.name = "layer",
                 .op = op,
                 .domain = "",
                 .opset = 13,
                 .attributes = std::move(attributes),
                 .inputs = {relu ? "x+" : "x"},
                 .outputs = {"z"}};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string name = "w" + std::to_string(i);
    draft.constants[name] = weights[i];
    node.inputs.push_back(name);
  }
  draft.nodes.push_back(std::move(node));
  return draft;
}

std::vector<Layer> layers(bool relu) {
  const auto random = [](std::vector<std::int64_t> shape) {
    return at::randn(shape, at::TensorOptions(at::kDouble));
  };
  Attributes conv;
  conv.set("strides", std::vector<std::int64_t>{2, 1});
  conv.set("pads", std::vector<std::int64_t>{1, 0, 2, 1});
  conv.set("dilations", std::vector<std::int64_t>{1, 2});
  Attributes grouped;
  grouped.set("group", std::int64_t{2});
  grouped.set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
  Attributes gemm;
  gemm.set("transB", std::int64_t{1});
  Attributes transposed;
  transposed.set("strides", std::vector<std::int64_t>{2, 1});
  transposed.set("pads", std::vector<std::int64_t>{1, 0, 0, 1});
  transposed.set("output_padding", std::vector<std::int64_t>{1, 0});
  Attributes mean;
  mean.set("axes", std::vector<std::int64_t>{2});
  mean.set("keepdims", std::int64_t{0});
  Attributes resize;
  resize.set("mode", std::string("linear"));
  Attributes pool;
  pool.set("kernel_shape", std::vector<std::int64_t>{2, 2});
  pool.set("strides", std::vector<std::int64_t>{2, 2});
  return {
      {"Conv", layer_draft("Conv", conv, {random({4, 3, 3, 2}), random({4})}, relu), {2, 3, 5, 6}},
      {"grouped Conv",
       layer_draft("Conv", grouped, {random({4, 1, 3, 3}), random({4})}, relu),
       {1, 2, 4, 5}},
      {"Gemm", layer_draft("Gemm", gemm, {random({3, 7}), random({3})}, relu), {2, 7}},
      {"MatMul", layer_draft("MatMul", {}, {random({7, 3})}, relu), {2, 7}},
      {"AveragePool", layer_draft("AveragePool", pool, {}, relu), {1, 2, 4, 4}},
      {"ConvTranspose",
       layer_draft("ConvTranspose", transposed, {random({3, 2, 3, 2}), random({2})}, relu),
       {2, 3, 3, 4}},
      {"GlobalAveragePool", layer_draft("GlobalAveragePool", {}, {}, relu), {2, 3, 3, 4}},
      {"ReduceMean", layer_draft("ReduceMean", mean, {}, relu), {2, 3, 4, 2}},
      {"Resize",
       layer_draft("Resize", resize, {at::empty({0}), at::tensor({1.0, 1.0, 1.5, 2.0})}, relu),
       {2, 2, 4, 3}},
      {"BatchNormalization",
       layer_draft("BatchNormalization", {},
                   {random({3}), random({3}), random({3}), random({3}).abs() + 0.5}, relu),
       {2, 3, 3, 2}},
  };
}

/// Runs the rule on the layer and the formula on each sample's matrix form; compares.
void check(const Rule& rule, const Formula& formula, Which which = Which::All) {
  for (bool relu : {false, true}) {
    for (const auto& layer : layers(relu)) {
      const bool weighted = layer.draft.constants.contains("w0") && layer.name != "Resize";
      if (which != Which::All && weighted != (which == Which::Weighted)) continue;
      SCOPED_TRACE(rule.name + " on " + layer.name + (relu ? " behind ReLU" : ""));
      const Model model = Model(Graph(layer.draft)).to(at::kDouble);
      const Tensor x = at::randn(layer.x_shape, at::TensorOptions(at::kDouble));
      const Tape tape = model.run(x);
      const ValueId in = model.graph().at(relu ? "x+" : "x"), out = model.graph().at("z");
      const Tensor z = tape[out];
      // Two seeds at once, one with zeros, as maps of several classes have.
      std::vector<std::int64_t> shape = z.sizes().vec();
      shape.insert(shape.begin(), 2);
      const Tensor seeds = at::randn(shape, x.options()) * (at::rand(shape, x.options()) > 0.3);
      RuleBook book;
      book.kind(OpKind::Activation, pass_rule()).kind(OpKind::Linear, rule);
      const auto result =
          walk(model, tape, book,
               {.seeds = {{out, seeds}}, .at = {in}, .fallback_gradient = false, .trace = false});
      const Node& node = model.graph().nodes().back();
      for (std::int64_t n = 0; n < x.size(0); ++n) {
        Matrix a;
        const Tensor xn = tape[in].slice(0, n, n + 1);
        const auto run = [&](const Tensor& t) {
          Tensors inputs = {t};
          for (std::size_t i = 1; i < node.inputs.size(); ++i)
            inputs.push_back(tape[node.inputs[i]]);
          return to_vector(node.spec->forward(node, inputs).front());
        };
        a.x = to_vector(xn);
        a.b = run(at::zeros_like(xn));
        a.z = run(xn);
        a.m.assign(a.z.size(), std::vector<double>(a.x.size()));
        for (std::size_t j = 0; j < a.x.size(); ++j) {
          Tensor unit = at::zeros_like(xn).contiguous();
          unit.view({-1})[static_cast<std::int64_t>(j)] = 1;
          const auto column = run(unit);
          for (std::size_t k = 0; k < a.z.size(); ++k) a.m[k][j] = column[k] - a.b[k];
        }
        // Differences of two sums leave rounding where a weight is absent.
        for (auto& row : a.m) {
          for (double& w : row) w = std::abs(w) < 1e-12 ? 0 : w;
        }
        for (std::int64_t s = 0; s < 2; ++s) {
          a.r = to_vector(seeds[s][n]);
          const std::vector<double> expected = formula(a);
          const Tensor want = at::tensor(expected, at::kDouble).reshape(xn.sizes());
          EXPECT_LT(testing::relative_error(result.relevance.at(in)[s][n].unsqueeze(0), want),
                    1e-9);
        }
      }
    }
  }
}

TEST(LrpRules, MatchTheirMatrixForm) {
  at::manual_seed(3);
  check(epsilon_rule(0.01), [](const Matrix& a) { return epsilon(a, 0.01); });
  check(norm_rule(1e-6), [](const Matrix& a) { return epsilon(a, 1e-6); });
  check(zplus_rule(1e-6), [](const Matrix& a) { return signed_part(a, true, 1e-6); });
  check(gamma_rule(0.25, 1e-6), [](const Matrix& a) { return gamma(a, 0.25, 1e-6); });
  check(gamma_rule(100, 1e-6), [](const Matrix& a) { return gamma(a, 100, 1e-6); });
  check(alpha_beta_rule(2, 1, 1e-6), [](const Matrix& a) { return alpha_beta(a, 2, 1, 1e-6); });
  check(alpha_beta_rule(1, 0, 1e-6), [](const Matrix& a) { return alpha_beta(a, 1, 0, 1e-6); });
  check(zbox_rule({-2}, {3}, 1e-6), [](const Matrix& a) { return zbox(a, -2, 3, 1e-6); });
}

/// Weights of one sign leave many units behind a ReLU without a positive product.
TEST(LrpRules, PlusEvenMatchesItsMatrixFormAndConserves) {
  at::manual_seed(6);
  check(plus_even_rule(), plus_even, Which::Weighted);
  Attributes depthwise;
  depthwise.set("group", std::int64_t{3});
  depthwise.set("pads", std::vector<std::int64_t>{1, 1, 1, 1});
  const auto options = at::TensorOptions(at::kDouble);
  const Tensor w = -at::rand({3, 1, 3, 3}, options), b = at::ones({3}, options);
  const Model model = Model(Graph(layer_draft("Conv", depthwise, {w, b}, true))).to(at::kDouble);
  const Tape tape = model.run(at::rand({1, 3, 5, 5}, options));
  const ValueId in = model.graph().at("x+"), out = model.graph().at("z");
  RuleBook book;
  book.kind(OpKind::Activation, pass_rule()).kind(OpKind::Linear, plus_even_rule());
  const Tensor seeds = at::rand({2, 1, 3, 5, 5}, options);
  const Tensor r =
      walk(model, tape, book,
           {.seeds = {{out, seeds}}, .at = {in}, .fallback_gradient = false, .trace = false})
          .relevance.at(in);
  EXPECT_LT(testing::relative_error(r.sum({3, 4}), seeds.sum({3, 4})), 1e-12) << "per channel";
}

TEST(LrpRules, WeightRulesMatchTheirMatrixForm) {
  at::manual_seed(4);
  const auto square = [](const Matrix& a) { return wsquare(a, 1e-6); };
  const auto equal = [](const Matrix& a) { return flat(a, 1e-6); };
  const auto one = [](const Matrix& a) { return of_one_weight(a, 1e-6); };
  check(wsquare_rule(1e-6), square, Which::Weighted);
  check(flat_rule(1e-6), equal, Which::Weighted);
  check(wsquare_rule(1e-6), one, Which::Pools);
  check(flat_rule(1e-6), one, Which::Pools);
}

TEST(LrpRules, GradientIsTheTransposedJacobian) {
  at::manual_seed(5);
  check(gradient_rule(), [](const Matrix& a) {
    std::vector<double> out(a.x.size(), 0);
    for (std::size_t k = 0; k < a.r.size(); ++k) {
      for (std::size_t j = 0; j < out.size(); ++j) out[j] += a.m[k][j] * a.r[k];
    }
    return out;
  });
}

TEST(LrpRules, ZBoxWithoutBoundsSaysWhatToGive) {
  try {
    zbox_rule({}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("low=[...]"), std::string::npos);
  }
}

/// YOLOX's stem: pixels of 2 x 2 become channels, then a convolution of 3 x 3; it is one of 6 x 6
/// that reads the picture itself.
TEST(LrpRules, ZBoxKnowsBoundsBehindSlices) {
  at::manual_seed(6);
  const Tensor w = at::randn({4, 3, 6, 6}), head = at::randn({4, 5});
  const auto model = [&](bool sliced) {
    testing::DraftBuilder b;
    std::string x = b.input("input", {-1, 3, 12, 12});
    Tensor weights = w;
    if (sliced) {
      std::vector<std::string> parts;
      Tensors pieces;
      for (std::int64_t row = 0; row < 2; ++row) {
        for (std::int64_t column = 0; column < 2; ++column) {
          parts.push_back(b.node("Slice", {x, b.integers({row, column}), b.integers({12, 12}),
                                           b.integers({2, 3}), b.integers({2, 2})}));
          pieces.push_back(w.slice(2, row, 6, 2).slice(3, column, 6, 2));
        }
      }
      x = b.node("Concat", parts, {{"axis", std::int64_t{1}}});
      weights = at::cat(pieces, 1);
    }
    const std::int64_t stride = sliced ? 1 : 2;
    x = b.node("Relu", {b.node("Conv", {x, b.constant(weights)},
                               {{"strides", std::vector<std::int64_t>{stride, stride}}})});
    x = b.node("Flatten", {b.node("GlobalAveragePool", {x})});
    b.output(b.node("MatMul", {x, b.constant(head)}));
    return Model(Graph(b.draft())).to(at::kDouble);
  };
  const Tensor x = at::rand({2, 3, 12, 12}, at::kDouble) * 3 - 1;
  for (const std::string bounds : {"low=[-1, -1.5, -2], high=[2, 2.5, 3]", "low=-1, high=2"}) {
    const auto map = [&](bool sliced) {
      return make_method("lrp(composite=epsilon-gamma-box, " + bounds + ")")
          ->explain(model(sliced), x)
          .relevance;
    };
    EXPECT_LT(testing::relative_error(map(true), map(false)), 1e-10) << bounds;
  }
  try {
    make_method("lrp(composite=epsilon-gamma-box, low=[1, 2], high=3)")->explain(model(true), x);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("channel of the model's input"), std::string::npos);
  }
}

}  // namespace
}  // namespace limn
