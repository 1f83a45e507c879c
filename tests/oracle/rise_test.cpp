// RISE and its estimators against plain loops in float64, and against what is known exactly.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/correlation.h"
#include "limn/error.h"
#include "methods/mask_estimate.h"
#include "support/refusal.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

constexpr std::int64_t kSide = 24, kPixels = kSide * kSide;

Model small() { return Model(Graph(testing::small_model())).to(at::kDouble); }

Tensor picture(std::int64_t n = 1) {
  at::manual_seed(5);
  return at::randn({n, 3, kSide, kSide}, at::kDouble);
}

RandomMasks random_masks(bool antithetic = false, std::int64_t cells = 5, double p = 0.5) {
  return RandomMasks({"original", {cells, cells}, p, antithetic, 0}, kSide, kSide);
}

/// One value of a mask from its cells: interpolated between the four around, mirrored borders.
double slow_mask(const Tensor& cells, std::int64_t y, std::int64_t x, double ratio) {
  const auto count = cells.size(0);
  const auto at = [&](double i, double j) {
    const auto mirror = [&](double v) {
      if (v < 0) v = -v;
      if (v > static_cast<double>(count - 1)) v = 2 * static_cast<double>(count - 1) - v;
      return static_cast<std::int64_t>(v);
    };
    return cells[mirror(i)][mirror(j)].item<double>();
  };
  const double py = (static_cast<double>(y) + 0.5) * ratio - 0.5;
  const double px = (static_cast<double>(x) + 0.5) * ratio - 0.5;
  const double fy = std::floor(py), fx = std::floor(px), wy = py - fy, wx = px - fx;
  return (1 - wy) * ((1 - wx) * at(fy, fx) + wx * at(fy, fx + 1)) +
         wy * ((1 - wx) * at(fy + 1, fx) + wx * at(fy + 1, fx + 1));
}

TEST(RandomMasks, AreCellsEnlargedAndShifted) {
  at::manual_seed(1);
  const Tensor cells = at::randint(0, 2, {3, 5, 5}, at::kDouble);
  const Tensor shifts = at::tensor({0, 4, 2, 1, 4, 0}, at::kLong).view({3, 2});
  // A cell is 5 pixels of 24; six cells' room holds five enlarged to 30 (torchray: 29 / 5 is 6).
  for (const auto& [growth, ratio] : {std::pair{"original", 5.0 / 30}, {"torchray", 1.0 / 6}}) {
    const Tensor masks =
        RandomMasks({growth, {5, 5}, 0.5, false, 0}, kSide, kSide).from_cells(cells, shifts);
    for (std::int64_t m = 0; m < 3; ++m) {
      for (std::int64_t y = 0; y < kSide; ++y) {
        for (std::int64_t x = 0; x < kSide; ++x) {
          const double slow = slow_mask(cells[m], y + shifts[m][0].item<std::int64_t>(),
                                        x + shifts[m][1].item<std::int64_t>(), ratio);
          ASSERT_NEAR(masks[m][y][x].item<double>(), slow, 1e-12) << growth;
        }
      }
    }
  }
}

TEST(RandomMasks, DependOnTheirNumberAlone) {
  const RandomMasks masks = random_masks();
  const Tensor all = masks.make(0, 20, at::kDouble);
  for (std::int64_t i = 0; i < 20; i += 5) {
    EXPECT_TRUE(at::equal(masks.make(i, 5, at::kDouble), all.narrow(0, i, 5)));
  }
  EXPECT_GT((all[0] - all[1]).abs().max().item<double>(), 0.1);
  const Tensor pairs = random_masks(true).make(0, 6, at::kDouble);
  const Tensor sums = pairs.slice(0, 0, c10::nullopt, 2) + pairs.slice(0, 1, c10::nullopt, 2);
  EXPECT_LT((sums - 1).abs().max().item<double>(), 1e-12);
}

/// Every mask of 2 x 2 cells at every shift, with p = 1/2 all equally likely.
struct AllMasks {
  RandomMasks masks = random_masks(false, 2);
  Tensor values;

  AllMasks() {
    Tensors cells, shifts;
    for (int code = 0; code < 16; ++code) {
      Tensor one = at::empty({2, 2}, at::kDouble);
      for (int bit = 0; bit < 4; ++bit) one[bit / 2][bit % 2] = (code >> bit) & 1;
      for (std::int64_t shift = 0; shift < 144; ++shift) {
        cells.push_back(one);
        shifts.push_back(at::tensor({shift / 12, shift % 12}, at::kLong));
      }
    }
    values = masks.from_cells(at::stack(cells), at::stack(shifts));
  }
};

TEST(RandomMasks, HaveTheMeanAndCovarianceTheySay) {
  const AllMasks all;
  const Tensor b = all.values.flatten(1) - 0.5;
  EXPECT_LT(b.mean(0).abs().max().item<double>(), 1e-12);
  const Tensor covariance = at::mm(b.t(), b) / static_cast<double>(b.size(0));
  const Tensor down = all.masks.covariance(0), across = all.masks.covariance(1);
  const Tensor said = 0.25 * (down.view({kSide, 1, kSide, 1}) * across.view({1, kSide, 1, kSide}))
                                 .reshape({kPixels, kPixels});
  EXPECT_LT((covariance - said).abs().max().item<double>(), 1e-12);
}

/// Estimates from scores f [n] of masks [n, H, W], one mask and pixel at a time.
struct Slow {
  Tensor map, error;
};
Slow slow_estimate(const std::string& estimator, bool pairs, double p, const Tensor& f,
                   const Tensor& masks) {
  const std::int64_t n = f.numel(), units = pairs ? n / 2 : n;
  double mean_f = 0;
  for (std::int64_t i = 0; i < n; ++i) mean_f += f[i].item<double>() / static_cast<double>(n);
  Slow out{at::zeros({kSide, kSide}, at::kDouble), at::zeros({kSide, kSide}, at::kDouble)};
  const auto* m = masks.data_ptr<double>();
  for (std::int64_t u = 0; u < kPixels; ++u) {
    std::vector<double> values;
    for (std::int64_t k = 0; k < units; ++k) {
      double value = 0;
      const std::int64_t first = pairs ? 2 * k : k;
      for (std::int64_t i = first; i < first + (pairs ? 2 : 1); ++i) {
        const double own = f[i].item<double>(), mask = m[i * kPixels + u];
        // Its own share of the mean score, and of the covariance.
        const double center = estimator == "original" || pairs ? 0 : mean_f;
        value += own * p + (own - center) * (mask - p);
      }
      values.push_back(pairs ? value / 2 : value);
    }
    double sum = 0, squares = 0;
    for (const double value : values) sum += value;
    const auto count = static_cast<double>(units);
    const bool unbiased = estimator == "centered" && !pairs;
    const double covariance = sum / count - p * mean_f;
    const double mean = p * mean_f + covariance * (unbiased ? count / (count - 1) : 1);
    for (const double value : values) squares += value * value;
    const double variance = std::max(0.0, squares / count - mean * mean);
    out.map.view(-1)[u] = mean / p;
    out.error.view(-1)[u] = std::sqrt(variance / (count - 1)) / p;
  }
  return out;
}

MaskSampling sampling(const std::string& estimator, bool antithetic, std::int64_t n,
                      double p = 0.5) {
  MaskSampling o;
  o.n = n;
  o.cells = {5};
  o.p = p;
  o.estimator = estimator;
  o.antithetic = antithetic;
  return o;
}

/// How much of a bright corner is seen, squashed: not linear in the mask.
Tensor toy_score(const Tensor& masks) {
  const Tensor seen = masks.slice(1, 3, 12).slice(2, 5, 15).mean({1, 2});
  const Tensor against = masks.slice(1, 14, 22).slice(2, 10, 23).mean({1, 2});
  return at::sigmoid(8 * seen - 3 * against - 2).unsqueeze(0);
}

MaskEstimate toy_estimate(const MaskSampling& o, std::uint64_t seed, std::int64_t batch = 32) {
  ExplainOptions options;
  options.seed = seed;
  return estimate_with_masks(o, "original", kSide, kSide, at::TensorOptions(at::kDouble), batch,
                             options, toy_score);
}

TEST(MaskEstimate, IsThePlainLoop) {
  for (const std::string estimator : {"original", "centered"}) {
    for (const bool pairs : {false, true}) {
      for (const double p : {0.5, 0.3}) {
        if (pairs && p != 0.5) continue;
        const MaskEstimate fast = toy_estimate(sampling(estimator, pairs, 90, p), 0);
        const Tensor masks =
            random_masks(pairs, 5, p).make(0, 90, at::TensorOptions(at::kDouble)).contiguous();
        const Slow slow = slow_estimate(estimator, pairs, p, toy_score(masks)[0], masks);
        EXPECT_LT((fast.map[0] - slow.map).abs().max().item<double>(), 1e-12)
            << estimator << pairs << p;
        EXPECT_LT((fast.standard_error[0] - slow.error).abs().max().item<double>(), 1e-10)
            << estimator << pairs << p;
      }
    }
  }
}

TEST(MaskEstimate, DoesNotDependOnTheBatch) {
  for (const std::string estimator : {"original", "centered", "regression"}) {
    const MaskSampling o = sampling(estimator, true, 600);
    const MaskEstimate one = toy_estimate(o, 3, 7), other = toy_estimate(o, 3, 64);
    EXPECT_LT((one.map - other.map).abs().max().item<double>(), 1e-11) << estimator;
    EXPECT_LT((one.standard_error - other.standard_error).abs().max().item<double>(), 1e-9);
    EXPECT_NEAR(one.agreement, other.agreement, 1e-9);
  }
}

/// Many runs: their mean is the limit, which is known where all masks can be listed, and their
/// spread is the standard error that each reports.
TEST(MaskEstimate, TheStandardErrorIsTheSpreadOfRepeatedRuns) {
  constexpr int kRuns = 120;
  const AllMasks all;
  const Tensor f = toy_score(all.values)[0];
  const Tensor limit = (f.view({-1, 1, 1}) * all.values).mean(0) / 0.5;
  double spread_of_original = 0;
  for (const std::string estimator : {"original", "centered", "regression"}) {
    for (const bool pairs : {false, true}) {
      MaskSampling o = sampling(estimator, pairs, 384);
      o.cells = {2};
      Tensor sum = at::zeros({kSide, kSide}, at::kDouble), squares = sum.clone();
      Tensor said = sum.clone();
      for (int run = 0; run < kRuns; ++run) {
        const MaskEstimate one = toy_estimate(o, static_cast<std::uint64_t>(run));
        const Tensor apart = one.map[0] - limit;
        sum += apart;
        squares += apart.square();
        said += one.standard_error[0].square();
      }
      const Tensor bias = sum / kRuns;
      const Tensor spread = squares / kRuns - bias.square();
      const double ratio = (said.sum() / (kRuns * spread.sum())).item<double>();
      EXPECT_NEAR(ratio, 1, 0.3) << estimator << " pairs " << pairs;
      // The mean of the runs misses the limit by no more than the runs' noise allows.
      const double miss = (bias.square().mean() / (spread.mean() / kRuns)).item<double>();
      // The regression's bias is a fraction of one run's noise.
      EXPECT_LT(miss, estimator == "regression" ? kRuns / 10 : 4)
          << estimator << " pairs " << pairs;
      const double total = spread.mean().item<double>();
      if (estimator == "original" && !pairs) {
        spread_of_original = total;
      } else {
        EXPECT_LT(total, spread_of_original) << estimator << " pairs " << pairs;
      }
    }
  }
}

/// A score that is linear in the fields of the regression leaves no residual: the map is exact.
TEST(MaskEstimate, RegressionIsExactWhereTheScoreIsLinear) {
  at::manual_seed(2);
  MaskSampling o = sampling("regression", false, 400);
  o.cells = {4};  // eight fields of three pixels
  const Tensor weights = at::randn({8, 8}, at::kDouble);
  const auto score = [&](const Tensor& masks) {
    const Tensor fields = at::adaptive_avg_pool2d(masks.unsqueeze(1), {8, 8});
    return (fields * weights).sum({2, 3}).t();
  };
  const MaskEstimate one = estimate_with_masks(o, "original", kSide, kSide,
                                               at::TensorOptions(at::kDouble), 50, {}, score);
  const RandomMasks masks({"original", {4, 4}, 0.5, false, 0}, kSide, kSide);
  const Tensor spread = at::repeat_interleave(at::repeat_interleave(weights, 3, 0), 3, 1) / 9;
  const Tensor exact =
      0.25 * at::mm(at::mm(masks.covariance(0), spread), masks.covariance(1)) / 0.5;
  const Tensor apart = one.map[0] - exact;
  EXPECT_LT((apart - apart.mean()).abs().max().item<double>(),
            1e-3 * exact.abs().max().item<double>());
  // The centered estimate of the same masks is noisy.
  o.estimator = "centered";
  const MaskEstimate noisy = estimate_with_masks(o, "original", kSide, kSide,
                                                 at::TensorOptions(at::kDouble), 50, {}, score);
  const Tensor noise = noisy.map[0] - exact;
  EXPECT_GT((noise - noise.mean()).abs().max().item<double>(),
            1e-2 * exact.abs().max().item<double>());
}

TEST(Rise, IsThePlainLoopOverTheModel) {
  const Model model = small();
  const Tensor x = picture(2);
  ExplainOptions options;
  options.seed = 0;
  const auto method = make_method("rise(n=60, cells=5)");
  const auto maps = method->explain(model, x, {Target::of_class(1), Target::of_class(4)}, options);
  const Tensor masks = random_masks().make(0, 60, at::TensorOptions(at::kDouble)).contiguous();
  for (std::int64_t n = 0; n < 2; ++n) {
    for (std::size_t t = 0; t < 2; ++t) {
      Tensors f;
      for (std::int64_t i = 0; i < 60; ++i) {
        const Tensor logits =
            model.run(x.slice(0, n, n + 1) * masks[i], Keep::Outputs)[model.logits()];
        f.push_back(logits.softmax(1)[0][t == 0 ? 1 : 4]);
      }
      const Slow slow = slow_estimate("original", false, 0.5, at::stack(f), masks);
      EXPECT_LT((maps[t].relevance[n][0] - slow.map).abs().max().item<double>(), 1e-12);
      EXPECT_LT((maps[t].inner.at("standard-error")[n][0] - slow.error).abs().max().item<double>(),
                1e-10);
    }
  }
}

TEST(Rise, TheOutputsAreWhatTheOptionSays) {
  const Model model = small();
  const Tensor x = picture();
  ExplainOptions options;
  options.masks = random_masks().make(0, 40, at::TensorOptions(at::kDouble)).contiguous();
  const auto map = [&](const std::string& spec) {
    return make_method(spec)->explain(model, x, Target::of_class(2), options).relevance[0][0];
  };
  Tensors softmax, sigmoid, logit;
  for (std::int64_t i = 0; i < 40; ++i) {
    const Tensor y = model.run(x * options.masks[i], Keep::Outputs)[model.logits()][0];
    softmax.push_back(y.softmax(0)[2]);
    sigmoid.push_back(y[2].sigmoid());
    logit.push_back(y[2]);
  }
  const auto slow = [&](const Tensors& f) {
    return slow_estimate("original", false, 0.5, at::stack(f), options.masks).map;
  };
  const auto apart = [](const Tensor& a, const Tensor& b) {
    return (a - b).abs().max().item<double>();
  };
  EXPECT_LT(apart(map("rise"), slow(softmax)), 1e-12);
  EXPECT_LT(apart(map("rise(output=sigmoid)"), slow(sigmoid)), 1e-12);
  EXPECT_LT(apart(map("rise(output=score)"), slow(logit)), 1e-12);
  EXPECT_LT(apart(map("rise(flavor=torchray)"), slow(sigmoid) * 0.5), 1e-12);
}

TEST(Rise, StopsOnceTheHalvesAgree) {
  const Model model = small();
  const auto run = [&](const std::string& spec) {
    return make_method(spec)->explain(model, picture(), Target::of_class(1));
  };
  const Explanation early = run("rise(until=0.5, n=8192, cells=3, estimator=centered)");
  const Explanation all = run("rise(n=8192, cells=3, estimator=centered)");
  const auto used = [](const Explanation& one) { return std::stoll(one.notes.at(0)); };
  EXPECT_LT(used(early), 8192);
  EXPECT_EQ(used(early) % 256, 0);
  EXPECT_EQ(used(all), 8192);
  EXPECT_NE(make_method("rise(until)")->spec().text().find("until=0.9"), std::string::npos);
}

TEST(Rise, ReturnsWhatItHasWhenAskedToStop) {
  const Model model = small();
  ExplainOptions options;
  int asked = 0;
  options.batch = 32;
  options.stop = [&] { return ++asked > 16; };
  const auto method = make_method("rise(n=4000)");
  const Explanation one = method->explain(model, picture(), Target::of_class(1), options);
  EXPECT_TRUE(one.partial);
  EXPECT_NE(one.notes.at(0).find("stopped after 512 masks, before the 4000"), std::string::npos)
      << one.notes.at(0);
  const Explanation same =
      make_method("rise(n=512)")->explain(model, picture(), Target::of_class(1));
  EXPECT_TRUE(at::equal(one.relevance, same.relevance));
  options.stop = [] { return true; };
  EXPECT_THROW(method->explain(model, picture(), Target::of_class(1), options), Error);
  // One batch shows nothing.
  asked = 0;
  options.stop = [&] { return ++asked > 1; };
  testing::expect_refused([&] { method->explain(model, picture(), Target::of_class(1), options); },
                          ErrorCode::InvalidArgument, "within the first batch of 32 masks");
}

TEST(Rise, ExplainsWhatItCannotUse) {
  const Model model = small();
  const auto message = [&](const std::string& spec, const ExplainOptions& options = {}) {
    try {
      make_method(spec)->explain(model, picture(), Target::top1(), options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const auto expect = [&](const std::string& spec, const std::string& words,
                          const ExplainOptions& options = {}) {
    const std::string text = message(spec, options);
    EXPECT_NE(text.find(words), std::string::npos) << text;
  };
  expect("rise(n=0)", "from 1 to");
  expect("rise(p=0)", "between 0 and 1");
  expect("rise(p=1)", "between 0 and 1");
  expect("rise(p=1.5)", "from 0 to 1");
  expect("rise(cells=0)", "cells takes");
  expect("rise(cells=[2,2,2])", "cells takes");
  expect("rise(cells=25)", "give fewer cells");
  expect("rise(antithetic, p=0.3)", "need p=0.5");
  expect("rise(antithetic, n=33)", "an even n");
  ExplainOptions given;
  given.masks = at::ones({4, 3, 3});
  expect("rise", "give [masks, 24, 24]", given);
  given.masks = at::ones({4, kSide, kSide}, at::kDouble);
  expect("rise(estimator=regression)", "take estimator=centered", given);
  expect("d-rise", "not described as a detector");
}

}  // namespace
}  // namespace limn
