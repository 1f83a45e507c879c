// Sanity checks against plain loops over randomized models; controls, broken maps and the metric.
#include "limn/sanity.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "limn/compare_maps.h"
#include "limn/error.h"
#include "limn/heatmap.h"
#include "limn/metric.h"
#include "support/draft_builder.h"
#include "support/slow_spearman.h"
#include "support/small_model.h"

namespace limn {
namespace {

using testing::DraftBuilder;
using testing::slow_spearman;

Model small() { return Model(Graph(testing::small_model())); }

Tensor pictures(std::int64_t count) {
  at::manual_seed(5);
  return at::randn({count, 3, 24, 24});
}

TEST(MapSimilarity, IsSpearmanOfStrengthsAndOfSignedMaps) {
  at::manual_seed(1);
  const Tensor a = at::randn({12, 13}, at::kDouble);
  const Tensor b = (a + at::randn({12, 13}, at::kDouble) * 2).round();
  const MapSimilarity similar = map_similarity(a, b);
  EXPECT_NEAR(similar.spearman, slow_spearman(a.abs(), b.abs()), 1e-12);
  EXPECT_NEAR(similar.signed_spearman, slow_spearman(a, b), 1e-12);
  EXPECT_NEAR(similar.ssim, compare_maps(a.abs() / a.abs().max(), b.abs() / b.abs().max()).ssim,
              1e-12);
  EXPECT_FALSE(similar.degenerate);
  const MapSimilarity opposite = map_similarity(a, -3 * a);
  EXPECT_NEAR(opposite.spearman, 1, 1e-12);
  EXPECT_NEAR(opposite.signed_spearman, -1, 1e-12);
  EXPECT_NEAR(opposite.ssim, 1, 1e-12) << "strengths are compared at one scale";
}

TEST(MapSimilarity, MapsThatSayNothingAreLikeNone) {
  const Tensor map = at::rand({5, 5});
  for (const Tensor& other : {at::zeros({5, 5}), at::full({5, 5}, 0.7F), Tensor(),
                              at::full({5, 5}, std::numeric_limits<float>::quiet_NaN())}) {
    const MapSimilarity similar = map_similarity(map, other);
    EXPECT_TRUE(similar.degenerate);
    EXPECT_EQ(similar.spearman, 0);
    EXPECT_EQ(similar.signed_spearman, 0);
    EXPECT_EQ(similar.ssim, 0);
  }
  const Tensor signs = at::where(map > 0.5, 1.0, -1.0);
  EXPECT_EQ(map_similarity(map, signs).spearman, 0) << "one strength has no order";
}

/// Stage by stage and picture by picture.
std::vector<MapSimilarity> slow_stages(const Model& model, const Method& method, const Tensor& x,
                                       std::int64_t kind, const RandomizeOptions& options) {
  const auto map = [&](const Model& of) {
    const Tensor own = method.explain(of, x, Target::of_class(kind)).map();
    return resize_maps(own, 24, 24)[0];
  };
  const Tensor original = map(model);
  std::vector<MapSimilarity> out;
  for (std::int64_t stage = 0; stage < 3; ++stage) {
    out.push_back(map_similarity(original, map(randomized(model, stage, options))));
  }
  return out;
}

void expect_equal(const MapSimilarity& a, const MapSimilarity& b) {
  // Batches add up in another order, and equal ranks may part.
  EXPECT_NEAR(a.spearman, b.spearman, 1e-3);
  EXPECT_NEAR(a.signed_spearman, b.signed_spearman, 1e-3);
  EXPECT_NEAR(a.ssim, b.ssim, 1e-3);
  EXPECT_EQ(a.degenerate, b.degenerate);
}

TEST(SanityCheck, IsThePlainLoopOverStages) {
  const Model model = small();
  const Tensor x = pictures(3);
  const std::vector<std::int64_t> classes = {4, 1, 4};
  for (const std::string spec : {"input-x-gradient", "grad-cam"}) {
    const auto method = make_method(spec);
    Tensors maps;
    for (std::int64_t n = 0; n < 3; ++n) {
      const Target target = Target::of_class(classes[static_cast<std::size_t>(n)]);
      maps.push_back(
          resize_maps(method->explain(model, x.narrow(0, n, 1), target).map(), 24, 24)[0]);
    }
    for (const std::string mode : {"cascading", "independent"}) {
      SanityOptions options;
      options.randomize = {.mode = mode, .seed = 9};
      const auto results = sanity_check(model, *method, x, classes, at::stack(maps), {}, options);
      ASSERT_EQ(results.size(), 3U);
      for (std::size_t n = 0; n < 3; ++n) {
        const Tensor one = x.narrow(0, static_cast<std::int64_t>(n), 1);
        const auto slow = slow_stages(model, *method, one, classes[n], options.randomize);
        EXPECT_EQ(results[n].layers, (std::vector<std::string>{"fc", "conv2", "conv1"}));
        ASSERT_EQ(results[n].stages.size(), 3U);
        for (std::size_t s = 0; s < 3; ++s) expect_equal(results[n].stages[s], slow[s]);
        const auto full =
            slow_stages(model, *method, one, classes[n], {.mode = "cascading", .seed = 9}).back();
        expect_equal(results[n].full, full);
        ASSERT_TRUE(results[n].other_class);
        EXPECT_LT(results[n].other_class->signed_spearman, 1 - 1e-6) << "another class's map";
      }
    }
  }
}

TEST(SanityCheck, FewerStagesAreSomeOfAllAndEndAtTheFirstLayer) {
  const Model model = small();
  const Tensor x = pictures(1);
  const auto method = make_method("gradient");
  const Tensor map = method->explain(model, x, Target::of_class(0)).map();
  SanityOptions options{.random_logit = false};
  const auto all = sanity_check(model, *method, x, {0}, map, {}, options).front();
  options.stages = 2;
  const auto some = sanity_check(model, *method, x, {0}, map, {}, options).front();
  EXPECT_EQ(some.layers, (std::vector<std::string>{"conv2", "conv1"}));
  expect_equal(some.stages[0], all.stages[1]);
  expect_equal(some.stages[1], all.stages[2]);
  EXPECT_FALSE(some.other_class);
  options.stages = 1;
  EXPECT_EQ(sanity_check(model, *method, x, {0}, map, {}, options).front().layers,
            std::vector<std::string>{"conv1"});
}

/// The controls look at no model: nothing changes, which is what a sanity check must find.
TEST(SanityCheck, FlagsMapsThatDoNotLookAtTheModel) {
  const Model model = small();
  const Tensor x = pictures(2);
  for (const std::string spec : {"center", "random"}) {
    const auto method = make_method(spec);
    const Tensor maps = method->explain(model, x, Target::of_class(2)).map();
    for (const auto& result : sanity_check(model, *method, x, {2, 2}, maps)) {
      for (const auto& stage : result.stages) EXPECT_NEAR(stage.spearman, 1, 1e-12) << spec;
      EXPECT_EQ(sanity_verdict(result.full.spearman), "flagged");
      EXPECT_EQ(result.degenerate, 0);
      // `random` draws by class, `center` never changes.
      EXPECT_EQ(result.other_class->spearman > 0.99, spec == "center");
    }
  }
  EXPECT_EQ(sanity_verdict(0.5), "unclear");
  EXPECT_EQ(sanity_verdict(0.3), "unclear");
  EXPECT_EQ(sanity_verdict(0.29), "passed");
  EXPECT_EQ(sanity_verdict(-0.9), "passed");
}

/// Explains the model it was made for, fails on pictures with a large corner elsewhere, and is
/// constant on the rest.
class Breaking final : public Method {
 public:
  explicit Breaking(const Model& known) : known_(last_weight(known)) {}
  const MethodInfo& info() const override { return find_method("gradient").info; }
  Spec spec() const override { return Spec::parse("breaking"); }
  std::vector<Explanation> explain(const Model& model, const Tensor& x,
                                   const std::vector<Target>& targets,
                                   const ExplainOptions&) const override {
    const bool same = last_weight(model).equal(known_);
    if (!same && (x.select(2, 0).select(2, 0) > 50).any().item<bool>()) {
      fail(ErrorCode::Numerical, "NaN");
    }
    Explanation out;
    out.relevance = same ? x : at::zeros_like(x);
    return std::vector<Explanation>(targets.size(), out);
  }

 private:
  static Tensor last_weight(const Model& model) {
    const Node& node = model.graph().nodes().back();
    return model.graph().value(node.inputs[1]).constant;
  }
  Tensor known_;
};

TEST(SanityCheck, CountsMapsThatBreakAsNothing) {
  const Model model = small();
  Tensor x = pictures(3);
  x[1][0][0][0] = 100;
  x[2].zero_();
  const Breaking method(model);
  const auto results = sanity_check(model, method, x, {0, 0, 0}, x.sum(1));
  for (std::size_t n : {0U, 1U}) {
    EXPECT_FALSE(results[n].constant);
    EXPECT_EQ(results[n].degenerate, 3) << "all stages, but not the other class";
    for (const auto& stage : results[n].stages) EXPECT_EQ(stage.spearman, 0);
    EXPECT_NEAR(results[n].other_class->spearman, 1, 1e-12);
  }
  EXPECT_TRUE(results[2].constant);
  EXPECT_TRUE(results[2].stages.empty()) << "a constant map has nothing to lose";
}

TEST(SanityMetric, StoresCurvesAndMeans) {
  const auto metric = make_metric("sanity(stages=2)");
  EXPECT_TRUE(metric->info().needs_method);
  const Model model = small();
  const Tensor x = pictures(1);
  const auto method = make_method("guided-backprop");
  const Explanation explanation = method->explain(model, x, Target::of_class(3));
  const Tensor map = explanation.map()[0], picture = at::zeros({24, 24, 3}, at::kByte);
  ExplainOptions options;
  options.seed = 4;
  const auto measured = [&](const Tensor& own, const Method* by) {
    return metric->measure({.model = model,
                            .x = x,
                            .target = 3,
                            .explanation = explanation,
                            .map = own,
                            .original = own,
                            .picture = picture,
                            .method = by,
                            .options = options});
  };
  const Measurement one = measured(map, method.get());
  SanityOptions how{.stages = 2};
  how.randomize.seed = 4;
  const SanityResult result =
      sanity_check(model, *method, x, {3}, map.unsqueeze(0), options, how).front();
  ASSERT_EQ(one.curves.at("spearman").size(), 2U);
  EXPECT_EQ(one.curves.at("ssim").size(), 2U);
  EXPECT_EQ(one.values.at("spearman"), result.full.spearman);
  EXPECT_EQ(one.values.at("random-logit"), result.other_class->spearman);
  EXPECT_EQ(one.values.at("mean-spearman"),
            (result.stages[0].spearman + result.stages[1].spearman) / 2);
  EXPECT_EQ(measured(at::ones({24, 24}), method.get()).skipped,
            "the map is constant: it has nothing to lose");
  EXPECT_THROW(measured(map, nullptr), Error);
  Measurement other = one;
  other.values["spearman"] = 0.5;
  const auto columns = metric->summarize({{"a", 0, one}, {"b", 0, other}, {"c", 0, {}}});
  ASSERT_EQ(columns.size(), metric->info().columns.size());
  EXPECT_EQ(columns[0], (one.values.at("spearman") + 0.5) / 2);
  EXPECT_TRUE(std::isnan(metric->summarize({})[0]));
}

TEST(SanityCheck, ExplainsWhatItCannotUse) {
  const Model model = small();
  const Tensor x = pictures(1), map = at::rand({1, 24, 24});
  const auto method = make_method("gradient");
  const auto expect = [&](const std::string& words, const auto& run) {
    try {
      run();
      ADD_FAILURE() << "no error: " << words;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  expect("stage 3 does not exist", [&] { randomized(model, 3); });
  expect("stage -1", [&] { randomized(model, -1); });
  expect("legal: cascading, independent", [&] { randomized(model, 0, {.mode = "all"}); });
  expect("legal: torch, xavier", [&] { randomized(model, 0, {.init = "zeros"}); });
  expect("belong together", [&] { sanity_check(model, *method, x, {0, 1}, map); });
  expect("class", [&] { sanity_check(model, *method, x, {77}, map); });
  expect("legal", [] { make_metric("sanity(mode=all)"); });
  DraftBuilder b;
  b.output(b.node("Flatten", {b.node("GlobalAveragePool", {b.input("input", {-1, 3, 4, 4})})}));
  expect("nothing can be randomized", [&] { randomized(Model(Graph(b.draft())), 0); });
}

}  // namespace
}  // namespace limn
