// Targets: what users may write, and what it binds to.
#include "limn/target.h"

#include "limn/error.h"
#include "limn/model.h"
#include "support/refusal.h"
#include "support/support.h"

namespace limn {
namespace {

/// Logits are the input itself: [N, C] goes through Relu and Softmax or Sigmoid.
Model identity_model(const std::string& head) {
  Draft draft = testing::single_node("Relu", 13, {}, 1);
  draft.nodes[0].outputs = {"logits"};
  draft.nodes.push_back({.name = "head",
                         .op = head,
                         .domain = "",
                         .opset = 13,
                         .attributes = {},
                         .inputs = {"logits"},
                         .outputs = {"out0"}});
  return Model(Graph(draft)).with_labels({"tench, Tinca tinca", "Great White-Shark", "cat"});
}

TEST(Target, ParsesItsLanguage) {
  EXPECT_EQ(Target::parse("top1").front().text(), "top1");
  EXPECT_EQ(Target::parse("top3").front().rank, 2);
  EXPECT_EQ(Target::parse("top:3").size(), 3u);
  EXPECT_EQ(Target::parse("281").front().text(), "class:281");
  EXPECT_EQ(Target::parse("class:cat").front().first, "cat");
  EXPECT_EQ(Target::parse("margin:2-0").front().second, "0");
  for (const char* bad : {"", "top:", "top:0", "top0", "margin:3", "margin:-", "class:", "top:x"}) {
    EXPECT_THROW(Target::parse(bad), Error) << bad;
  }
  testing::expect_refused([] { Target::parse("cosine:ref.npy"); }, ErrorCode::InvalidArgument,
                          "only `limn explain`, `compare` and `overlap` take cosine:FILE.npy");
}

TEST(Target, FindsLabelsByWholeOrPart) {
  const Model model = identity_model("Softmax");
  EXPECT_EQ(class_index(model, "tinca TINCA", 3), 0);
  EXPECT_EQ(class_index(model, "great white_shark", 3), 1);
  EXPECT_EQ(class_index(model, "2", 3), 2);
  EXPECT_THROW(class_index(model, "3", 3), Error);
  try {
    class_index(model, "cst", 3);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
    EXPECT_NE(std::string(error.what()).find("\"cat\""), std::string::npos);
  }
}

TEST(Target, ScoresAndGradientsFollowTheirDefinition) {
  for (const char* head : {"Softmax", "Sigmoid"}) {
    const Model model = identity_model(head).to(at::kDouble);
    const Tensor x = at::tensor({1.0, 3.0, 2.0, 0.5, 0.25, 4.0}, at::kDouble).reshape({2, 3});
    const Tape tape = model.run(x);
    EXPECT_EQ(model.graph().value(model.logits()).name, "logits");
    const bool multi = std::string(head) == "Sigmoid";
    EXPECT_EQ(model.output_kind() == OutputKind::MultiLabel, multi);
    for (ScoreKind kind : {ScoreKind::Logit, ScoreKind::Probability, ScoreKind::LogProbability}) {
      const Objective top = bind_targets(model, tape, Target::parse("top1"), kind).front();
      EXPECT_EQ(top.classes, (std::vector<std::int64_t>{1, 2}));
      // Central differences of the score written out plainly.
      const auto score = [&](const std::vector<double>& y, std::int64_t c) {
        double z = 0;
        for (double v : y) z += std::exp(v);
        const double yc = y[static_cast<std::size_t>(c)];
        const double p = multi ? 1 / (1 + std::exp(-yc)) : std::exp(yc) / z;
        return kind == ScoreKind::Logit ? yc : kind == ScoreKind::Probability ? p : std::log(p);
      };
      for (std::int64_t n = 0; n < 2; ++n) {
        std::vector<double> y;
        for (std::int64_t c = 0; c < 3; ++c) y.push_back(x[n][c].item<double>());
        const std::int64_t chosen = top.classes[static_cast<std::size_t>(n)];
        EXPECT_NEAR(top.score[n].item<double>(), score(y, chosen), 1e-12);
        for (std::size_t c = 0; c < 3; ++c) {
          auto up = y, down = y;
          up[c] += 1e-6;
          down[c] -= 1e-6;
          const double slope = (score(up, chosen) - score(down, chosen)) / 2e-6;
          EXPECT_NEAR(top.gradient[n][static_cast<std::int64_t>(c)].item<double>(), slope, 1e-8);
        }
        EXPECT_NEAR(top.relevance[n].sum().item<double>(), top.score[n].item<double>(), 1e-12);
      }
    }
    const Objective margin = bind_targets(model, tape, Target::parse("margin:cat-0")).front();
    EXPECT_NEAR(margin.score[1].item<double>(), 4.0 - 0.5, 1e-12);
    EXPECT_NEAR(margin.relevance[1].sum().item<double>(), 3.5, 1e-12);
    EXPECT_THROW(bind_targets(model, tape, Target::parse("top:4")), Error);
    EXPECT_THROW(bind_targets(model, tape, Target::parse("margin:1-2"), ScoreKind::Probability),
                 Error);
  }
}

TEST(Model, RefusesWhatItCannotRun) {
  Draft draft = testing::single_node("Relu", 13, {}, 1);
  draft.inputs[0].has_shape = true;
  draft.inputs[0].shape = {-1, 3, 4, 4};
  const Model model{Graph(draft)};
  EXPECT_THROW(model.run(at::zeros({1, 1, 4, 4})), Error);
  EXPECT_THROW(model.run(at::zeros({3, 4, 4})), Error);
  EXPECT_THROW(model.run(at::full({1, 3, 4, 4}, NAN)), Error);
  EXPECT_NO_THROW(model.run(at::zeros({2, 3, 4, 4})));
  EXPECT_THROW(model.to(c10::Device("cuda:7")), Error);
}

}  // namespace
}  // namespace limn
