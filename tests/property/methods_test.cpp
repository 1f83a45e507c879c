// What every method promises, on random networks in float64.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "limn/method.h"
#include "support/quick_specs.h"
#include "support/random_graph.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::all_zero;
using testing::double_model;
using testing::permuted_classes;
using testing::random_graph;
using testing::random_input;
using testing::RandomGraphOptions;
using testing::relative_error;

/// Maps that sum to zero.
std::vector<std::string> contrastive_specs() {
  return {"clrp(clamp=false)", "clrp(type=type2, clamp=false)", "sglrp",
          "lrp(composite=excitation-backprop, contrast=others)",
          "lrp(composite=epsilon-plus, contrast=dual)"};
}

/// One spec per method, and the composites of LRP, which are methods of their own in all but name.
std::vector<std::string> specs() {
  std::vector<std::string> all = testing::quick_specs();
  for (const char* composite : {"epsilon-alpha2-beta1", "epsilon-plus-flat", "epsilon"}) {
    all.push_back(std::string("lrp(composite=") + composite + ")");
  }
  all.push_back("lrp(composite=epsilon-gamma-box, low=-3, high=3)");
  for (const auto& spec : contrastive_specs()) all.push_back(spec);
  return all;
}

RC_GTEST_PROP(Methods, BatchEqualsSingles, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed));
  const Tensor x = random_input(seed, 3);
  for (const auto& spec : specs()) {
    const auto method = make_method(spec);
    const Explanation batch = method->explain(model, x, Target::of_class(2));
    for (std::int64_t n = 0; n < 3; ++n) {
      const Explanation single = method->explain(model, x.slice(0, n, n + 1), Target::of_class(2));
      const Tensor own = batch.relevance.slice(0, n, n + 1);
      if (all_zero(own) && all_zero(single.relevance)) continue;
      const double error = relative_error(own, single.relevance);
      RC_LOG() << spec << ": " << error;
      RC_ASSERT(error <= 1e-12);
    }
  }
}

RC_GTEST_PROP(Methods, SeveralTargetsEqualOneByOne, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed));
  const Tensor x = random_input(seed, 2);
  for (const auto& spec : specs()) {
    const auto method = make_method(spec);
    const auto all = method->explain(model, x, Target::parse("top:3"), {});
    RC_ASSERT(all.size() == 3u);
    for (std::size_t k = 0; k < 3; ++k) {
      const Explanation one = method->explain(model, x,
                                              {.kind = Target::Kind::Top,
                                               .rank = static_cast<std::int64_t>(k),
                                               .first = "",
                                               .second = ""});
      RC_ASSERT(one.classes == all[k].classes);
      if (all_zero(one.relevance) && all_zero(all[k].relevance)) continue;
      RC_LOG() << spec;
      RC_ASSERT(relative_error(all[k].relevance, one.relevance) <= 1e-12);
    }
  }
}

RC_GTEST_PROP(Methods, FlippingTheWorldFlipsTheMap, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  RandomGraphOptions options;
  options.symmetric = true;
  // A flip turns the order of tied maxima around.
  options.max_pool = false;
  Draft draft = random_graph(seed, options);
  const Model model = double_model(draft);
  for (auto& [name, tensor] : draft.constants) {
    if (tensor.dim() == 4) tensor = tensor.flip({3});
  }
  const Model flipped = double_model(draft);
  const Tensor x = random_input(seed, 1);
  for (const auto& spec : specs()) {
    const auto method = make_method(spec);
    // Noise is not flipped, no pixel is the middle of an even side, and the grid of extremal masks
    // starts at the left.
    const std::string& name = method->info().name;
    if (!method->info().deterministic || name == "center" || name == "extremal-perturbation") {
      continue;
    }
    const Tensor map = method->explain(model, x, Target::of_class(1)).relevance;
    const Tensor mirrored = method->explain(flipped, x.flip({3}), Target::of_class(1)).relevance;
    if (all_zero(map) && all_zero(mirrored)) continue;
    RC_LOG() << spec;
    RC_ASSERT(relative_error(mirrored.flip({3}), map) <= 1e-9);
  }
}

RC_GTEST_PROP(Methods, WithoutBiasInputTimesGradientAndLrpZeroSumToTheScore, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  RandomGraphOptions options;
  options.bias = options.batch_norm = false;
  const Model model = double_model(random_graph(seed, options));
  const Tensor x = random_input(seed, 2);
  const Explanation product = make_method("input-x-gradient")->explain(model, x);
  const Tensor sum = product.relevance.flatten(1).sum(1);
  RC_ASSERT(relative_error(sum, product.score) <= 1e-9);
  // In a bias-free piecewise linear network LRP-0 is input x gradient.
  const Explanation lrp =
      make_method("lrp(composite=epsilon, epsilon=1e-12, stabilizer=1e-12, batch-norm=pass)")
          ->explain(model, x);
  RC_ASSERT(at::isfinite(lrp.relevance).all().item<bool>());
  RC_ASSERT(relative_error(lrp.relevance, product.relevance) <= 1e-6);
}

RC_GTEST_PROP(Methods, ScalingABiasFreeNetworksInputScalesItsMaps, (double scale)) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  scale = 0.5 + std::abs(std::fmod(std::isfinite(scale) ? scale : 1.0, 3.0));
  RandomGraphOptions options;
  options.bias = options.batch_norm = false;
  const Model model = double_model(random_graph(seed, options));
  const Tensor x = random_input(seed, 1);
  const auto map = [&](const char* spec, const Tensor& input) {
    return make_method(spec)->explain(model, input, Target::of_class(0)).relevance;
  };
  RC_ASSERT(relative_error(map("gradient", scale * x), map("gradient", x)) <= 1e-9);
  RC_ASSERT(relative_error(map("input-x-gradient", scale * x),
                           scale * map("input-x-gradient", x)) <= 1e-9);
  const Tensor cam = map("grad-cam(relu=false)", x);
  RC_ASSERT(relative_error(map("grad-cam(relu=false)", scale * x), scale * cam) <= 1e-9);
}

RC_GTEST_PROP(Methods, EpsilonPlusConservesWithoutBias, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  RandomGraphOptions options;
  options.bias = options.batch_norm = false;
  const Model model = double_model(random_graph(seed, options));
  const Explanation one =
      make_method("lrp(composite=epsilon-plus)")->explain(model, random_input(seed, 1));
  RC_LOG() << "gap " << one.gap.max().item<double>();
  // What a rule cannot hand on (no positive contribution at all) is lost: only then is there a gap.
  RC_PRE(one.score.abs().min().item<double>() > 1e-3);
  // Among four more seeds of 300 networks 0.0485 was the largest; with seed 1 it is 5.2e-6.
  RC_ASSERT(one.gap.max().item<double>() < 0.1);
}

/// A word of the notes, or "".
bool says(const Explanation& one, const char* words) {
  return std::any_of(one.notes.begin(), one.notes.end(), [&](const std::string& note) {
    return note.find(words) != std::string::npos;
  });
}

RC_GTEST_PROP(Excitation, KeepsItsMassOrSaysWhatIsLost, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed));
  const Explanation one = make_method("excitation-backprop")
                              ->explain(model, random_input(seed, 3), Target::of_class(3));
  RC_ASSERT(one.relevance.min().item<double>() >= 0);
  const Tensor mass = one.relevance.flatten(1).sum(1);
  RC_ASSERT(mass.max().item<double>() <= 1 + 1e-9);
  RC_ASSERT(((1 - mass) - one.gap).abs().max().item<double>() <= 1e-9);
  const bool lost = one.gap.max().item<double>() > 1e-4;
  RC_ASSERT(lost == says(one, "without any positive product"));
  RC_LOG() << "lost " << one.gap.max().item<double>();
  RC_CLASSIFY(lost, "lost");
}

/// Where every unit has a positive product (weights and inputs above zero) nothing can be lost.
RC_GTEST_PROP(Excitation, KeepsAllMassWherePositiveProductsAre, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  RandomGraphOptions options;
  options.batch_norm = options.bias = false;
  Draft draft = random_graph(seed, options);
  for (auto& [name, tensor] : draft.constants) tensor = tensor.abs() + 0.01;
  const Explanation one =
      make_method("excitation-backprop")
          ->explain(double_model(draft), random_input(seed, 2).abs(), Target::of_class(1));
  RC_ASSERT(one.gap.max().item<double>() <= 1e-9);
}

RC_GTEST_PROP(Contrast, MapsSumToZeroBeforeTheClamp, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed));
  const Tensor x = random_input(seed, 2);
  for (const auto& spec : contrastive_specs()) {
    const Explanation one = make_method(spec)->explain(model, x, Target::of_class(2));
    RC_LOG() << spec;
    RC_ASSERT(at::isfinite(one.relevance).all().item<bool>());
    if (says(one, "nothing to contrast with")) continue;
    RC_ASSERT(says(one, "sums to zero"));
    const Tensor flat = one.relevance.flatten(1);
    // Two nearly equal messages leave a map of rounding.
    const Tensor size = at::maximum(flat.abs().sum(1), 1e-3 * one.score.abs());
    RC_ASSERT((flat.sum(1).abs() <= 1e-9 * size).all().item<bool>());
  }
}

/// The classes' order is nobody's business: the rows of the last layer permuted, the maps follow.
RC_GTEST_PROP(Methods, PermutingClassesPermutesMaps, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Draft draft = random_graph(seed);
  const Tensor order = at::tensor({3, 0, 4, 1, 2}, at::kLong);
  const Model model = double_model(draft), permuted = double_model(permuted_classes(draft, order));
  const Tensor x = random_input(seed, 2);
  std::vector<std::string> all = contrastive_specs();
  for (const char* spec :
       {"ig(n=3)", "fullgrad", "normgrad", "occlusion(4)", "mwp", "cmwp", "clrp",
        "clrp(flavor=wjnam)", "rap", "rsp(hostile=none)", "rsp(contrastive=true)", "ae"})
    all.emplace_back(spec);
  for (const auto& spec : all) {
    const auto method = make_method(spec);
    for (std::int64_t k : {0, 3}) {
      const Tensor map =
          method->explain(model, x, Target::of_class(order[k].item<std::int64_t>())).relevance;
      const Tensor other = method->explain(permuted, x, Target::of_class(k)).relevance;
      if (all_zero(map) && all_zero(other)) continue;
      RC_LOG() << spec;
      RC_ASSERT(relative_error(other, map) <= 1e-9);
    }
  }
}

TEST(Methods, ALinearModelGivesWeightTimesInput) {
  Draft draft = testing::single_node("Gemm", 13, {}, 1);
  draft.nodes[0].attributes.set("transB", std::int64_t{1});
  draft.nodes[0].inputs.push_back("w");
  at::manual_seed(1);
  draft.constants["w"] = at::randn({4, 9}, at::kDouble);
  const Model model = double_model(draft);
  const Tensor x = at::randn({2, 9}, at::kDouble);
  const Tensor w = draft.constants["w"].to(at::kFloat).to(at::kDouble);
  const Tensor expected = x * w.slice(0, 3, 4);
  EXPECT_LT(relative_error(
                make_method("input-x-gradient")->explain(model, x, Target::of_class(3)).relevance,
                expected),
            1e-12);
  EXPECT_LT(relative_error(make_method("lrp(composite=epsilon, epsilon=0)")
                               ->explain(model, x, Target::of_class(3))
                               .relevance,
                           expected),
            1e-12);
  EXPECT_LT(
      relative_error(make_method("gradient")->explain(model, x, Target::of_class(3)).relevance,
                     w.slice(0, 3, 4).expand({2, 9})),
      1e-12);
}

RC_GTEST_PROP(Gradient, FullGradTermsSumToTheScore, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed));
  const Explanation one = make_method("fullgrad")->explain(model, random_input(seed, 2));
  RC_PRE(one.score.abs().min().item<double>() > 1e-6);
  RC_LOG() << "gap " << one.gap.max().item<double>();
  RC_ASSERT(one.gap.max().item<double>() <= 1e-6);
}

/// A network whose ReLU is one module called at every layer exports nodes that share a name; maps
/// must not notice, to the bit.
TEST(Methods, OneReluModuleCalledTwiceIsTwoModules) {
  for (std::uint64_t seed : {1, 2, 3, 4}) {
    Draft draft = random_graph(seed);
    const Model apart = double_model(draft);
    for (auto& node : draft.nodes) {
      if (node.op == "Relu") node.name = "relu";
    }
    const Model shared = double_model(draft);
    const Tensor x = random_input(seed, 1);
    for (const auto& spec : specs()) {
      const Tensor a = make_method(spec)->explain(apart, x).relevance;
      const Tensor b = make_method(spec)->explain(shared, x).relevance;
      EXPECT_TRUE(at::equal(a, b)) << spec;
    }
  }
}

}  // namespace
}  // namespace limn
