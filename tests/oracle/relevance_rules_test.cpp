// The layer rules of RAP, RSP and Attribution Equilibrium against their formulas in plain loops,
// float64: RAP and AE on the layer's Jacobian matrix, RSP on explicit patches.
#include <algorithm>
#include <numeric>

#include "limn/method.h"
#include "oracle/linear_oracle.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::relative_error;

struct Layer {
  std::string name;
  Attributes attributes;
  std::vector<std::int64_t> weight, x;
  bool pointwise = false;
  std::string op = "Conv";
};

Attributes transposed() {
  Attributes attributes;
  attributes.set("transB", std::int64_t{1});
  return attributes;
}

Attributes geometry(std::int64_t stride, std::vector<std::int64_t> pads,
                    std::vector<std::int64_t> dilations = {1, 1}, std::int64_t group = 1) {
  Attributes attributes;
  attributes.set("strides", std::vector<std::int64_t>{stride, stride});
  attributes.set("pads", std::move(pads));
  attributes.set("dilations", std::move(dilations));
  attributes.set("group", group);
  return attributes;
}

std::vector<Layer> layers() {
  return {{"3x3", geometry(1, {1, 1, 1, 1}), {3, 2, 3, 3}, {2, 2, 4, 5}},
          {"3x3 stride 2", geometry(2, {1, 1, 1, 1}), {3, 2, 3, 3}, {1, 2, 5, 5}},
          {"1x1", geometry(1, {0, 0, 0, 0}), {3, 2, 1, 1}, {2, 2, 4, 3}, true},
          {"1x3", geometry(1, {0, 1, 0, 1}), {3, 2, 1, 3}, {1, 2, 4, 5}},
          {"asymmetric pads", geometry(1, {0, 1, 2, 0}), {2, 2, 3, 2}, {1, 2, 4, 4}},
          {"dilated", geometry(1, {2, 2, 2, 2}, {2, 2}), {2, 2, 3, 3}, {1, 2, 5, 5}},
          {"grouped", geometry(1, {1, 1, 1, 1}, {1, 1}, 2), {4, 1, 3, 3}, {1, 2, 4, 4}},
          {"depthwise", geometry(1, {1, 1, 1, 1}, {1, 1}, 3), {3, 1, 3, 3}, {2, 3, 4, 4}},
          {"Gemm", transposed(), {4, 7}, {2, 7}, true, "Gemm"}};
}

/// activation -> Conv or Gemm -> logits, so that a convolution is not the network's first layer.
Model model_of(const Layer& layer, const Tensor& w, const char* activation) {
  Draft draft;
  draft.opset = 13;
  ValueInfo input, output;
  input.name = "x";
  output.name = "z";
  draft.inputs = {input};
  draft.outputs = {output};
  draft.constants["w"] = w;
  DraftNode act{.name = "a",
                .op = activation,
                .domain = "",
                .opset = 13,
                .attributes = {},
                .inputs = {"x"},
                .outputs = {"a"}};
  DraftNode conv{.name = "z",
                 .op = layer.op,
                 .domain = "",
                 .opset = 13,
                 .attributes = layer.attributes,
                 .inputs = {"a", "w"},
                 .outputs = {"z"}};
  draft.nodes = {act, conv};
  return Model(Graph(draft)).to(at::kDouble);
}

using Vector = std::vector<double>;

/// One sample: z = M x, m[k][j].
struct Matrix {
  std::vector<Vector> m;
  Vector x, r;
};

Vector values_of(const Tensor& t) {
  const Tensor flat = t.contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

double over(double a, double b) { return b != 0 ? a / b : 0; }
double sum(const Vector& v) { return std::accumulate(v.begin(), v.end(), 0.0); }

/// Subtracts `tax` in equal parts from what is not zero.
void take(Vector& c, double tax) {
  const auto count = std::count_if(c.begin(), c.end(), [](double v) { return v != 0; });
  for (double& v : c) v -= v != 0 ? tax / static_cast<double>(count) : 0;
}

Vector rap(const Matrix& a) {
  Vector c(a.x.size(), 0);
  for (std::size_t k = 0; k < a.r.size(); ++k) {
    double plus = 0, minus = 0;
    for (std::size_t j = 0; j < c.size(); ++j) {
      plus += std::max(a.x[j] * a.m[k][j], 0.0);
      minus -= std::min(a.x[j] * a.m[k][j], 0.0);
    }
    const double up = std::max(a.r[k], 0.0), down = std::min(a.r[k], 0.0);
    for (std::size_t j = 0; j < c.size(); ++j) {
      const double p = std::max(a.x[j] * a.m[k][j], 0.0), n = -std::min(a.x[j] * a.m[k][j], 0.0);
      c[j] += p * over(up, plus);
      c[j] += n * (over(up, plus + minus) + over(down, minus) + over(down, plus + minus));
    }
  }
  take(c, sum(c) - sum(a.r));
  return c;
}

Vector equilibrium(const Matrix& a, double ratio, bool pointwise) {
  const std::size_t inputs = a.x.size(), outputs = a.r.size();
  double mass_up = 0, mass_down = 0;
  for (double r : a.r) (r > 0 ? mass_up : mass_down) += std::abs(r);
  Vector c(inputs, 0), binary(inputs, 0);
  for (std::size_t k = 0; k < outputs; ++k) {
    double z = 0, on = 0, off = 0;
    for (std::size_t j = 0; j < inputs; ++j) {
      const double w = std::abs(a.m[k][j]);
      z += std::max(a.x[j], 0.0) * w;
      (a.x[j] > 0 ? on : off) += w;
    }
    const double up = over(std::max(a.r[k], 0.0), mass_up);
    const double down = over(std::min(a.r[k], 0.0), mass_down);
    for (std::size_t j = 0; j < inputs; ++j) {
      const double w = std::abs(a.m[k][j]);
      c[j] += std::max(a.x[j], 0.0) * w * over((pointwise ? 1 : ratio) * up + down, z);
      binary[j] += w * (a.x[j] > 0 ? over(up, on) : over(down, off));
    }
  }
  if (!pointwise) take(c, 1);
  for (std::size_t j = 0; j < inputs; ++j) c[j] += binary[j];
  return c;
}

/// Visits every (o, place, input index, kernel index) of a layer of one sample.
template <typename Visit>
void each_tap(const Layer& layer, const Tensor& x, const Tensor& z, const Visit& visit) {
  if (layer.op == "Gemm") {
    for (std::int64_t o = 0; o < z.numel(); ++o) {
      for (std::int64_t i = 0; i < x.numel(); ++i) {
        visit(static_cast<std::size_t>(o), static_cast<std::size_t>(i),
              static_cast<std::size_t>(o * x.numel() + i));
      }
    }
    return;
  }
  const auto strides = layer.attributes.integers("strides"),
             pads = layer.attributes.integers("pads");
  const auto dilations = layer.attributes.integers("dilations");
  const std::int64_t channels = layer.weight[1], height = x.size(1), width = x.size(2);
  const std::int64_t rows = layer.weight[2], columns = layer.weight[3];
  for (std::int64_t o = 0; o < z.size(0); ++o) {
    for (std::int64_t p = 0; p < z.size(1) * z.size(2); ++p) {
      for (std::int64_t i = 0; i < channels * rows * columns; ++i) {
        const std::int64_t a = i / columns % rows, b = i % columns;
        const std::int64_t group = o / (z.size(0) * channels / x.size(0));
        const std::int64_t c = group * channels + i / columns / rows;
        const std::int64_t y = p / z.size(2) * strides[0] - pads[0] + a * dilations[0];
        const std::int64_t u = p % z.size(2) * strides[1] - pads[1] + b * dilations[1];
        if (y < 0 || u < 0 || y >= height || u >= width) continue;
        visit(static_cast<std::size_t>(o * z.size(1) * z.size(2) + p),
              static_cast<std::size_t>((c * height + y) * width + u),
              static_cast<std::size_t>(o * channels * rows * columns + i));
      }
    }
  }
}

Vector rsp(const Layer& layer, const Tensor& x, const Tensor& r) {
  const Vector values = values_of(x.clamp_min(0)), relevance = values_of(r);
  Vector c(values.size(), 0);
  for (const double sign : {1.0, -1.0}) {
    Vector part;
    for (double v : relevance) part.push_back(std::max(sign * v, 0.0));
    std::size_t weights = 1;
    for (const std::int64_t size : layer.weight) weights *= static_cast<std::size_t>(size);
    Vector v(weights, 0);
    Vector z(part.size(), 0);
    each_tap(layer, x, r, [&](auto k, auto j, auto w) { v[w] += part[k] * values[j]; });
    each_tap(layer, x, r, [&](auto k, auto j, auto w) { z[k] += v[w] * values[j]; });
    each_tap(layer, x, r, [&](auto k, auto j, auto w) {
      if (part[k] > 0) c[j] += sign * values[j] * v[w] * over(part[k], z[k]);
    });
  }
  if (layer.pointwise) return c;
  for (double& v : c) v *= 2;
  take(c, sum(relevance));
  return c;
}

/// What a method makes of relevance given at the layer's output.
Tensor through(const std::string& spec, const Model& model, const Tensor& x, const Tensor& r) {
  ExplainOptions options;
  options.start = r;
  return make_method(spec)->explain(model, x, Target::of_class(0), options).relevance;
}

class RelevanceRules : public ::testing::TestWithParam<const char*> {};

TEST_P(RelevanceRules, EqualTheirFormulas) {
  at::manual_seed(11);
  const bool rectified = std::string(GetParam()) == "Relu";
  for (const Layer& layer : layers()) {
    // A model keeps float32 weights; randn in float32 is exact in both.
    const Tensor w = at::randn(layer.weight).to(at::kDouble), x = at::randn(layer.x, at::kDouble);
    const Model model = model_of(layer, w, GetParam());
    const Tensor active = model.run(x)[model.graph().at("a")];
    const Tensor z = model.run(x)[model.graph().at("z")], r = at::randn_like(z);
    const Tensor by_rap = through("rap", model, x, r), by_rsp = through("rsp", model, x, r);
    const Tensor by_ae = through("attribution-equilibrium(1.5)", model, x, r);
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      const Tensor xn = active.slice(0, n, n + 1);
      const Tensor m = testing::jacobian(model.graph().node({1}), {xn, w}, 0).t();
      Matrix a{{}, values_of(xn), values_of(r[n])};
      for (std::int64_t k = 0; k < m.size(0); ++k) a.m.push_back(values_of(m[k]));
      const auto expect = [&](const Tensor& got, const Vector& want, const char* what) {
        EXPECT_LT(relative_error(got[n].flatten(), at::tensor(want, at::kDouble)), 1e-9)
            << what << " " << layer.name << " " << GetParam();
      };
      expect(by_rap, rap(a), "rap");
      expect(by_ae, equilibrium(a, 1.5, layer.pointwise), "attribution-equilibrium");
      expect(by_rsp, rsp(layer, active[n], r[n]), "rsp");
      // What the rules promise of sums: RAP keeps them; AE ends in r - 2 or 0 where every output
      // sees active and inactive inputs.
      EXPECT_NEAR(by_rap[n].sum().item<double>(), r[n].sum().item<double>(), 1e-9);
    }
    if (rectified && layer.name == "3x3") {
      const Tensor sums = by_ae.flatten(1).sum(1);
      EXPECT_LT((sums + 0.5).abs().max().item<double>(), 1e-9);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Inputs, RelevanceRules, ::testing::Values("Relu", "LeakyRelu", "Tanh"));

/// The patch form and the pattern form of RSP are the same numbers: few places against many.
TEST(RelativeSectionalPropagation, PatchesEqualPatterns) {
  at::manual_seed(12);
  const Layer few{"few", geometry(1, {1, 1, 1, 1}), {64, 32, 3, 3}, {2, 32, 4, 4}};
  const Tensor w = at::randn(few.weight).to(at::kDouble), x = at::randn(few.x, at::kDouble);
  const Model model = model_of(few, w, "Relu");
  const Tensor z = model.run(x)[model.graph().at("z")], r = at::randn_like(z);
  const Tensor map = through("rsp", model, x, r);
  for (std::int64_t n = 0; n < 2; ++n) {
    const Vector want = rsp(few, x[n].clamp_min(0), r[n]);
    EXPECT_LT(relative_error(map[n].flatten(), at::tensor(want, at::kDouble)), 1e-9);
  }
}

}  // namespace
}  // namespace limn
