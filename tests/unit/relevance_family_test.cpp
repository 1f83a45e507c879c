// RAP, RSP and Attribution Equilibrium where there is little to explain: no evidence, one class, no
// convolution, dead layers; and the sums that Attribution Equilibrium promises.
#include "limn/error.h"
#include "limn/method.h"
#include "support/draft_builder.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::DraftBuilder;

const char* const kFamily[] = {"rap", "rsp(hostile=none)", "ae"};

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
    EXPECT_TRUE(has_note(one, "shows nothing")) << spec;
  }
}

TEST(RelevanceFamily, AClassThatIsNotPredictedIsSaid) {
  at::manual_seed(3);
  Draft draft = chain({3, 3});
  // Every logit below zero.
  draft.constants.rbegin()->second = draft.constants.rbegin()->second.abs().neg();
  const Model model = double_model(draft);
  const Tensor x = random({1, 3, 10, 10});
  for (const char* spec : kFamily) {
    const auto one = make_method(spec)->explain(model, x);
    ASSERT_LT(one.score.item<double>(), 0);
    EXPECT_TRUE(at::isfinite(one.relevance).all().item<bool>()) << spec;
    EXPECT_TRUE(has_note(one, "explain a class that is predicted")) << spec;
  }
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

}  // namespace
}  // namespace limn
