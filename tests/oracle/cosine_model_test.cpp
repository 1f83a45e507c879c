// The cosine to a stored embedding as a model: its score by the formula, its maps against
// first-order explanations and the gradient by hand, in float64.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "limn/bilrp.h"
#include "limn/error.h"
#include "limn/method.h"
#include "support/quick_specs.h"
#include "support/refusal.h"
#include "support/small_model.h"

namespace limn {
namespace {

Model small() { return Model(Graph(testing::small_model())).to(at::kDouble); }

Tensor picture(std::uint64_t seed) {
  at::manual_seed(seed);
  return at::rand({1, 3, 24, 24}, at::kDouble) * 3.6 - 1.8;
}

PairOptions compared(const std::string& layer, const std::string& embedding = "auto") {
  PairOptions options;
  options.layer = layer;
  options.embedding = embedding;
  options.cell = 1;
  return options;
}

double plain_cosine(const Tensor& a, const Tensor& b) {
  return (a.dot(b) / (a.norm() * b.norm())).item<double>();
}

TEST(CosineModel, ScoresAreTheCosines) {
  const Model model = small();
  const Tensor x = picture(1);
  for (const auto& [layer, kind] : std::vector<std::pair<std::string, std::string>>{
           {"f", "auto"}, {"logits", "positive"}, {"c2", "mean"}, {"r1", "flat"}, {"c2", "auto"}}) {
    const PairOptions options = compared(layer, kind);
    const std::vector<Reference> references = {{"one", embed(model, picture(2), options)},
                                               {"two", embed(model, picture(3), options)}};
    const CosineModel made = cosine_model(model, x, references, options);
    EXPECT_EQ(made.layer, layer);
    EXPECT_EQ(made.embedding, kind == "auto" ? (layer == "c2" ? "mean" : "flat") : kind);
    EXPECT_EQ(made.model.labels(), (std::vector<std::string>{"one", "two"}));
    const Tensor scores = made.model.run(x)[made.model.logits()];
    ASSERT_EQ(scores.sizes(), (std::vector<std::int64_t>{1, 2}));
    for (std::size_t k = 0; k < 2; ++k) {
      EXPECT_NEAR(scores[0][static_cast<std::int64_t>(k)].item<double>(),
                  plain_cosine(embed(model, x, options), references[k].vector), 1e-12)
          << layer << ' ' << kind;
    }
  }
}

TEST(CosineModel, RelevanceIsTheFirstOrderExplanation) {
  const Model model = small();
  const Tensor x = picture(1);
  for (const char* layer : {"f", "c2"}) {
    PairOptions options = compared(layer);
    options.composite = "epsilon-plus";
    const Tensor reference = embed(model, picture(2), options);
    const SimilarityMap expected = explain_similarity(model, x, reference, options);
    const CosineModel made = cosine_model(model, x, {{"reference", reference}}, options);
    const auto explained =
        make_method("lrp(composite=epsilon-plus)")->explain(made.model, x, Target::of_class(0));
    EXPECT_NEAR(explained.score.item<double>(), expected.similarity, 1e-9);
    const Tensor map = explained.relevance.sum(1)[0];
    EXPECT_LT((map - expected.map).abs().max().item<double>(),
              1e-5 * expected.map.abs().max().item<double>())
        << layer;
  }
}

TEST(CosineModel, TheGradientKnowsTheNorm) {
  const Model model = small();
  const Tensor x = picture(1);
  const PairOptions options = compared("f");
  const Tensor reference = embed(model, picture(2), options);
  const CosineModel made = cosine_model(model, x, {{"reference", reference}}, options);
  const Tensor gradient =
      make_method("gradient")->explain(made.model, x, Target::of_class(0)).relevance;
  const Tensor direction = picture(7);
  const double step = 1e-6;
  const auto at = [&](double t) {
    return plain_cosine(embed(model, x + t * direction, options), reference);
  };
  EXPECT_NEAR((gradient * direction).sum().item<double>(), (at(step) - at(-step)) / (2 * step),
              1e-6);
}

TEST(CosineModel, EveryMethodAnswersInNumbersOrWords) {
  const Model model = small();
  const Tensor x = picture(1);
  const PairOptions options = compared("f");
  const CosineModel made =
      cosine_model(model, x, {{"reference", embed(model, picture(2), options)}}, options);
  int answered = 0;
  for (const auto& spec : testing::quick_specs()) {
    try {
      const Explanation one = make_method(spec)->explain(made.model, x, Target::of_class(0));
      EXPECT_TRUE(at::isfinite(one.map()).all().item<bool>()) << spec;
      ++answered;
    } catch (const Error& error) {
      // Contrast asks for classes, cameras for another size.
      EXPECT_TRUE(error.code() == ErrorCode::InvalidArgument ||
                  error.code() == ErrorCode::BadInput || error.code() == ErrorCode::Unsupported)
          << spec << ": " << error.what();
    }
  }
  EXPECT_GT(answered, 30);
}

TEST(CosineModel, OfADetectorIsNoDetector) {
  const Model detector = small().with_detector({.layout = "yolox"});
  const Tensor x = picture(1);
  const Tensor reference = embed(detector, picture(2), compared("f"));
  const Model made = cosine_model(detector, x, {{"reference", reference}}, compared("f")).model;
  EXPECT_FALSE(made.is_detector());
  EXPECT_NEAR(made.run(x)[made.logits()].item<double>(),
              plain_cosine(embed(detector, x, compared("f")), reference), 1e-12);
}

TEST(CosineModel, RefusesWhatHasNoCosine) {
  const Model model = small();
  const Tensor x = picture(1);
  const auto refused = [&](const std::vector<Reference>& references, ErrorCode code,
                           const std::string& words) {
    testing::expect_refused([&] { cosine_model(model, x, references, compared("f")); }, code,
                            words);
  };
  refused({}, ErrorCode::InvalidArgument, "no reference");
  refused({{"short", at::ones({5})}}, ErrorCode::InvalidArgument, "reference \"short\"");
  refused({{"short", at::ones({5})}}, ErrorCode::InvalidArgument, "has 6");
  refused({{"nothing", at::zeros({6})}}, ErrorCode::Numerical, "no cosine");
  refused({{"nan", at::full({6}, NAN)}}, ErrorCode::BadInput, "NaN");
}

}  // namespace
}  // namespace limn
