// BiLRP against plain matrices, one component after the other, in float64.
#include "limn/bilrp.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "concepts/embedding.h"
#include "limn/error.h"
#include "support/draft_builder.h"
#include "support/refusal.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

constexpr double kLow = -2, kHigh = 2;

/// The small model for any size of picture, with or without biases in its convolutions.
Model small(bool biases) {
  Draft draft = testing::small_model();
  draft.inputs[0].shape = {-1, 3, -1, -1};
  draft.inputs[0].dim_names = {"N", "", "H", "W"};
  if (!biases) {
    for (const char* name : {"b1", "b2"})
      draft.constants[name] = at::zeros_like(draft.constants[name]);
  }
  return Model(Graph(draft)).to(at::kDouble);
}

Tensor picture(std::uint64_t seed, std::int64_t height = 8, std::int64_t width = 8) {
  at::manual_seed(seed);
  return at::rand({1, 3, height, width}, at::kDouble) * 3.6 - 1.8;
}

PairOptions plain_options() {
  PairOptions options;
  options.layer = "f";
  options.similarity = "dot";
  options.composite = "gamma-by-depth";
  options.low = {kLow, kLow, kLow};
  options.high = {kHigh, kHigh, kHigh};
  options.cell = 3;
  options.full = true;
  return options;
}

/// Convolution with padding 1 as a matrix [outputs, inputs].
Tensor matrix_of(const Tensor& w, std::int64_t height, std::int64_t width) {
  const std::int64_t inputs = w.size(1) * height * width;
  const Tensor units = at::eye(inputs, at::kDouble).reshape({inputs, w.size(1), height, width});
  const Tensor columns = at::convolution(units, w, {}, {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1);
  return columns.flatten(1).t();
}

/// The pooled relevance of each of the six components at value f, by matrices.
struct PlainBranch {
  Tensor components;  // [6]
  Tensor maps;        // [6, places]
};

PlainBranch plain_branch(const Model& model, const Tensor& x, std::int64_t cell) {
  const Graph& graph = model.graph();
  const auto constant = [&](const char* name) { return graph.value(graph.at(name)).constant; };
  const std::int64_t h = x.size(2), w = x.size(3), count = h * w;
  const Tensor w1 = matrix_of(constant("w1"), h, w), w2 = matrix_of(constant("w2"), h, w);
  const Tensor b1 = constant("b1").repeat_interleave(count);
  const Tensor b2 = constant("b2").repeat_interleave(count);
  const Tensor in = x.flatten(), hidden = (w1.matmul(in) + b1).clamp_min(0);
  const Tensor top = (w2.matmul(hidden) + b2).clamp_min(0);
  const Tensor wg = w2 + 0.5 * w2.clamp_min(0), bg = b2 + 0.5 * b2.clamp_min(0);
  const Tensor z2 = wg.matmul(hidden) + bg + 1e-9;
  const Tensor low = at::full_like(in, kLow), high = at::full_like(in, kHigh);
  const Tensor plus = w1.clamp_min(0), minus = w1.clamp_max(0);
  const Tensor z1 = w1.matmul(in) - plus.matmul(low) - minus.matmul(high) + 1e-6;
  PlainBranch out{top.reshape({6, count}).mean(1), {}};
  const std::int64_t rows = (h + cell - 1) / cell, columns = (w + cell - 1) / cell;
  out.maps = at::zeros({6, rows * columns}, at::kDouble);
  for (std::int64_t k = 0; k < 6; ++k) {
    Tensor r = at::zeros({6, count}, at::kDouble);
    r[k] = top.reshape({6, count})[k] / static_cast<double>(count);
    r = hidden * wg.t().matmul(r.flatten() / z2);
    const Tensor s = r / z1;
    const Tensor at_input =
        in * w1.t().matmul(s) - low * plus.t().matmul(s) - high * minus.t().matmul(s);
    const Tensor map = at_input.reshape({3, h, w}).sum(0);
    for (std::int64_t y = 0; y < h; ++y) {
      for (std::int64_t c = 0; c < w; ++c) {
        out.maps[k][y / cell * columns + c / cell] += map[y][c];
      }
    }
  }
  return out;
}

TEST(Bilrp, IsThePlainSumOverSeparatePasses) {
  const Model model = small(true);
  const Tensor x1 = picture(1), x2 = picture(2, 7, 10);
  const PairOptions options = plain_options();
  const PairExplanation ours = explain_pair(model, x1, x2, options);
  const PlainBranch a = plain_branch(model, x1, 3), b = plain_branch(model, x2, 3);
  const std::int64_t places1 = a.maps.size(1), places2 = b.maps.size(1);
  ASSERT_EQ(ours.joint.sizes(), (std::vector<std::int64_t>{3, 3, 3, 4}));
  const Tensor joint = ours.joint.reshape({places1, places2});
  double sum = 0, positive = 0, negative = 0, fourth = 0, worst = 0, largest = 0;
  for (std::int64_t i = 0; i < places1; ++i) {
    for (std::int64_t j = 0; j < places2; ++j) {
      double r = 0;
      for (std::int64_t k = 0; k < 6; ++k) {
        r += a.maps[k][i].item<double>() * b.maps[k][j].item<double>();
      }
      worst = std::max(worst, std::abs(joint[i][j].item<double>() - r));
      largest = std::max(largest, std::abs(r));
      sum += r;
      positive += std::max(r, 0.0);
      negative += std::min(r, 0.0);
      fourth += std::pow(r, 4);
    }
  }
  EXPECT_LT(worst, 1e-8 * largest);
  EXPECT_NEAR(ours.sum, sum, 1e-8 * std::abs(sum));
  EXPECT_NEAR(ours.positive, positive, 1e-8 * positive);
  EXPECT_NEAR(ours.negative, negative, 1e-8 * positive);
  EXPECT_NEAR(ours.scale, std::pow(fourth / static_cast<double>(places1 * places2), 0.25),
              1e-8 * largest);
  const double similarity = a.components.dot(b.components).item<double>();
  EXPECT_NEAR(ours.similarity, similarity, 1e-12 * similarity);
  EXPECT_NEAR(ours.gap, std::abs(sum - similarity) / similarity, 1e-8);
  EXPECT_LT(testing::relative_error(ours.marginals[0].flatten(), joint.sum(1)), 1e-12);
  EXPECT_LT(testing::relative_error(ours.marginals[1].flatten(), joint.sum(0)), 1e-12);
}

TEST(Bilrp, LinksAreTheStrongestPairs) {
  const Model model = small(true);
  PairOptions options = plain_options();
  options.links = 7;
  const PairExplanation some = explain_pair(model, picture(1), picture(2), options);
  ASSERT_EQ(some.links.sizes(), (std::vector<std::int64_t>{7, 5}));
  const Tensor order = std::get<0>(some.joint.abs().flatten().sort(0, true));
  for (std::int64_t i = 0; i < 7; ++i) {
    const Tensor row = some.links[i];
    const auto at = [&](std::int64_t axis) { return row[axis].item<std::int64_t>(); };
    const double value = row[4].item<double>();
    EXPECT_EQ(value, some.joint[at(0)][at(1)][at(2)][at(3)].item<double>());
    EXPECT_EQ(std::abs(value), order[i].item<double>());
  }
}

TEST(Bilrp, BundlesEqualSeparateWalksInEveryComposite) {
  const Model model = small(true);
  const Tensor x1 = picture(3), x2 = picture(4);
  for (const char* composite : {"gamma-by-depth", "epsilon", "epsilon-plus", "epsilon-gamma-box",
                                "epsilon-alpha2-beta1-flat", "excitation-backprop", "plus-even"}) {
    for (const std::int64_t projections : {0, 9}) {
      PairOptions options = plain_options();
      options.composite = composite;
      options.projections = projections;
      const PairExplanation both = explain_pair(model, x1, x2, options);
      Tensor joint = at::zeros_like(both.joint);
      const std::int64_t count = both.embeddings[0].numel();
      for (std::int64_t k = 0; k < count; ++k) {
        const Tensor one = at::zeros({count}, at::kDouble);
        one[k] = 1;
        const Tensor a = explain_similarity(model, x1, one, options).map;
        const Tensor b = explain_similarity(model, x2, one, options).map;
        joint += a.unsqueeze(2).unsqueeze(3) * b;
      }
      EXPECT_LT(testing::relative_error(both.joint, joint), 1e-10) << composite << projections;
    }
  }
}

TEST(Bilrp, StrongestComponentsAreThoseOfTheLargestProducts) {
  const Model model = small(true);
  const Tensor x1 = picture(1), x2 = picture(2);
  PairOptions options = plain_options();
  options.components = 2;
  const PairExplanation two = explain_pair(model, x1, x2, options);
  const PlainBranch a = plain_branch(model, x1, 3), b = plain_branch(model, x2, 3);
  const Tensor products = a.components * b.components;
  const Tensor best = std::get<1>(products.abs().topk(2));
  Tensor joint = at::zeros({a.maps.size(1), b.maps.size(1)}, at::kDouble);
  double covered = 0;
  for (std::int64_t i = 0; i < 2; ++i) {
    const std::int64_t k = best[i].item<std::int64_t>();
    joint += a.maps[k].unsqueeze(1) * b.maps[k];
    covered += products[k].item<double>();
  }
  EXPECT_EQ(two.components, 2);
  EXPECT_NEAR(two.covered, covered, 1e-10 * covered);
  const double sum = joint.sum().item<double>(), whole = products.sum().item<double>();
  EXPECT_NEAR(two.gap, std::abs(sum - whole) / whole, 1e-8);
  EXPECT_NEAR(two.rules_gap, std::abs(sum - covered) / covered, 1e-8);
  EXPECT_GT(two.gap, two.rules_gap);
  EXPECT_LT(testing::relative_error(two.joint.reshape(joint.sizes()), joint), 1e-8);
  EXPECT_NEAR(two.similarity, whole, 1e-10);
  ASSERT_FALSE(two.notes.empty());
}

TEST(Bilrp, SumsToTheSimilarityWithoutBiases) {
  const Model model = small(false);
  for (const char* similarity : {"dot", "cosine"}) {
    PairOptions options = plain_options();
    options.similarity = similarity;
    const PairExplanation pair = explain_pair(model, picture(5), picture(6), options);
    // The stabilizer of zB, 1e-6, takes its share of small outputs.
    EXPECT_LT(pair.gap, 2e-6) << similarity;
    EXPECT_NEAR(pair.positive + pair.negative, pair.sum, 1e-12 * pair.positive);
    // A first-order map is the marginal, since the other input's components are conserved.
    const SimilarityMap one = explain_similarity(model, picture(5), pair.embeddings[1], options);
    EXPECT_NEAR(one.similarity, pair.similarity, 1e-12 * std::abs(pair.similarity));
    EXPECT_LT(testing::relative_error(one.map, pair.marginals[0]), 5e-6);
  }
}

TEST(Bilrp, PlusEvenSumsToTheSimilarityWithBiases) {
  PairOptions options = plain_options();
  EXPECT_GT(explain_pair(small(true), picture(5), picture(6), options).rules_gap, 1e-3);
  options.composite = "plus-even";
  // The stabilizer of the global pool, 1e-6, takes its share.
  EXPECT_LT(explain_pair(small(true), picture(5), picture(6), options).gap, 1e-5);
}

TEST(Bilrp, ADetectorsLayerHasToBeNamed) {
  testing::DraftBuilder builder;
  const std::string x = builder.input("input", {1, 3, 8, 8});
  const std::string weight = builder.constant(at::ones({5, 3, 1, 1}));
  const std::string map = builder.node("Conv", {x, weight});
  const std::string shape = builder.constant(at::tensor({1, 5, 64}, at::kLong));
  builder.output(builder.node("Reshape", {map, shape}));
  Draft draft = builder.draft();
  draft.outputs[0].shape = {1, 5, 64};
  draft.outputs[0].dim_names = {"", "", ""};
  const Model model = Model(Graph(draft)).to(at::kDouble);
  testing::expect_refused([&] { explain_pair(model, picture(1), picture(2)); },
                          ErrorCode::InvalidArgument, "--layer VALUE");
  PairOptions options;
  options.layer = map;
  EXPECT_EQ(explain_pair(model, picture(1), picture(2), options).embedding, "mean");
}

TEST(Bilrp, IdenticalInputsGiveASymmetricJointRelevance) {
  const Model model = small(true);
  PairOptions options = plain_options();
  options.similarity = "cosine";
  const PairExplanation pair = explain_pair(model, picture(7), picture(7), options);
  EXPECT_NEAR(pair.similarity, 1, 1e-12);
  EXPECT_LT(testing::relative_error(pair.joint, pair.joint.permute({2, 3, 0, 1})), 1e-12);
  EXPECT_TRUE(at::allclose(pair.marginals[0], pair.marginals[1], 1e-10));
}

TEST(Bilrp, MeansOfAMapAreTheVectorBehindTheGlobalPool) {
  const Model model = small(true);
  PairOptions options = plain_options();
  const PairExplanation pooled = explain_pair(model, picture(1), picture(2), options);
  options.layer = "r2";
  const PairExplanation means = explain_pair(model, picture(1), picture(2), options);
  EXPECT_EQ(means.embedding, "mean");
  EXPECT_NEAR(means.similarity, pooled.similarity, 1e-12);
  // The pool's rule has a stabilizer of 1e-9.
  EXPECT_LT(testing::relative_error(means.joint, pooled.joint), 1e-7);
}

TEST(Bilrp, TheDefaultLayerFeedsTheLastLinearOne) {
  const PairExplanation pair = explain_pair(small(true), picture(1), picture(2));
  EXPECT_EQ(pair.layer, "f");
  EXPECT_EQ(pair.composite, "epsilon-plus");
  EXPECT_LE(pair.components, 6);
}

TEST(Bilrp, OfClassScoresOnlyThoseAboveZeroAreCompared) {
  const Model model = small(true).with_labels({"ant", "bee", "cat", "dog", "eel"});
  PairOptions options = plain_options();
  options.layer = "";
  const PairExplanation pair = explain_pair(model, picture(1), picture(2), options);
  EXPECT_EQ(pair.layer, "logits");
  EXPECT_EQ(pair.embedding, "positive");
  const Tensor a = model.run(picture(1))[model.logits()], b = model.run(picture(2))[model.logits()];
  const Tensor products = (a.clamp_min(0) * b.clamp_min(0)).flatten();
  EXPECT_NEAR(pair.similarity, products.sum().item<double>(), 1e-12);
  EXPECT_EQ(pair.components, products.gt(0).sum().item<std::int64_t>());
  // The same from the components that are above zero, one by one.
  options.layer = "logits";
  Tensor joint = at::zeros_like(pair.joint);
  for (std::int64_t k = 0; k < 5; ++k) {
    if (products[k].item<double>() == 0) continue;
    const Tensor one = at::zeros({5}, at::kDouble);
    one[k] = 1;
    joint += explain_similarity(model, picture(1), one, options).map.unsqueeze(2).unsqueeze(3) *
             explain_similarity(model, picture(2), one, options).map;
  }
  EXPECT_LT(testing::relative_error(pair.joint, joint), 1e-10);
}

TEST(Bilrp, ProjectionsDependOnTheSeedAlone) {
  const Tensor rows = projection_rows(3, 0, 5, 1, 40);
  EXPECT_TRUE(at::equal(projection_rows(3, 2, 2, 1, 40), rows.slice(0, 2, 4)));
  EXPECT_TRUE(at::allclose(projection_rows(3, 0, 5, 4, 40) * 2, rows));
  EXPECT_FALSE(at::allclose(projection_rows(4, 0, 5, 1, 40), rows));
  const Model model = small(true);
  PairOptions options = plain_options();
  options.projections = 8;
  options.seed = 11;
  const PairExplanation one = explain_pair(model, picture(1), picture(2), options);
  EXPECT_TRUE(at::equal(explain_pair(model, picture(1), picture(2), options).joint, one.joint));
  EXPECT_EQ(one.components, 8);
  options.seed = 12;
  EXPECT_FALSE(at::allclose(explain_pair(model, picture(1), picture(2), options).joint, one.joint));
  // Many projections keep the dot product: its relative error is of the order 1 / sqrt(K).
  options.projections = 4000;
  const Tensor a = embed(model, picture(1), options), b = embed(model, picture(2), options);
  const double exact = explain_pair(model, picture(1), picture(2), plain_options()).similarity;
  const double size = (a.norm() * b.norm()).item<double>();
  EXPECT_NEAR(a.dot(b).item<double>(), exact, 5 * size / std::sqrt(4000.0));
}

TEST(Bilrp, SharesNothingWhereNothingIsShared) {
  testing::DraftBuilder builder;
  const std::string x = builder.input("input", {1, 2, 4, 4});
  const std::string mean = builder.node("GlobalAveragePool", {x});
  builder.output(
      builder.node("MatMul", {builder.node("Flatten", {mean}), builder.constant(at::eye(2))}));
  const Model model = Model(Graph(builder.draft())).to(at::kDouble);
  Tensor first = at::zeros({1, 2, 4, 4}), second = first.clone();
  first[0][0].fill_(1);
  second[0][1].fill_(1);
  PairOptions options;
  options.composite = "epsilon";
  const PairExplanation pair = explain_pair(model, first, second, options);
  EXPECT_EQ(pair.similarity, 0);
  EXPECT_EQ(pair.sum, 0);
  EXPECT_EQ(pair.gap, 0);
  EXPECT_EQ(pair.links.size(0), 0);
  EXPECT_EQ(pair.marginals[0].abs().sum().item<double>(), 0);
  ASSERT_FALSE(pair.notes.empty());
}

TEST(Bilrp, RefusesWithWords) {
  const Model model = small(true);
  const auto refused = [&](const std::function<void(PairOptions&)>& change, ErrorCode code,
                           const std::string& words, const Tensor& x2 = picture(2)) {
    PairOptions options = plain_options();
    change(options);
    testing::expect_refused([&] { explain_pair(model, picture(1), x2, options); }, code, words);
  };
  const auto code = ErrorCode::InvalidArgument;
  refused([](auto& o) { o.cell = 0; }, code, "cell is 0");
  refused([](auto& o) { o.links = 0; }, code, "links is 0");
  refused([](auto& o) { o.projections = -1; }, code, "projections is -1");
  refused([](auto& o) { o.similarity = "angle"; }, code, "legal: dot, cosine");
  refused([](auto& o) { o.embedding = "max"; }, code, "legal: auto, flat, mean, positive");
  refused([](auto& o) { o.gammas = {-1}; }, code, "gammas holds -1");
  refused([](auto& o) { o.embedding = "mean"; }, code, "no places to average");
  refused([](auto& o) { o.layer = "r9"; }, ErrorCode::NotFound, "r1");
  refused([](auto& o) { o.layer = "w1"; }, ErrorCode::Unsupported, "does not depend on the input");
  refused([](auto& o) { o.composite = "epsilom"; }, ErrorCode::NotFound, "epsilon");
  refused([](auto& o) { o.composite = "gama-by-depth"; }, ErrorCode::NotFound, "gamma-by-depth");
  refused([](auto& o) { o.rules = "first nonsense"; }, ErrorCode::NotFound, "rules:1");
  refused([](auto& o) { o.layer = "r2", o.embedding = "flat"; }, code, "--embedding mean",
          picture(2, 9, 9));
  refused([](auto&) {}, ErrorCode::BadInput, "one picture", picture(2).repeat({2, 1, 1, 1}));
  Tensor bad = picture(2);
  bad[0][0][0][0] = NAN;
  refused([](auto&) {}, ErrorCode::Numerical, "the second input", bad);
  PairOptions options = plain_options();
  options.cell = 1;
  const Tensor large = picture(1, 130, 130);
  testing::expect_refused([&] { explain_pair(model, large, large, options); }, code,
                          "more than 2 GiB");
  testing::expect_refused([&] { explain_similarity(model, picture(1), at::ones({4}), options); },
                          code, "made at another --layer");
  options.similarity = "cosine";
  testing::expect_refused([&] { explain_similarity(model, picture(1), at::zeros({6}), options); },
                          ErrorCode::Numerical, "has no cosine");
}

}  // namespace
}  // namespace limn
