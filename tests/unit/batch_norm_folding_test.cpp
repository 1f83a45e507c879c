// Folding batch norm changes no output beyond rounding, and leaves what it cannot fold exactly.
#include <gtest/gtest.h>

#include "import/passes.h"
#include "support/draft_builder.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::DraftBuilder;
using testing::ops_of;
using Integers = std::vector<std::int64_t>;

std::string norm(DraftBuilder& build, const std::string& x, std::int64_t channels, double shift = 1,
                 double lowest_scale = 0.5) {
  return build.node("BatchNormalization",
                    {x, build.constant(at::rand({channels}, at::kDouble) + lowest_scale),
                     build.constant(shift * at::randn({channels}, at::kDouble)),
                     build.constant(shift * at::randn({channels}, at::kDouble)),
                     build.constant(at::rand({channels}, at::kDouble) + 0.1)},
                    {{"epsilon", 1e-3}});
}

/// Folds, checks the operators that are left, and that the output has not changed.
void check(DraftBuilder& build, const Tensor& x, const std::string& expected,
           bool everywhere = true) {
  const Draft folded = fold_batch_norm(build.draft(), everywhere);
  EXPECT_EQ(ops_of(folded), expected);
  EXPECT_EQ(folded.outputs.at(0).name, build.draft().outputs.at(0).name);
  EXPECT_LT(
      testing::relative_error(testing::run_draft(folded, x), testing::run_draft(build.draft(), x)),
      1e-12);
}

class BatchNormFolding : public ::testing::Test {
 protected:
  BatchNormFolding() { at::manual_seed(7); }
  DraftBuilder build_;
  std::string x_ = build_.input("x");

  std::string weight(Integers sizes) { return build_.constant(at::randn(sizes, at::kDouble)); }
};

TEST_F(BatchNormFolding, ConvThenNorm) {
  const auto conv = build_.node("Conv", {x_, weight({4, 3, 3, 3}), weight({4})},
                                {{"pads", Integers{1, 1, 1, 1}}});
  build_.output(norm(build_, conv, 4));
  check(build_, at::randn({2, 3, 5, 5}), "Conv");
}

TEST_F(BatchNormFolding, ConvKeepsItsNameAndTakesTheOutputOfTheNorm) {
  const auto conv = build_.node("Conv", {x_, weight({4, 3, 3, 3})});
  const auto out = norm(build_, conv, 4);
  build_.output(build_.node("Relu", {out}));
  const Draft folded = fold_batch_norm(build_.draft());
  EXPECT_EQ(folded.nodes.at(0).name, "n0");
  EXPECT_EQ(folded.nodes.at(0).outputs.at(0), out);
  EXPECT_EQ(folded.nodes.at(0).inputs.size(), 3u);
}

TEST_F(BatchNormFolding, GroupedAndDepthwise) {
  const auto first = norm(
      build_, build_.node("Conv", {x_, weight({6, 2, 3, 3})}, {{"group", std::int64_t{2}}}), 6);
  const auto second = norm(
      build_, build_.node("Conv", {first, weight({6, 1, 3, 3})}, {{"group", std::int64_t{6}}}), 6);
  build_.output(second);
  check(build_, at::randn({2, 4, 7, 7}), "Conv Conv");
}

TEST_F(BatchNormFolding, ConvTransposeWithGroups) {
  const auto conv = build_.node("ConvTranspose", {x_, weight({4, 3, 3, 3}), weight({6})},
                                {{"group", std::int64_t{2}}, {"strides", Integers{2, 2}}});
  build_.output(norm(build_, conv, 6));
  check(build_, at::randn({2, 4, 4, 4}), "ConvTranspose");
}

TEST_F(BatchNormFolding, GemmThenNorm) {
  const auto first = build_.node("Gemm", {x_, weight({5, 4}), weight({1, 5})},
                                 {{"transB", std::int64_t{1}}, {"alpha", 0.5}, {"beta", 2.0}});
  const auto second = build_.node("Gemm", {norm(build_, first, 5), weight({5, 3})});
  build_.output(norm(build_, second, 3));
  check(build_, at::randn({6, 4}), "Gemm Gemm");
}

TEST_F(BatchNormFolding, NormThenGemm) {
  for (const std::int64_t transposed : {0, 1}) {
    DraftBuilder build;
    const auto x = build.input("x");
    const auto w = build.constant(at::randn(transposed ? Integers{5, 4} : Integers{4, 5}));
    build.output(build.node("Gemm", {norm(build, x, 4), w, build.constant(at::randn({5}))},
                            {{"transB", transposed}, {"alpha", 0.5}, {"beta", 2.0}}));
    build.draft().constants.at(w) = build.draft().constants.at(w).to(at::kDouble);
    check(build, at::randn({6, 4}), "Gemm");
  }
}

TEST_F(BatchNormFolding, NormThenConv) {
  build_.output(build_.node("Conv", {norm(build_, x_, 4), weight({6, 2, 3, 3}), weight({6})},
                            {{"group", std::int64_t{2}}}));
  check(build_, at::randn({2, 4, 5, 5}), "Conv");
}

TEST_F(BatchNormFolding, NormThenPaddedConvStaysUnlessItOnlyScales) {
  for (const double shift : {1.0, 0.0}) {
    DraftBuilder build;
    const auto x = build.input("x");
    build.output(build.node("Conv",
                            {norm(build, x, 4, shift), build.constant(at::randn({6, 4, 3, 3}))},
                            {{"pads", Integers{1, 1, 1, 1}}}));
    for (auto& [name, value] : build.draft().constants) value = value.to(at::kDouble);
    check(build, at::randn({2, 4, 5, 5}), shift == 0 ? "Conv" : "BatchNormalization Conv");
  }
}

TEST_F(BatchNormFolding, NormThenConvTransposeStaysUnlessItOnlyScales) {
  for (const double shift : {1.0, 0.0}) {
    DraftBuilder build;
    const auto x = build.input("x");
    build.output(
        build.node("ConvTranspose",
                   {norm(build, x, 4, shift), build.constant(at::randn({4, 3, 3, 3}, at::kDouble))},
                   {{"group", std::int64_t{2}}}));
    check(build, at::randn({2, 4, 5, 5}),
          shift == 0 ? "ConvTranspose" : "BatchNormalization ConvTranspose");
  }
}

TEST_F(BatchNormFolding, NormReluConv) {
  const auto relu = build_.node("Relu", {norm(build_, x_, 4)});
  const auto conv = build_.node("Conv", {relu, weight({6, 4, 3, 3}), weight({6})},
                                {{"pads", Integers{1, 1, 1, 1}}});
  build_.output(conv);
  const Draft folded = fold_batch_norm(build_.draft());
  // The values between are no longer the file's, and no longer have their names.
  EXPECT_NE(folded.nodes.at(0).outputs.at(0), "v0");
  EXPECT_NE(folded.nodes.at(1).outputs.at(0), "v1");
  check(build_, at::randn({2, 4, 5, 5}), "Add Relu Conv");
}

TEST_F(BatchNormFolding, NormReluConvStaysWhereAScaleIsNegative) {
  const auto relu = build_.node("Relu", {norm(build_, x_, 4, 1, -0.5)});
  build_.output(build_.node("Conv", {relu, weight({6, 4, 3, 3})}));
  check(build_, at::randn({2, 4, 5, 5}), "BatchNormalization Relu Conv");
}

TEST_F(BatchNormFolding, OnlyConvThenNormWhereNotEverywhere) {
  const auto first = norm(build_, build_.node("Conv", {x_, weight({4, 3, 1, 1})}), 4);
  const auto second =
      build_.node("Conv", {norm(build_, build_.node("Relu", {first}), 4), weight({2, 4, 1, 1})});
  build_.output(second);
  check(build_, at::randn({2, 3, 5, 5}), "Conv Relu BatchNormalization Conv", false);
  check(build_, at::randn({2, 3, 5, 5}), "Conv Relu Conv", true);
}

TEST_F(BatchNormFolding, ConvWhoseOutputIsUsedElsewhereStays) {
  const auto conv = build_.node("Conv", {x_, weight({4, 3, 1, 1})});
  build_.output(norm(build_, conv, 4));
  build_.output(conv);
  check(build_, at::randn({2, 3, 5, 5}), "Conv BatchNormalization");
}

TEST_F(BatchNormFolding, ASecondUserOfTheWeightsKeepsThem) {
  const auto shared = weight({3, 3, 1, 1});
  const auto first = norm(build_, build_.node("Conv", {x_, shared}), 3);
  build_.output(build_.node("Conv", {first, shared}));
  check(build_, at::randn({2, 3, 5, 5}), "Conv Conv");
}

TEST_F(BatchNormFolding, ANegativeVarianceIsLeftForTheRunToReport) {
  const auto out = norm(build_, build_.node("Conv", {x_, weight({4, 3, 1, 1})}), 4);
  build_.output(out);
  Draft& draft = build_.draft();
  draft.constants.at(draft.nodes.at(1).inputs.at(4)).fill_(-1);
  EXPECT_EQ(ops_of(fold_batch_norm(draft)), "Conv BatchNormalization");
}

}  // namespace
}  // namespace limn
