// The relevance family where there is little to explain: no evidence, one class, no convolution,
// dead layers; and the sums that Attribution Equilibrium promises.
#include "limn/error.h"
#include "limn/method.h"
#include "support/draft_builder.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::DraftBuilder;

const char* const kFamily[] = {"rap", "rsp(hostile=none)", "ae", "mwp", "cmwp", "clrp", "sglrp"};

Model double_model(const Draft& draft) { return Model(Graph(draft)).to(at::kDouble); }

Tensor random(std::vector<std::int64_t> shape) { return at::randn(shape, at::kDouble); }

bool has_note(const Explanation& one, const std::string& words) {
  for (const auto& note : one.notes) {
    if (note.find(words) != std::string::npos) return true;
  }
  return false;
}

/// Convolutions of these kernel sizes with 6 channels and ReLUs, pooled, then 5 classes.
Draft chain(const std::vector<std::int64_t>& kernels, double bias = 0) {
  DraftBuilder b;
  std::string x = b.input("input", {-1, 3, 10, 10});
  std::int64_t channels = 3;
  for (const std::int64_t k : kernels) {
    const std::vector<std::string> inputs = {x, b.constant(random({6, channels, k, k})),
                                             b.constant(at::full({6}, bias, at::kDouble))};
    x = b.node("Relu", {b.node("Conv", inputs)});
    channels = 6;
  }
  x = b.node("Flatten", {b.node("GlobalAveragePool", {x})});
  b.output(b.node("MatMul", {x, b.constant(random({6, 5}))}));
  return b.draft();
}

TEST(RelevanceFamily, AZeroInputIsAZeroMapThatSaysSo) {
  at::manual_seed(1);
  const Model model = double_model(chain({3, 3}));
  for (const char* spec : kFamily) {
    const auto one = make_method(spec)->explain(model, at::zeros({2, 3, 10, 10}, at::kDouble));
    EXPECT_TRUE(at::isfinite(one.relevance).all().item<bool>()) << spec;
    EXPECT_EQ(one.relevance.abs().max().item<double>(), 0) << spec;
    EXPECT_TRUE(has_note(one, "shows nothing")) << spec;
  }
}

TEST(RelevanceFamily, DeadLayersGiveNoNanAndSaySo) {
  at::manual_seed(2);
  const Model model = double_model(chain({3, 3}, -1000));
  for (const char* spec : kFamily) {
    const auto one = make_method(spec)->explain(model, random({2, 3, 10, 10}));
    EXPECT_TRUE(at::isfinite(one.relevance).all().item<bool>()) << spec;
    EXPECT_EQ(one.relevance.abs().max().item<double>(), 0) << spec;
    EXPECT_TRUE(has_note(one, "shows nothing")) << spec;
    EXPECT_TRUE(has_note(one, "try another target")) << spec;
  }
}

TEST(RelevanceFamily, AClassThatIsNotPredictedIsSaid) {
  at::manual_seed(3);
  Draft draft = chain({3, 3});
  // Every logit below zero.
  draft.constants.rbegin()->second = draft.constants.rbegin()->second.abs().neg();
  const Model model = double_model(draft);
  const Tensor x = random({1, 3, 10, 10});
  std::vector<std::string> specs(std::begin(kFamily), std::end(kFamily));
  for (const char* more : {"rsp(contrastive=true)", "clrp(type=type2)", "clrp(flavor=gu)",
                           "clrp(flavor=wjnam)", "lrp(composite=epsilon-plus, contrast=others)"}) {
    specs.emplace_back(more);
  }
  for (const auto& spec : specs) {
    const auto one = make_method(spec)->explain(model, x);
    ASSERT_LT(one.score.item<double>(), 0);
    EXPECT_TRUE(at::isfinite(one.relevance).all().item<bool>()) << spec;
    EXPECT_TRUE(has_note(one, "the score is not above zero")) << spec;
    EXPECT_TRUE(has_note(one, "explain a class that is predicted")) << spec;
  }
  EXPECT_TRUE(has_note(make_method("clrp")->explain(model, x), "|y_t|"));
  // A class that is predicted needs no such words.
  const Model positive = double_model(testing::small_model());
  const auto seen = make_method("mwp")->explain(positive, random({1, 3, 24, 24}));
  ASSERT_GT(seen.score.item<double>(), 0);
  EXPECT_FALSE(has_note(seen, "the score is not above zero"));
}

TEST(RelevanceFamily, OneClassAloneHasNothingToBeSetAgainst) {
  DraftBuilder b;
  at::manual_seed(4);
  std::string x = b.input("input", {-1, 3, 6, 6});
  x = b.node("Relu", {b.node("Conv", {x, b.constant(random({4, 3, 3, 3}))})});
  x = b.node("Flatten", {b.node("GlobalAveragePool", {x})});
  b.output(b.node("MatMul", {x, b.constant(random({4, 1}).abs())}));
  const Model model = double_model(b.draft());
  const Tensor image = random({2, 3, 6, 6});
  const auto plain = make_method("rsp(hostile=none)")->explain(model, image);
  for (const char* spec : {"rsp(contrastive=true)", "rsp(hostile=labels)", "rsp(hostile=[0])"}) {
    const auto one = make_method(spec)->explain(model, image);
    EXPECT_TRUE(at::equal(one.relevance, plain.relevance)) << spec;
    EXPECT_TRUE(has_note(one, "no other class to set it against")) << spec;
  }
}

TEST(RelevanceFamily, AModelWithoutConvolutions) {
  DraftBuilder b;
  at::manual_seed(5);
  std::string x = b.node("Flatten", {b.input("input", {-1, 3, 6, 6})});
  x = b.node("Relu", {b.node("MatMul", {x, b.constant(random({108, 8}))})});
  b.output(b.node("MatMul", {x, b.constant(random({8, 4}))}));
  const Model model = double_model(b.draft());
  const Tensor image = random({1, 3, 6, 6});
  const auto rap = make_method("rap")->explain(model, image);
  EXPECT_LT(rap.gap.max().item<double>(), 1e-9);
  for (const char* spec : {"rsp", "ae"}) {
    try {
      make_method(spec)->explain(model, image);
      ADD_FAILURE() << spec;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("rap"), std::string::npos) << error.what();
    }
  }
}

TEST(AttributionEquilibrium, LayersSumAsPromisedOrSayWhatIsLost) {
  int kept = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    at::manual_seed(seed);
    const Model model = double_model(chain({3, 3, 1, 3, 1, 3}, 0.3));
    const Tensor x = random({1, 3, 10, 10});
    ExplainOptions options;
    options.trace = true;
    for (const double ratio : {1.0, 1.5, 2.0}) {
      const auto one =
          make_method(concat("ae(ratio=", ratio, ")"))->explain(model, x, Target::top1(), options);
      if (has_note(one, "is lost") || has_note(one, "one sign")) continue;
      ++kept;
      // From the last convolution to the first, which keeps what it gets.
      const std::vector<double> sums = {ratio - 2, 0, ratio - 2, 0, ratio - 2, ratio - 2};
      std::size_t i = 0;
      for (const auto& row : one.trace) {
        if (row.op != "Conv") continue;
        EXPECT_NEAR(row.out, sums.at(i), 0.08) << "seed " << seed << ", " << row.node;
        ++i;
      }
      EXPECT_EQ(i, sums.size());
    }
  }
  EXPECT_GT(kept, 10);
}

/// A residual block with a convolution on either path, two in the main one; then the last block.
struct Residual {
  Draft draft;
  std::string inner, relu, main, side;
};

Residual residual() {
  DraftBuilder b;
  const auto conv = [&](const std::string& x, std::int64_t in, std::int64_t k) {
    const std::vector<std::int64_t> pads(4, k / 2);
    return b.node(
        "Conv", {x, b.constant(random({6, in, k, k})), b.constant(at::full({6}, 0.2, at::kDouble))},
        {{"pads", Attribute(pads)}});
  };
  Residual r;
  const std::string stem = b.node("Relu", {conv(b.input("input", {-1, 3, 10, 10}), 3, 3)});
  r.inner = conv(stem, 6, 3);
  r.relu = b.node("Relu", {r.inner});
  r.main = conv(r.relu, 6, 3);
  r.side = conv(stem, 6, 1);
  std::string x = b.node("Relu", {b.node("Add", {r.main, r.side})});
  x = b.node("Relu", {conv(x, 6, 3)});
  x = b.node("Flatten", {b.node("GlobalAveragePool", {x})});
  b.output(b.node("MatMul", {x, b.constant(random({6, 5}))}));
  r.draft = b.draft();
  return r;
}

double magnitude(const Tensor& t) { return t.abs().sum().item<double>(); }

TEST(AttributionEquilibrium, KeepsOrIgnoresTheResidualPath) {
  at::manual_seed(6);
  const Residual r = residual();
  const Model model = double_model(r.draft);
  const Tensor x = random({1, 3, 10, 10});
  const Tape tape = model.run(x);
  ExplainOptions options;
  options.record = {r.main, r.side};
  const auto kept = make_method("ae(skip=keep)")->explain(model, x, Target::top1(), options);
  const auto ignored = make_method("ae(skip=ignore)")->explain(model, x, Target::top1(), options);
  // Kept, both paths are paid by their positive parts; ignored, the main one gets all.
  const Tensor a = tape[model.graph().at(r.main)].clamp_min(0) + 1e-9;
  const Tensor b = tape[model.graph().at(r.side)].clamp_min(0) + 1e-9;
  const Tensor whole = kept.inner.at(r.main) + kept.inner.at(r.side);
  EXPECT_LT(testing::relative_error(kept.inner.at(r.main), whole * a / (a + b)), 1e-9);
  EXPECT_GT(magnitude(kept.inner.at(r.side)), 0);
  EXPECT_EQ(magnitude(ignored.inner.at(r.side)), 0);
  EXPECT_LT(testing::relative_error(ignored.inner.at(r.main), whole), 1e-9);
  EXPECT_GT(testing::relative_error(ignored.relevance, kept.relevance), 1e-3);
}

TEST(AttributionEquilibrium, ABranchWeighsWhatEnteredIt) {
  at::manual_seed(7);
  const Residual r = residual();
  const Model model = double_model(r.draft);
  ExplainOptions options;
  options.record = {r.main, r.relu, r.inner};
  for (const char* spec : {"ae", "ae(ratio=1.2)"}) {
    const auto one =
        make_method(spec)->explain(model, random({2, 3, 10, 10}), Target::top1(), options);
    for (std::int64_t n = 0; n < 2; ++n) {
      const double entered = magnitude(one.inner.at(r.main)[n]);
      EXPECT_GT(entered, 0);
      EXPECT_NEAR(magnitude(one.inner.at(r.relu)[n]), entered, 1e-9 * entered) << spec;
      EXPECT_NEAR(magnitude(one.inner.at(r.inner)[n]), entered, 1e-9 * entered) << spec;
    }
  }
}

TEST(AttributionEquilibrium, AStartOfOneSignIsSaid) {
  at::manual_seed(8);
  Draft draft = chain({3, 3}, 0.3);
  const Tensor x = random({1, 3, 10, 10});
  const auto mixed = make_method("ae")->explain(double_model(draft), x);
  // Only positive weights from the last convolution on: nothing there speaks against the class.
  draft.constants.rbegin()->second = draft.constants.rbegin()->second.abs();
  const auto one = make_method("ae")->explain(double_model(draft), x);
  ASSERT_GE(one.inner.at("start").min().item<double>(), 0);
  EXPECT_TRUE(has_note(one, "one sign only"));
  EXPECT_TRUE(at::isfinite(one.relevance).all().item<bool>());
  EXPECT_GT(one.relevance.max().item<double>(), 0);
  ASSERT_LT(mixed.inner.at("start").min().item<double>(), 0);
  EXPECT_FALSE(has_note(mixed, "one sign only"));
}

TEST(RelativeSectionalPropagation, PredictedClassesOfAMultiLabelModelAreThoseFromOneHalf) {
  at::manual_seed(9);
  const Model model = double_model(chain({3, 3}, 0.3)).with_output(OutputKind::MultiLabel);
  int several = 0;
  for (int i = 0; i < 20; ++i) {
    const Tensor x = random({1, 3, 10, 10});
    const Tensor p = model.run(x)[model.logits()].sigmoid()[0];
    std::string others;
    for (std::int64_t c = 1; c < 5; ++c) {
      if (p[c].item<double>() >= 0.5) others += (others.empty() ? "" : ",") + std::to_string(c);
    }
    const auto of = [&](const std::string& hostile) {
      return make_method("rsp(hostile=" + hostile + ")")->explain(model, x, Target::of_class(0));
    };
    const auto predicted = of("predicted"),
               listed = of(others.empty() ? "none" : "[" + others + "]");
    EXPECT_TRUE(at::equal(predicted.relevance, listed.relevance)) << others;
    EXPECT_EQ(has_note(predicted, "no other class to set it against"), others.empty());
    several += others.size() > 1;
  }
  EXPECT_GT(several, 3);
}

TEST(RelevanceFamily, ClassesBesideCountAsFurtherTargets) {
  at::manual_seed(11);
  const Model model = double_model(chain({3, 3}));
  const Tensor x = random({2, 3, 10, 10});
  const std::vector<Target> targets = {Target::of_class(0), Target::of_class(3)};
  for (const char* spec : {"rsp", "rsp(hostile=labels)", "smoothgrad(rsp, n=2)"}) {
    const auto method = make_method(spec);
    const Tensor together = method->explain(model, x, targets, {})[0].relevance;
    const Tensor alone = method->explain(model, x, Target::of_class(0)).relevance;
    ExplainOptions options;
    options.beside = {0, 3};
    const Tensor again = method->explain(model, x, Target::of_class(0), options).relevance;
    EXPECT_LT(testing::relative_error(again, together), 1e-12) << spec;
    EXPECT_GT(testing::relative_error(alone, together), 1e-3) << spec;
    options.beside = {5};
    EXPECT_THROW(method->explain(model, x, Target::of_class(0), options), Error) << spec;
  }
}

}  // namespace
}  // namespace limn
