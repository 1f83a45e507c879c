// Max pooling's winners against the gradient of each seed.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "concepts/bundle_rules.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/walk.h"
#include "support/draft_builder.h"
#include "support/support.h"

namespace limn {
namespace {

/// Windows of 3 with a stride of 2 overlap, so that one input may win several.
TEST(WinnerRule, IsTheGradientOfEachSeed) {
  testing::DraftBuilder builder;
  const std::string x = builder.input("input", {1, 4, 9, 7});
  const std::string relu = builder.node("Relu", {x});
  builder.output(builder.node("MaxPool", {relu},
                              {{"kernel_shape", std::vector<std::int64_t>{3, 3}},
                               {"strides", std::vector<std::int64_t>{2, 2}},
                               {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}}));
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const Model model = Model(Graph(builder.draft())).to(dtype);
    at::manual_seed(8);
    const Tape tape = model.run(at::randn({1, 4, 9, 7}));
    std::vector<std::int64_t> shape = tape[model.logits()].sizes().vec();
    shape.insert(shape.begin(), 5);
    const WalkRequest request{.seeds = {{model.logits(), at::randn(shape).to(dtype)}},
                              .at = {model.input()}};
    RuleBook book = gradient_book();
    const Tensor expected = walk(model, tape, book, request).relevance.at(model.input());
    book.op("MaxPool", winner_rule());
    const Tensor ours = walk(model, tape, book, request).relevance.at(model.input());
    EXPECT_LT(testing::relative_error(ours, expected), 1e-6);
  }
}

}  // namespace
}  // namespace limn
