// Completeness: the gap against sums made by hand, and what has none.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "faithfulness_fixture.h"

namespace limn {
namespace {

using testing::OneCase;

OneCase case_of(const std::string& spec, const Model& model, const Tensor& x,
                const Method& method) {
  OneCase one = {model, x, at::zeros({x.size(2), x.size(3)})};
  one.target = 2;
  one.explanation = method.explain(model, x, Target::of_class(2));
  one.method = &method;
  EXPECT_EQ(one.explanation.method.rfind(spec.substr(0, spec.find('(')), 0), 0U);
  return one;
}

/// What goes missing at the biases: the map's sum and the score, added up by hand.
TEST(Completeness, IsTheRelativeGapOfTheSum) {
  at::manual_seed(14);
  const Model model = testing::open_small_model();
  const Tensor x = at::randn({1, 3, 9, 9}, at::kDouble);
  const auto method = make_method("lrp(composite=epsilon-plus)");
  const OneCase one = case_of("lrp", model, x, *method);
  double sum = 0;
  const Tensor flat = one.explanation.relevance.flatten();
  for (std::int64_t i = 0; i < flat.numel(); ++i) sum += flat[i].item<double>();
  const double score = model.run(x, Keep::Outputs)[model.logits()][0][2].item<double>();
  const Measurement got = one.measure("completeness");
  EXPECT_NEAR(got.values.at("gap"), std::abs(sum - score) / std::abs(score), 1e-9);
  EXPECT_GT(got.values.at("gap"), 0.01);
  EXPECT_EQ(got.values.at("kept"), 0);
  EXPECT_EQ(one.measure("completeness(tolerance=1e9)").values.at("kept"), 1);
}

/// On a linear model integrated gradients add up exactly, bias or not.
TEST(Completeness, IntegratedGradientsAddUpOnALinearModel) {
  at::manual_seed(15);
  const Model model = testing::linear_model(at::randn({3, 5, 5}), 0.7);
  const auto method = make_method("integrated-gradients");
  OneCase one = {model, at::randn({1, 3, 5, 5}, at::kDouble), at::zeros({5, 5})};
  one.explanation = method->explain(model, one.x, Target::of_class(0));
  one.method = method.get();
  const Measurement got = one.measure("completeness");
  EXPECT_LT(got.values.at("gap"), 1e-10);
  EXPECT_EQ(got.values.at("kept"), 1);
}

TEST(Completeness, SkipsMapsThatPromiseNothing) {
  at::manual_seed(16);
  const Model model = testing::open_small_model();
  const Tensor x = at::randn({1, 3, 9, 9}, at::kDouble);
  for (const std::string spec : {"gradient", "center", "random"}) {
    const auto method = make_method(spec);
    const Measurement got = case_of(spec, model, x, *method).measure("completeness");
    EXPECT_TRUE(got.values.empty());
    EXPECT_NE(got.skipped.find("promises no sum"), std::string::npos) << got.skipped;
  }
}

TEST(Completeness, SkipsGapsThatAreNoNumber) {
  OneCase one = {testing::linear_model(at::ones({1, 4, 4})), at::ones({1, 1, 4, 4}, at::kDouble),
                 at::zeros({4, 4})};
  one.explanation.gap = at::full({1}, kInfinity);
  EXPECT_NE(one.measure("completeness").skipped, "");
  one.explanation.gap = at::full({1}, 0.25);
  const Measurement got = one.measure("completeness");
  EXPECT_EQ(got.values.at("gap"), 0.25);
  const auto metric = make_metric("completeness");
  const auto summary = metric->summarize({{"a", 0, got},
                                          {"b", 0, {.values = {{"gap", 0.01}, {"kept", 1}}}},
                                          {"c", 0, {.skipped = "promises no sum"}}});
  EXPECT_NEAR(summary.at(0), 0.13, 1e-12);
  EXPECT_EQ(summary.at(1), 0.5);
  EXPECT_TRUE(std::isnan(metric->summarize({}).at(0)));
}

}  // namespace
}  // namespace limn
