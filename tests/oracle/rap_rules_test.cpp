// RAP's rules beside its layers, in float64 against plain loops: the first step with bias, joins
// and pools.
#include <vector>

#include "limn/method.h"
#include "oracle/linear_oracle.h"
#include "support/draft_builder.h"

namespace limn {
namespace {

using testing::DraftBuilder;
using testing::random_tensor;
using testing::relative_error;

Model double_model(const Draft& draft) { return Model(Graph(draft)).to(at::kDouble); }

double over(double a, double b) { return b != 0 ? a / b : 0; }

/// C_j = x_j w_j; positive products also carry the bias's positive share, negative ones its
/// negative share; the map is |C_j| / sum |C| times sum C, or C itself.
std::vector<double> entry(const std::vector<double>& x, const std::vector<double>& w, double bias,
                          bool redistributed) {
  double up = 0, down = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const double product = x[j] * w[j];
    (product > 0 ? up : down) += product;
  }
  const double for_up = bias * over(up, up + down), for_down = bias * over(down, up + down);
  std::vector<double> c;
  double sum = 0, size = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    double value = x[j] * w[j];
    value += value > 0 ? value * over(for_up, up) : value * over(for_down, down);
    c.push_back(value);
    sum += value;
    size += std::abs(value);
  }
  if (redistributed) {
    for (double& value : c) value = std::abs(value) * over(sum, size);
  }
  return c;
}

std::vector<double> values_of(const Tensor& t) {
  const Tensor flat = t.contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

TEST(RapRules, TheFirstStepSharesTheBias) {
  for (const char* activation : {"Relu", "LeakyRelu"}) {
    at::manual_seed(21);
    DraftBuilder b;
    const Tensor w = at::randn({4, 9}), bias = at::randn({4});
    const std::string x = b.node(activation, {b.input("x", {-1, 9})});
    b.output(b.node("Gemm", {x, b.constant(w), b.constant(bias)}, {{"transB", std::int64_t{1}}}));
    const Model model = double_model(b.draft());
    const Tensor input = random_tensor({3, 9});
    const Tensor active = model.run(input)[model.graph().at(x)];
    for (const bool redistributed : {true, false}) {
      const auto one = make_method(redistributed ? "rap" : "rap(redistribute=false)")
                           ->explain(model, input, Target::of_class(2));
      for (std::int64_t n = 0; n < 3; ++n) {
        const auto want = entry(values_of(active[n]), values_of(w[2].to(at::kDouble)),
                                bias[2].item<double>(), redistributed);
        EXPECT_LT(relative_error(one.relevance[n], at::tensor(want, at::kDouble)), 1e-9)
            << activation;
      }
      // The logit, bias and all.
      EXPECT_LT(relative_error(one.relevance.sum(1), one.score), 1e-9) << activation;
    }
  }
}

/// Relevance given at the end of a graph and read at values on the way.
std::map<std::string, Tensor> at_values(const Model& model, const Tensor& x, const Tensor& r,
                                        std::vector<std::string> values) {
  ExplainOptions options;
  options.start = r;
  options.record = std::move(values);
  return make_method("rap")->explain(model, x, Target::of_class(0), options).inner;
}

TEST(RapRules, JoinsShareByMagnitude) {
  at::manual_seed(22);
  for (const char* op : {"Add", "Sub"}) {
    DraftBuilder b;
    const std::string x = b.input("x", {-1, 6});
    const std::string left = b.node("LeakyRelu", {x}), right = b.node("Tanh", {x});
    b.output(b.node(op, {left, right}));
    const Model model = double_model(b.draft());
    const Tensor input = random_tensor({2, 6}), r = random_tensor({2, 6});
    const Tape tape = model.run(input);
    const auto got = at_values(model, input, r, {left, right});
    const Tensor a = tape[model.graph().at(left)], c = tape[model.graph().at(right)];
    for (std::int64_t n = 0; n < 2; ++n) {
      for (std::int64_t j = 0; j < 6; ++j) {
        const double one = std::abs(a[n][j].item<double>()),
                     other = std::abs(c[n][j].item<double>());
        const double given = r[n][j].item<double>();
        EXPECT_NEAR(got.at(left)[n][j].item<double>(), given * one / (one + other), 1e-12) << op;
        EXPECT_NEAR(got.at(right)[n][j].item<double>(), given * other / (one + other), 1e-12) << op;
      }
    }
  }
}

TEST(RapRules, PoolsShareByMagnitude) {
  at::manual_seed(23);
  struct Pool {
    const char* op;
    std::vector<std::pair<std::string, Attribute>> attributes;
  };
  const std::vector<std::int64_t> three = {3, 3}, two = {2, 2}, pads = {1, 1, 1, 1};
  const Pool pools[] = {
      {"AveragePool", {{"kernel_shape", three}, {"strides", two}, {"pads", pads}}},
      {"AveragePool",
       {{"kernel_shape", three}, {"pads", pads}, {"count_include_pad", std::int64_t{1}}}},
      {"GlobalAveragePool", {}}};
  for (const Pool& pool : pools) {
    for (const char* activation : {"Relu", "Tanh"}) {
      DraftBuilder b;
      const std::string x = b.node(activation, {b.input("x", {-1, 2, 5, 4})});
      const std::string z = b.node(pool.op, {x}, pool.attributes);
      b.output(z);
      const Model model = double_model(b.draft());
      const Tensor input = random_tensor({1, 2, 5, 4});
      const Tape tape = model.run(input);
      const Tensor value = tape[model.graph().at(x)], r = at::randn_like(tape[model.logits()]);
      const Tensor got = at_values(model, input, r, {x}).at(x);
      const Tensor m = testing::jacobian(model.graph().node({1}), {value}, 0);
      std::vector<double> want(static_cast<std::size_t>(m.size(0)), 0);
      for (std::int64_t k = 0; k < m.size(1); ++k) {
        double sum = 0;
        for (std::int64_t j = 0; j < m.size(0); ++j) {
          sum += std::abs(value.flatten()[j].item<double>()) * m[j][k].item<double>();
        }
        for (std::int64_t j = 0; j < m.size(0); ++j) {
          want[static_cast<std::size_t>(j)] += std::abs(value.flatten()[j].item<double>()) *
                                               m[j][k].item<double>() *
                                               over(r.flatten()[k].item<double>(), sum);
        }
      }
      EXPECT_LT(relative_error(got.flatten(), at::tensor(want, at::kDouble)), 1e-9)
          << pool.op << " " << activation;
    }
  }
}

}  // namespace
}  // namespace limn
