// Models whose file fixes the number of inputs of one pass: exporters write such files, and reshape
// by constants that hold for that number alone.
#include <gtest/gtest.h>

#include "limn/error.h"
#include "limn/method.h"
#include "support/quick_specs.h"
#include "support/small_model.h"

namespace limn {
namespace {

/// small_model() for pictures of any size.
Draft any_size() {
  Draft draft = testing::small_model();
  draft.inputs[0].shape = {-1, 3, -1, -1};
  return draft;
}

/// The same as exported without a dynamic batch: one input, flattened to [1, 6].
Model fixed_model() {
  Draft draft = any_size();
  draft.inputs[0].shape[0] = draft.outputs[0].shape[0] = 1;
  draft.constants["shape"] = at::tensor(std::vector<std::int64_t>{1, 6}, at::kLong);
  for (auto& node : draft.nodes) {
    if (node.op != "Flatten") continue;
    node.op = "Reshape";
    node.inputs.push_back("shape");
  }
  return Model(Graph(draft)).to(at::kDouble);
}

Tensor picture() {
  at::manual_seed(1);
  return at::randn({1, 3, 24, 24}, at::kDouble);
}

TEST(FixedBatch, EveryMethodRunsAsOnAFreeBatch) {
  const Model fixed = fixed_model(), free = Model(Graph(any_size())).to(at::kDouble);
  EXPECT_EQ(fixed.fixed_batch(), 1);
  EXPECT_EQ(free.fixed_batch(), 0);
  ExplainOptions options;
  options.batch = 16;
  for (const auto& spec : testing::quick_specs()) {
    const auto method = make_method(spec);
    const auto targets = Target::parse("top:2");
    const auto ours = method->explain(fixed, picture(), targets, options);
    const auto theirs = method->explain(free, picture(), targets, options);
    for (std::size_t t = 0; t < ours.size(); ++t) {
      const Tensor error = (ours[t].relevance - theirs[t].relevance).abs().max();
      EXPECT_LE(error.item<double>(), 1e-9 * theirs[t].relevance.abs().max().item<double>())
          << spec;
    }
  }
}

TEST(FixedBatch, OtherNumbersOfInputsAreRefused) {
  try {
    fixed_model().run(picture().repeat({2, 1, 1, 1}));
    FAIL() << "two inputs were taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("its batch size is fixed"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace limn
