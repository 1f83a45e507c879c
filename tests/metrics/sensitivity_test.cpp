// Max-sensitivity against a plain loop, and on a linear model whose maps are known by hand.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/counter_random.h"
#include "faithfulness_fixture.h"
#include "limn/faithfulness.h"

namespace limn {
namespace {

using testing::expect_error;
using testing::OneCase;

/// x with every value moved by the draws of sample i.
Tensor moved(const Tensor& x, std::uint64_t seed, std::uint64_t i, double radius) {
  Tensor out = x.clone().flatten();
  for (std::int64_t k = 0; k < out.numel(); ++k) {
    const double u = unit(draw(mix(mix(seed) ^ i), static_cast<std::uint64_t>(k)));
    out[k] = out[k].item<double>() + radius * (2 * u - 1);
  }
  return out.view(x.sizes());
}

double distance(const Tensor& a, const Tensor& b) {
  double sum = 0;
  const Tensor difference = (a - b).flatten().to(at::kDouble);
  for (std::int64_t k = 0; k < difference.numel(); ++k) {
    sum += std::pow(difference[k].item<double>(), 2);
  }
  return std::sqrt(sum);
}

TEST(Sensitivity, IsThePlainLoop) {
  at::manual_seed(17);
  const Model model = testing::open_small_model();
  const Tensor x = at::randn({1, 3, 9, 9}, at::kDouble);
  for (const std::string spec : {"gradient", "input-x-gradient", "grad-cam", "smoothgrad(n=3)"}) {
    const auto method = make_method(spec);
    ExplainOptions explain;
    explain.seed = 6;
    const Explanation before = method->explain(model, x, Target::of_class(3), explain);
    std::vector<double> change;
    for (std::uint64_t i = 0; i < 5; ++i) {
      const Explanation after =
          method->explain(model, moved(x, 6, i, 0.1), Target::of_class(3), explain);
      change.push_back(distance(after.map(), before.map()) /
                       distance(before.map(), at::zeros_like(before.map())));
    }
    for (const std::int64_t batch : {2, 8}) {
      const Sensitivity got = sensitivity(model, *method, x, 3, before, explain,
                                          {.radius = 0.1, .samples = 5, .batch = batch});
      ASSERT_EQ(got.change.size(), 5U);
      double sum = 0;
      for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_NEAR(got.change[i], change[i], 1e-9) << spec << " " << i;
        sum += change[i];
      }
      EXPECT_EQ(got.max, *std::max_element(got.change.begin(), got.change.end()));
      EXPECT_NEAR(got.mean, sum / 5, 1e-9);
    }
  }
}

/// The gradient of a linear model is its weights wherever one stands; the input times it moves by
/// at most the radius times it.
TEST(Sensitivity, OfALinearModelIsKnown) {
  at::manual_seed(18);
  const Tensor weight = at::randn({1, 6, 6});
  const Model model = testing::linear_model(weight);
  const Tensor x = at::randn({1, 1, 6, 6}, at::kDouble);
  const auto run = [&](const std::string& spec) {
    const auto method = make_method(spec);
    const Explanation before = method->explain(model, x, Target::of_class(0));
    return sensitivity(model, *method, x, 0, before, {}, {.radius = 0.5, .samples = 20});
  };
  EXPECT_LT(run("gradient").max, 1e-12);
  const Sensitivity product = run("input-x-gradient");
  const double bound =
      0.5 * (weight.norm() / (weight.to(at::kDouble) * x[0]).norm()).item<double>();
  EXPECT_LE(product.max, bound);
  // The mean square of uniform noise is a third of the square of its bound.
  EXPECT_NEAR(product.mean, bound / std::sqrt(3.0), 0.2 * bound);
}

TEST(Sensitivity, AMapThatNeverMovesHasNone) {
  const Model model = testing::open_small_model();
  const Tensor x = at::ones({1, 3, 8, 8}, at::kDouble);
  const auto center = make_method("center");
  OneCase one = {model, x, at::zeros({8, 8})};
  one.explanation = center->explain(model, x, Target::of_class(0));
  one.method = center.get();
  EXPECT_EQ(one.measure("max-sensitivity(samples=3)").values.at("max"), 0);
}

TEST(Sensitivity, SkipsMapsOfZerosAndMethodsThatAreNotThere) {
  const Model model = testing::open_small_model();
  const Tensor x = at::ones({1, 3, 8, 8}, at::kDouble);
  const auto method = make_method("gradient");
  OneCase one = {model, x, at::zeros({8, 8})};
  one.explanation = method->explain(model, x, Target::of_class(0));
  EXPECT_NE(one.measure("sensitivity").skipped.find("not at hand"), std::string::npos);
  one.method = method.get();
  EXPECT_EQ(one.measure("sensitivity").skipped, "");
  one.explanation.relevance.zero_();
  const Measurement got = one.measure("sensitivity");
  EXPECT_TRUE(got.values.empty());
  EXPECT_NE(got.skipped.find("0 everywhere"), std::string::npos);
  expect_error("0 everywhere", [&] { sensitivity(model, *method, x, 0, one.explanation, {}); });
}

TEST(Sensitivity, ExplainsWhatItCannotUse) {
  const Model model = testing::open_small_model();
  const Tensor x = at::ones({1, 3, 8, 8}, at::kDouble);
  const auto method = make_method("gradient");
  const Explanation before = method->explain(model, x, Target::of_class(0));
  const auto run = [&](const SensitivityOptions& options) {
    return [&, options] { sensitivity(model, *method, x, 0, before, {}, options); };
  };
  expect_error("radius=0", run({.radius = 0}));
  expect_error("samples=0", run({.samples = 0}));
  expect_error("batch=0", run({.batch = 0}));
  expect_error("one input", [&] { sensitivity(model, *method, at::cat({x, x}), 0, before, {}); });
  expect_error("none is given", [&] { sensitivity(model, *method, x, 0, {}, {}); });
  expect_error("class 77", [&] { sensitivity(model, *method, x, 77, before, {}); });
  expect_error("radius", [] { make_metric("sensitivity(radius=-1)"); });
}

}  // namespace
}  // namespace limn
