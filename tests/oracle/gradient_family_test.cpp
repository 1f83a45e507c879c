// The gradient family against its formulas in float64: gradients by autograd of a network written
// out by hand, sums and windows in plain loops; and what each method says to bad input.
#include "limn/error.h"
#include "methods/noise.h"
#include "oracle/small_model_by_hand.h"
#include "support/draft_builder.h"

namespace limn {
namespace {

using namespace testing::gradients;
using testing::DraftBuilder;
using testing::random_tensor;
using testing::relative_error;

/// Weights that a model in float32 keeps to the bit.
Tensor random_weights(at::IntArrayRef sizes) {
  return random_tensor(sizes).to(at::kFloat).to(at::kDouble);
}

double score(const Tensor& x, std::int64_t kind) {
  return ByHand(x, kind).values[5][0][kind].item<double>();
}

TEST(IntegratedGradients, IsTheWeightedSumOfGradientsOnTheWay) {
  at::manual_seed(1);
  const Tensor x = pictures();
  const double root = std::sqrt(0.6) / 2;
  struct Case {
    const char* quadrature;
    std::vector<double> nodes, weights;
  };
  const std::vector<Case> cases = {
      {"gausslegendre", {0.5 - root, 0.5, 0.5 + root}, {5 / 18., 8 / 18., 5 / 18.}},
      {"riemann-trapezoid", {0, 0.5, 1}, {0.25, 0.5, 0.25}},
      {"riemann-trapezoid, reference=true", {0, 0.5, 1}, {1 / 6., 1 / 3., 1 / 6.}},
      {"riemann-left", {0, 1 / 3., 2 / 3.}, {1 / 3., 1 / 3., 1 / 3.}},
      {"riemann-right", {1 / 3., 2 / 3., 1}, {1 / 3., 1 / 3., 1 / 3.}},
      {"riemann-middle", {1 / 6., 0.5, 5 / 6.}, {1 / 3., 1 / 3., 1 / 3.}}};
  for (const auto& one : cases) {
    Tensor mean = at::zeros_like(x);
    for (std::size_t i = 0; i < 3; ++i) {
      mean += one.weights[i] * ByHand(0.25 + one.nodes[i] * (x - 0.25), 2).gradients[0];
    }
    const std::string spec =
        concat("integrated-gradients(n=3, baseline=0.25, quadrature=", one.quadrature);
    const Explanation map = explain(spec + ")", small(), x);
    EXPECT_LT(relative_error(map.relevance, mean * (x - 0.25)), kRounding) << one.quadrature;
    const Explanation raw = explain(spec + ", multiply-by-inputs=false)", small(), x);
    EXPECT_LT(relative_error(raw.relevance, mean), kRounding) << one.quadrature;
    const double change = score(x, 2) - score(at::full_like(x, 0.25), 2);
    const double gap = std::abs(map.relevance.sum().item<double>() - change) / std::abs(change);
    EXPECT_NEAR(map.gap.item<double>(), gap, 1e-9) << one.quadrature;
    EXPECT_FALSE(raw.gap.defined());
  }
}

TEST(IntegratedGradients, ManyPointsLeaveNoGap) {
  at::manual_seed(2);
  for (const char* baseline : {"zero", "mean", "blur", "-0.5"}) {
    const auto one = explain(concat("integrated-gradients(n=300, baseline=", baseline, ")"),
                             small(), pictures(2));
    EXPECT_LT(one.gap.max().item<double>(), 2e-3) << baseline;
  }
}

TEST(IntegratedGradients, BaselinesAreColorsBeforeNormalization) {
  at::manual_seed(3);
  Preprocessing prepared;
  prepared.mean = {0.5, 0.4, 0.3};
  prepared.std = {0.2, 0.25, 0.5};
  prepared.known = true;
  const Model model = small().with_preprocessing(prepared);
  const Tensor x = pictures(2);
  const auto offset = at::tensor({0.5, 0.4, 0.3}, at::kDouble).reshape({1, 3, 1, 1});
  const auto scale = at::tensor({0.2, 0.25, 0.5}, at::kDouble).reshape({1, 3, 1, 1});
  const std::vector<std::pair<const char*, double>> colors = {
      {"black", 0}, {"gray", 0.5}, {"white", 1}};
  for (const auto& [name, value] : colors) {
    ExplainOptions given;
    given.baseline = ((value - offset) / scale).expand({1, 3, 24, 24});
    const auto named = explain(concat("ig(n=5, baseline=", name, ")"), model, x);
    EXPECT_LT(relative_error(named.relevance, explain("ig(n=5)", model, x, 2, given).relevance),
              kRounding)
        << name;
  }
}

TEST(SmoothGrad, IsTheMeanSquareOrVarianceOfTheMaps) {
  at::manual_seed(4);
  const Tensor x = pictures();
  ExplainOptions options;
  options.noise = 0.3 * random_tensor({5, 3, 24, 24});
  Tensor sum = at::zeros_like(x), squares = at::zeros_like(x);
  for (std::int64_t i = 0; i < 5; ++i) {
    const Tensor gradient = ByHand(x + options.noise[i], 2).gradients[0];
    sum += gradient;
    squares += gradient * gradient;
  }
  const auto map = [&](const std::string& rest) {
    return explain("smoothgrad(gradient" + rest + ")", small(), x, 2, options).relevance;
  };
  const Tensor mean = sum / 5, variance = squares / 5 - mean * mean;
  EXPECT_LT(relative_error(map(""), mean), kRounding);
  EXPECT_LT(relative_error(map(", kind=squared"), squares / 5), kRounding);
  EXPECT_LT(relative_error(map(", kind=variance"), variance), kRounding);
  EXPECT_LT(relative_error(map(", flavor=fullgrad-saliency"), mean.abs().sum(1, true)), kRounding);
  EXPECT_TRUE(
      at::equal(explain("vargrad", small(), x, 2, options).relevance, map(", kind=variance")));
}

TEST(SmoothGrad, NoiseIsAShareOfEachSamplesRange) {
  at::manual_seed(5);
  // With input x gradient on a linear model a map is w (x + e): it tells the noise.
  const Tensor w = random_tensor({6, 400}).abs() + 1;
  DraftBuilder b;
  b.input("input", {-1, 400});
  b.output(b.node("MatMul", {"input", b.constant(w.t().contiguous())}));
  const Model model = double_model(b.draft());
  const Tensor x =
      at::stack({at::linspace(0, 1, 400, at::kDouble), at::linspace(-5, 5, 400, at::kDouble)});
  const auto noise = [&](const std::string& rest, std::uint64_t seed = 0) {
    ExplainOptions options;
    options.seed = seed;
    const std::string spec = "smoothgrad(input-x-gradient, n=1, sigma=0.2" + rest + ")";
    return explain(spec, model, x, 2, options).relevance / w[2] - x;
  };
  const Tensor ours = noise("").std(1, true), captums = noise(", flavor=captum").std(1, true);
  EXPECT_NEAR(ours[0].item<double>(), 0.2, 0.03);
  EXPECT_NEAR(ours[1].item<double>(), 2, 0.3);
  EXPECT_NEAR(captums[0].item<double>(), 0.2, 0.03);
  EXPECT_NEAR(captums[1].item<double>(), 0.2, 0.03);
  EXPECT_TRUE(at::equal(noise(""), noise("")));
  EXPECT_GT(relative_error(noise("", 1), noise("")), 0.1);
}

TEST(SmoothGrad, DoesNotDependOnTheBatchAndWrapsItself) {
  at::manual_seed(6);
  const Tensor x = pictures(2);
  ExplainOptions single;
  single.batch = 1;
  for (const char* spec : {"smoothgrad(n=7)", "smoothgrad(grad-cam, n=7)",
                           "smoothgrad(smoothgrad(gradient, n=2), n=3)", "smoothgrad(random, n=3)",
                           "integrated-gradients(n=7)", "occlusion(window=8)"}) {
    const Tensor one = explain(spec, small(), x, 2, single).relevance;
    EXPECT_LT(relative_error(explain(spec, small(), x).relevance, one), kRounding) << spec;
  }
}

TEST(Noise, IsStandardNormal) {
  const Tensor noise = normal_noise(7, {100001});
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.02);
  EXPECT_NEAR(noise.std().item<double>(), 1, 0.02);
  EXPECT_NEAR(noise.pow(4).mean().item<double>(), 3, 0.1);
  const Tensor uniform = uniform_noise(7, {100001});
  EXPECT_NEAR(uniform.mean().item<double>(), 0.5, 0.01);
  EXPECT_GE(uniform.min().item<double>(), 0);
  EXPECT_LT(uniform.max().item<double>(), 1);
}

TEST(NormGrad, IsTheNormOfEachPlacesShareOfTheWeightGradient) {
  at::manual_seed(11);
  // Two groups, stride 2, dilation 2 and uneven pads, then a sum: kind=layer reads "z".
  const Tensor w = random_weights({4, 2, 3, 2}), head = random_weights({4, 5});
  DraftBuilder b;
  b.input("input", {-1, 4, 7, 8});
  const std::string z = b.node("Conv", {"input", b.constant(w)},
                               {{"group", std::int64_t{2}},
                                {"strides", std::vector<std::int64_t>{2, 1}},
                                {"dilations", std::vector<std::int64_t>{2, 1}},
                                {"pads", std::vector<std::int64_t>{1, 0, 2, 1}}});
  const std::string squares = b.node("Relu", {z});
  const std::string pooled = b.node("Flatten", {b.node("GlobalAveragePool", {squares})});
  b.output(b.node("MatMul", {pooled, b.constant(head)}));
  const Model model = double_model(b.draft());
  const Tensor x = random_tensor({1, 4, 7, 8});
  const Tensor out = model.run(x)[model.graph().at(z)];
  const auto rows = out.size(2), columns = out.size(3);
  const auto places = static_cast<double>(rows * columns);
  const Tensor g = (out > 0).to(at::kDouble) * head.select(1, 2).reshape({1, 4, 1, 1}) / places;
  const auto at_or_zero = [](const Tensor& t, std::int64_t c, std::int64_t i, std::int64_t j) {
    const bool inside = i >= 0 && j >= 0 && i < t.size(2) && j < t.size(3);
    return inside ? t[0][c][i][j].item<double>() : 0;
  };
  const auto square = [](double v) { return v * v; };
  Tensor layer = at::zeros({rows, columns}, at::kDouble), one = layer.clone(),
         three = layer.clone(), selective = layer.clone();
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      for (std::int64_t o = 0; o < 4; ++o) {
        const double gradient = at_or_zero(g, o, i, j);
        selective[i][j] += square(std::max(0.0, gradient * at_or_zero(out, o, i, j)));
        for (std::int64_t k = 0; k < 12; ++k) {
          const double seen =
              at_or_zero(x, o / 2 * 2 + k / 6, i * 2 - 1 + k % 6 / 2 * 2, j + k % 2);
          layer[i][j] += square(gradient * seen);
        }
        for (std::int64_t c = 0; c < 4; ++c) {
          one[i][j] += square(gradient * at_or_zero(out, c, i, j));
          for (std::int64_t k = 0; k < 9; ++k) {
            three[i][j] += square(gradient * at_or_zero(out, c, i + k / 3 - 1, j + k % 3 - 1));
          }
        }
      }
    }
  }
  const std::vector<std::pair<const char*, Tensor>> expected = {
      {"layer", layer}, {"conv1x1", one}, {"conv3x3", three}, {"selective", selective}};
  for (const auto& [kind, squared] : expected) {
    const Explanation map = explain(concat("normgrad(", kind, ", layer=", z, ")"), model, x);
    EXPECT_LT(relative_error(map.relevance[0][0], squared.sqrt()), kRounding) << kind;
    EXPECT_EQ(map.layer, z);
  }
}

TEST(LinearApprox, IsTheChannelSumOfValueTimesGradient) {
  at::manual_seed(12);
  const Tensor x = pictures(2);
  ByHand net(x, 2);
  EXPECT_LT(relative_error(explain("linear-approx", small(), x).relevance,
                           (x * net.gradients[0]).sum(1, true)),
            kRounding);
  EXPECT_LT(relative_error(explain("linear-approx(layer=r1)", small(), x).relevance,
                           (net.values[2] * net.gradients[2]).sum(1, true)),
            kRounding);
}

TEST(Occlusion, IsTheMeanFallOverTheWindowsThatCoverAPixel) {
  at::manual_seed(13);
  const Tensor x = pictures();
  const double whole = score(x, 2);
  Tensor falls = at::zeros({24, 24}, at::kDouble), counts = at::zeros_like(falls);
  // Windows of 9 x 10, 7 and 4 apart; the last ones are clipped.
  for (std::int64_t top = 0; top < 24 - 9 + 7; top += 7) {
    for (std::int64_t left = 0; left < 24 - 10 + 4; left += 4) {
      Tensor covered = x.clone();
      covered.slice(2, top, top + 9).slice(3, left, left + 10).fill_(0.25);
      const auto window = [&](const Tensor& t) {
        return t.slice(0, top, top + 9).slice(1, left, left + 10);
      };
      window(falls) += whole - score(covered, 2);
      window(counts) += 1;
    }
  }
  const auto one = explain("occlusion(window=[9,10], stride=[7,4], baseline=0.25)", small(), x);
  EXPECT_LT(relative_error(one.relevance[0][0], falls / counts), kRounding);
}

TEST(LinearModel, GivesWeightTimesInput) {
  at::manual_seed(14);
  const Tensor w = random_weights({3 * 6 * 6, 4}), bias = random_weights({4});
  DraftBuilder b;
  b.input("input", {-1, 3, 6, 6});
  b.output(b.node("Gemm", {b.node("Flatten", {"input"}), b.constant(w), b.constant(bias)}));
  const Model model = double_model(b.draft());
  const Tensor x = random_tensor({2, 3, 6, 6});
  const Tensor row = w.select(1, 2).reshape({1, 3, 6, 6});
  const auto map = [&](const char* spec) { return explain(spec, model, x).relevance; };
  const Explanation ig = explain("ig(n=2)", model, x);
  EXPECT_LT(relative_error(ig.relevance, row * x), kRounding);
  EXPECT_LT(ig.gap.max().item<double>(), 1e-9);
  EXPECT_LT(relative_error(map("ig(n=2, baseline=3)"), row * (x - 3)), kRounding);
  EXPECT_LT(relative_error(map("smoothgrad(n=3)"), row.expand_as(x)), kRounding);
  EXPECT_LT(map("vargrad(n=3)").abs().max().item<double>(), 1e-20);
  EXPECT_LT(relative_error(map("linear-approx"), (row * x).sum(1, true)), kRounding);
  EXPECT_LT(relative_error(map("occlusion(1)"), (row * x).sum(1, true)), kRounding);
  EXPECT_LT(explain("fullgrad", model, x).gap.max().item<double>(), 1e-9);
}

TEST(Controls, CenterHasItsMaximumInTheMiddleAndRandomIsUniform) {
  at::manual_seed(15);
  const Tensor x = pictures(2);
  const Tensor cone = explain("center", small(), x).relevance;
  for (std::int64_t n = 0; n < 2; ++n) {
    EXPECT_EQ(cone[n].argmax().item<std::int64_t>(), 12 * 24 + 12);
    EXPECT_EQ((cone[n] == cone[n].max()).sum().item<std::int64_t>(), 1);
  }
  const auto noise = [&](std::int64_t kind, std::uint64_t seed) {
    ExplainOptions options;
    options.seed = seed;
    return explain("random", small(), x, kind, options).relevance;
  };
  const Tensor map = noise(2, 0);
  EXPECT_EQ(map.sizes(), at::IntArrayRef({2, 1, 24, 24}));
  EXPECT_TRUE(at::equal(map, noise(2, 0)));
  EXPECT_NEAR(map.mean().item<double>(), 0.5, 0.05);
  for (const Tensor& other : {noise(2, 1), noise(1, 0), map.flip({0})}) {
    EXPECT_GT(relative_error(other, map), 0.5);
  }
}

void expect_error(const std::string& spec, const std::string& words,
                  const ExplainOptions& options = {}) {
  try {
    explain(spec, small(), pictures(), 2, options);
    ADD_FAILURE() << spec << " is accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(BadInput, SaysWhatToTypeInstead) {
  at::manual_seed(16);
  expect_error("ig(n=0)", "legal: a whole number from 1");
  expect_error("ig(n=1, quadrature=riemann-trapezoid)", "take n=2 or more");
  expect_error("ig(quadrature=simpson)", "legal: gausslegendre|");
  expect_error("ig(baseline=blak)", "legal: zero, black");
  expect_error("ig(baseline=black)", "give --preset");
  expect_error("smoothgrad(n=0)", "legal: a whole number from 1");
  expect_error("smoothgrad(sigma=-0.1)", "legal: a number from 0");
  expect_error("smoothgrad(gradent)", "did you mean \"gradient\"");
  expect_error("occlusion(window=25)", "give window=[height,width] of at most that");
  expect_error("occlusion(window=[8,0])", "as window=[16,16]");
  expect_error("occlusion(window=[1,2,3])", "as window=[16,16]");
  expect_error("occlusion(window=8, stride=9)", "give stride=8 or less");
  expect_error("occlusion(baseline=nothing)", "legal: zero, black");
  expect_error("normgrad(layer=f)", "give a layer with spatial extent");
  expect_error("normgrad(layer, layer=r1)", "name a convolution's output");
  expect_error("linear-approx(layer=f)", "give a layer with spatial extent");
  ExplainOptions options;
  options.noise = random_tensor({2, 3, 8, 8});
  expect_error("smoothgrad", "give [copies, C, H, W]", options);
  options.baseline = random_tensor({3, 24, 24});
  expect_error("ig", "give one of that shape", options);
  expect_error("occlusion", "give one of that shape", options);
}

}  // namespace
}  // namespace limn
