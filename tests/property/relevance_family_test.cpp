// What the relevance family promises on random networks in float64: any activation, kernels that
// are not square, depthwise convolutions, dense and Inception blocks.
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "limn/method.h"
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

const char* const kFamily[] = {"mwp",
                               "cmwp",
                               "clrp",
                               "clrp(type=type2, clamp=false)",
                               "sglrp",
                               "rap",
                               "rap(pointwise=magnitude)",
                               "rsp(hostile=none)",
                               "rsp(contrastive=true)",
                               "ae",
                               "ae(ratio=1.3, skip=ignore)"};

RandomGraphOptions any_network() {
  RandomGraphOptions options;
  options.smooth_activations = options.modern_blocks = true;
  return options;
}

/// Without places that see nothing but padding, where relevance has nowhere to go.
RandomGraphOptions any_symmetric_network() {
  RandomGraphOptions options = any_network();
  options.symmetric = true;
  return options;
}

bool says(const Explanation& one, const char* words) {
  return std::any_of(one.notes.begin(), one.notes.end(), [&](const std::string& note) {
    return note.find(words) != std::string::npos;
  });
}

bool is_convolution(const TraceRow& row) { return row.op == "Conv" || row.op == "Gemm"; }

RC_GTEST_PROP(RelevanceFamily, BatchEqualsSingles, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed, any_network()));
  const Tensor x = random_input(seed, 3);
  for (const char* spec : kFamily) {
    const auto method = make_method(spec);
    const Explanation batch = method->explain(model, x, Target::of_class(2));
    RC_LOG() << spec;
    RC_ASSERT(at::isfinite(batch.relevance).all().item<bool>());
    // Two nearly equal messages leave a contrast of rounding.
    const double size = std::max(batch.relevance.abs().max().item<double>(), 1e-3);
    for (std::int64_t n = 0; n < 3; ++n) {
      const Tensor single =
          method->explain(model, x.slice(0, n, n + 1), Target::of_class(2)).relevance;
      const Tensor error = (batch.relevance.slice(0, n, n + 1) - single).abs();
      RC_ASSERT(error.max().item<double>() <= 1e-12 * size);
    }
  }
}

RC_GTEST_PROP(RelevanceFamily, PermutingClassesPermutesMaps, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Draft draft = random_graph(seed, any_network());
  const Tensor order = at::tensor({3, 0, 4, 1, 2}, at::kLong);
  const Model model = double_model(draft), permuted = double_model(permuted_classes(draft, order));
  const Tensor x = random_input(seed, 2);
  for (const char* spec : kFamily) {
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

RC_GTEST_PROP(Excitation, KeepsItsMassWhateverTheActivation, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed, any_network()));
  const Explanation one = make_method("mwp")->explain(model, random_input(seed, 2));
  RC_ASSERT(one.relevance.min().item<double>() >= 0);
  const Tensor mass = one.relevance.flatten(1).sum(1);
  RC_ASSERT(mass.max().item<double>() <= 1 + 1e-9);
  RC_ASSERT(((1 - mass) - one.gap).abs().max().item<double>() <= 1e-9);
  const bool lost = one.gap.max().item<double>() > 1e-4;
  RC_ASSERT(lost == says(one, "without any positive product"));
  RC_CLASSIFY(lost, "lost");
}

/// Shared by plain networks and those with everything.
void rap_sums_to_the_score(const RandomGraphOptions& options) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed, options));
  ExplainOptions traced;
  traced.trace = true;
  const Explanation one =
      make_method("rap")->explain(model, random_input(seed, 1), Target::top1(), traced);
  // Relevance of one sign ends at a layer none of whose contributions has that sign, and what a
  // batch norm hands to a pool or a sum of zeros ends there.
  const bool ends = std::any_of(one.trace.begin(), one.trace.end(), [](const TraceRow& row) {
    if (is_convolution(row)) return row.in != 0 && row.out == 0;
    return row.rule == "|x|/z" && std::abs(row.in - row.out) > 1e-9 * std::abs(row.in);
  });
  RC_CLASSIFY(ends, "ends at a layer of one sign or at zeros");
  RC_LOG() << "gap " << one.gap.max().item<double>();
  for (const TraceRow& row : one.trace) {
    if (std::abs(row.in - row.out) <= 1e-9 * std::abs(row.in)) continue;
    RC_LOG() << "\n" << row.node << ", " << row.rule << ": " << row.in << " to " << row.out;
  }
  RC_ASSERT(ends || one.gap.max().item<double>() <= 1e-6);
}

RC_GTEST_PROP(Relevance, RapSumsToTheScore, ()) {
  RandomGraphOptions options;
  options.symmetric = true;
  rap_sums_to_the_score(options);
}

RC_GTEST_PROP(Relevance, RapSumsToTheScoreWhateverTheActivation, ()) {
  rap_sums_to_the_score(any_symmetric_network());
}

RC_GTEST_PROP(Relevance, RspKeepsItsStartOrSaysWhatIsLost, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const bool plain = *rc::gen::arbitrary<bool>();
  const Model model =
      double_model(random_graph(seed, plain ? RandomGraphOptions{} : any_network()));
  ExplainOptions traced;
  traced.trace = true;
  for (const Explanation& one :
       make_method("rsp")->explain(model, random_input(seed, 1), Target::parse("top:2"), traced)) {
    const double start = one.inner.at("start").sum().item<double>();
    if (start == 0) continue;
    const double gap = std::abs(one.relevance.sum().item<double>() - start);
    const bool dead = says(one, "without any active input");
    RC_LOG() << "start " << start << ", gap " << gap;
    // Every percent is said, with the windows that lost it, ...
    RC_ASSERT(gap <= 0.01 * std::abs(start) || says(one, "relevance started with"));
    // ... and where none is dead the layers keep their sums.
    for (const TraceRow& row : one.trace) {
      if (dead || row.op != "Conv") continue;
      RC_ASSERT(std::abs(row.in - row.out) <= 0.05 * (std::abs(row.in) + std::abs(start)));
    }
    RC_CLASSIFY(dead, "dead windows");
  }
}

/// Weights and inputs above zero leave no window dead: RSP's sum is its start's.
RC_GTEST_PROP(Relevance, RspKeepsItsSumWhereNoWindowIsDead, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  RandomGraphOptions options = any_symmetric_network();
  options.batch_norm = options.bias = false;
  Draft draft = random_graph(seed, options);
  for (auto& [name, tensor] : draft.constants) {
    if (tensor.dim() > 0) tensor = tensor.abs() + 0.01;
  }
  const Explanation one =
      make_method("rsp(hostile=[0,2])")
          ->explain(double_model(draft), random_input(seed, 1).abs(), Target::of_class(1));
  const double start = one.inner.at("start").sum().item<double>();
  const double size = one.inner.at("start").abs().sum().item<double>();
  RC_LOG() << "start " << start << ", sum " << one.relevance.sum().item<double>();
  RC_ASSERT(!says(one, "without any active input"));
  RC_ASSERT(std::abs(one.relevance.sum().item<double>() - start) <= 1e-6 * size);
}

/// The steps of RAP, RSP and excitation backprop scale with the relevance that enters.
RC_GTEST_PROP(Relevance, ScalingTheSeedScalesTheMap, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const Model model = double_model(random_graph(seed, any_network()));
  const Tensor x = random_input(seed, 1);
  const Tensor start = random_input(seed + 1, 1).flatten().slice(0, 0, 5).unsqueeze(0);
  for (const char* spec : {"rap", "rsp", "mwp"}) {
    const auto map = [&](double scale) {
      ExplainOptions options;
      options.start = scale * start;
      return make_method(spec)->explain(model, x, Target::top1(), options).relevance;
    };
    const Tensor once = map(1), tripled = map(3);
    if (all_zero(once) && all_zero(tripled)) continue;
    RC_LOG() << spec;
    RC_ASSERT(relative_error(tripled, 3 * once) <= 1e-9);
  }
}

}  // namespace
}  // namespace limn
