// UCAG over every kind of method against a plain loop over the patches, in float64, on a picture
// that is not square and with two targets; and wrappers around wrappers.
#include <algorithm>
#include <cmath>

#include "limn/error.h"
#include "limn/method.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::relative_error;

const std::vector<Target> kTargets = {Target::of_class(3), Target::of_class(1)};

/// small_model that takes pictures of any size.
Model any_size() {
  Draft draft = testing::small_model();
  draft.inputs[0].shape = {-1, 3, -1, -1};
  return Model(Graph(draft)).to(at::kDouble);
}

Tensor picture() {
  at::manual_seed(5);
  return at::randn({1, 3, 24, 32}, at::kDouble);
}

/// Patch by patch: 3 x 3 patches of half the picture, enlarged 1.5 times. Methods that hand down
/// the score start from 1 at the class; the others see both targets, as RSP compares them.
Tensor plain_loop(const Method& inner, const Model& model, const Tensor& x, std::size_t s) {
  ExplainOptions options;
  if (inner.info().conserves) {
    options.start = at::zeros({1, 5}, at::kDouble);
    options.start[0][s == 0 ? 3 : 1] = 1;
  }
  Tensors maps;
  std::vector<double> weights;
  for (std::int64_t i = 0; i < 9; ++i) {
    const Tensor cut = x.narrow(2, i / 3 * 6, 12).narrow(3, i % 3 * 8, 16);
    const Tensor patch = at::upsample_bicubic2d(cut, {18, 24}, false);
    const Explanation one = inner.info().conserves
                                ? inner.explain(model, patch, kTargets[s], options)
                                : inner.explain(model, patch, kTargets, options)[s];
    const auto raw = one.inner.find("raw_0");
    const Tensor map = raw == one.inner.end() ? one.map() : raw->second;
    maps.push_back(at::upsample_bilinear2d(map.unsqueeze(1), {12, 16}, false)[0][0]);
    weights.push_back(std::exp(one.probability.item<double>()));
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  const Tensor sum = at::zeros({24, 32}, at::kDouble), count = at::zeros_like(sum);
  for (std::int64_t i = 0; i < 9; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const auto place = [&](const Tensor& t) {
      return t.narrow(0, i / 3 * 6, 12).narrow(1, i % 3 * 8, 16);
    };
    place(sum).add_(maps[k] * (weights[k] / largest));
    place(count).add_(1);
  }
  return sum / count;
}

TEST(Ucag, IsALoopOverPatchesForEveryMethod) {
  const Model model = any_size();
  const Tensor x = picture();
  for (const std::string inner :
       {"grad-cam", "lrp", "rap", "rsp", "attribution-equilibrium", "gradient",
        "smoothgrad(gradient, n=2)", "excitation-backprop", "integrated-gradients(n=2)"}) {
    const auto method = make_method(inner);
    const auto all = make_method("ucag(" + inner + ", patches=3, crop=112, scale=1.5)")
                         ->explain(model, x, kTargets, {});
    ASSERT_EQ(all.size(), 2u) << inner;
    for (std::size_t s = 0; s < 2; ++s) {
      const Tensor expected = plain_loop(*method, model, x, s);
      EXPECT_GT(expected.abs().max().item<double>(), 0) << inner;
      EXPECT_LT(relative_error(all[s].inner.at("raw_aggregate")[0][0], expected), 1e-9) << inner;
      EXPECT_EQ(all[s].relevance.sizes(), (at::IntArrayRef{1, 1, 24, 32})) << inner;
      EXPECT_EQ(all[s].classes.front(), s == 0 ? 3 : 1) << inner;
      EXPECT_FALSE(all[s].gap.defined()) << inner;
    }
    EXPECT_GT(relative_error(all[0].relevance, all[1].relevance), 1e-3) << inner;
  }
}

TEST(Ucag, SmoothGradOverUcagAveragesItsMaps) {
  const Model model = any_size();
  const Tensor x = picture();
  const std::string inner = "ucag(grad-cam(layer=r1), patches=2)";
  ExplainOptions options;
  options.noise = 0.3 * at::randn({2, 3, 24, 32}, at::kDouble);
  const auto all =
      make_method("smoothgrad(" + inner + ", n=2)")->explain(model, x, kTargets, options);
  for (std::size_t s = 0; s < 2; ++s) {
    Tensor mean = at::zeros({1, 1, 24, 32}, at::kDouble);
    for (std::int64_t i = 0; i < 2; ++i) {
      mean += make_method(inner)->explain(model, x + options.noise[i], kTargets[s]).relevance / 2;
    }
    EXPECT_LT(relative_error(all[s].relevance, mean), 1e-9);
  }
  // Noise of its own, from the seed.
  const auto drawn =
      make_method("smoothgrad(ucag(grad-cam), n=2)")->explain(model, x, kTargets, {});
  EXPECT_TRUE(at::isfinite(drawn[0].relevance).all().item<bool>());
}

/// One start for all targets or one for each; nothing else.
TEST(Starts, OneForEachTarget) {
  const Model model = any_size();
  const Tensor x = picture();
  ExplainOptions options;
  const Tensor starts = at::randn({2, 1, 5}, at::kDouble);
  options.start = starts;
  const auto both = make_method("lrp")->explain(model, x, kTargets, options);
  for (std::int64_t s = 0; s < 2; ++s) {
    options.start = starts[s];
    const auto one = make_method("lrp")->explain(model, x, kTargets[0], options);
    EXPECT_LT(relative_error(both[static_cast<std::size_t>(s)].relevance, one.relevance), 1e-12);
  }
  options.start = at::zeros({3, 1, 5}, at::kDouble);
  EXPECT_THROW(make_method("lrp")->explain(model, x, kTargets, options), Error);
}

}  // namespace
}  // namespace limn
