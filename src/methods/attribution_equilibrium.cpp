// Attribution Equilibrium: each layer renormalizes positive relevance to a mass of `ratio` and
// negative relevance to 1, shares both by |w| over active inputs, taxes every active unit alike,
// and adds a binary part: positive mass 1 over active, negative mass 1 over inactive inputs. With
// x = max(X, 0), R+ and R- normalized, Z = A(|w|) x, on = [X > 0], off = [X <= 0]:
// C = x A(|w|)^T (r R+ + R-)/Z, minus 1/count where C != 0; plus on A(|w|)^T R+/(A(|w|) on) plus
// off A(|w|)^T R-/(A(|w|) off). It starts from the gradient-activation map over its sum. Source:
// Nam, Kim, Lee, "Attribution Equilibrium", 2024; wjNam/Attribution-Equilibrium@b4eadf3
// (modules/layers.py; the authors drop the residual path and judge kernels by their height).
#include <algorithm>
#include <cmath>
#include <set>

#include "methods/relevance_base.h"
#include "model/weight_cache.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/lrp_rules.h"
#include "rules/reference_books.h"
#include "rules/signed_quotients.h"

namespace limn {
namespace {

struct EquilibriumOptions {
  double ratio = 2;
  std::string layer;
  std::string skip = "keep";
  bool reference = false;
  std::string first_conv = "auto";

  bool ignores_skip() const { return reference || skip == "ignore"; }
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "attribution-equilibrium",
      .title = "Attribution equilibrium",
      .family = "relevance",
      .summary =
          "Balances what speaks for a class against what speaks against it, inactive units "
          "included, with a ratio you choose.",
      .formula = "R = x |w|^T (r R+ + R-)/Z - 1/count + on |w|^T R+/Z_on + off |w|^T R-/Z_off",
      .paper = "Nam, Kim, Lee: Attribution Equilibrium, 2024",
      .aliases = {"ae"},
      .signed_map = true,
      .needs_layer = true,
      .needs_bounds = true};
  return value;
}

Fields fields(EquilibriumOptions& o) {
  return {
      real_field("ratio", o.ratio, 1, 2, "mass of positive relevance against 1 of negative"),
      text_field("layer", o.layer, "where it starts; empty: the last convolution block's output"),
      choice_field("skip", o.skip, {"keep", "ignore"},
                   "the residual path: shared with, or dropped as the authors do"),
      bool_field("reference", o.reference, "the authors' code with its quirks"),
      choice_field("first-conv", o.first_conv, {"auto", "yes", "no"},
                   "of reference: whether the first convolution gets zB; auto: if it has three "
                   "channels"),
  };
}

/// Which residual branch is the main one, and which nodes a code base treats in its own way.
struct Blocks {
  bool branched = false;        ///< a value feeds several nodes, so that relevance is added up
  std::vector<int> depth;       ///< per value: convolutions on the longest way from the input
  std::set<int> block_starts;   ///< first convolution of each residual block's main branch
  std::set<int> dense_concats;  ///< the concatenation that ends a dense block

  explicit Blocks(const Graph& graph, const Facts& facts) : depth(graph.values().size(), 0) {
    for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
      const Node& node = graph.nodes()[n];
      int deepest = 0;
      for (ValueId id : node.inputs) {
        if (id) deepest = std::max(deepest, depth[static_cast<std::size_t>(id.index)]);
      }
      for (ValueId id : node.outputs) {
        if (id) depth[static_cast<std::size_t>(id.index)] = deepest + (is_weighted(node) ? 1 : 0);
      }
    }
    for (std::size_t v = 0; v < graph.values().size(); ++v) {
      const ValueId id{static_cast<int>(v)};
      branched = branched || (facts.depends(id) && graph.value(id).consumers.size() > 1);
    }
    for (std::size_t n = 0; n < graph.nodes().size(); ++n)
      find_block(graph, facts, static_cast<int>(n));
  }

  std::size_t main_input(const Node& node) const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      if (depth_of(node.inputs[i]) > depth_of(node.inputs[best])) best = i;
    }
    return best;
  }

 private:
  int depth_of(ValueId id) const { return id ? depth[static_cast<std::size_t>(id.index)] : -1; }

  void find_block(const Graph& graph, const Facts& facts, int n) {
    const Node& node = graph.node({n});
    if (node.op == "Concat") {
      // A dense block's concatenations grow: each holds the inputs of the one before and more.
      bool grown = false, last = true;
      for (const Node& other : graph.nodes()) {
        if (other.op != "Concat" || &other == &node) continue;
        const auto starts_with = [](const Node& longer, const Node& shorter) {
          return longer.inputs.size() > shorter.inputs.size() &&
                 std::equal(shorter.inputs.begin(), shorter.inputs.end(), longer.inputs.begin());
        };
        grown = grown || starts_with(node, other);
        last = last && !starts_with(other, node);
      }
      if (grown && last) dense_concats.insert(n);
    }
    if (facts.kind({n}) != OpKind::Join || node.inputs.size() < 2) return;
    ValueId skip = node.inputs[1 - std::min<std::size_t>(main_input(node), 1)];
    NodeId along{};
    while (skip && graph.value(skip).consumers.size() < 2 && graph.value(skip).producer) {
      along = graph.value(skip).producer;
      skip = graph.node(along).inputs.front();
    }
    for (NodeId consumer : graph.value(skip).consumers) {
      if (!(consumer == along) && is_convolution(graph.node(consumer))) {
        block_starts.insert(consumer.index);
      }
    }
  }
};

/// One layer; pointwise layers take neither ratio nor tax. `rescaled`: sum |R| leaves as it came.
/// What meets the same |w| goes through it at once: x and [x > 0], then all three quotients.
Tensor balanced(const Step& step, const Tensor& r, double ratio, bool pointwise, bool rescaled,
                LostMass& lost) {
  const auto view = step.view();
  const WeightParts parts(step, *view);
  const Tensor& x = step.x();
  const Tensor w = parts.magnitude();
  const SignSums mass = sign_sums(r);
  const Tensors z = view->apply(rectified_and_active(x), w, {}).chunk(2);
  // The same for all pictures of a size.
  const Tensor one = x.slice(0, 0, 1);
  const Tensor ones = step.model.cache().get(step.id, concat("A(|w|) 1 of ", one.sizes()), [&] {
    return view->apply(at::ones_like(one), w, {});
  });
  const Tensors pulled =
      parts.pull_magnitude(equilibrium_quotients(r, z[0], z[1], ones, mass, pointwise ? 1 : ratio))
          .chunk(3);
  Tensor c = pulled[0] * x.clamp_min(0);
  const Tensor above = mass.above.gt(0).to(at::kDouble), below = mass.below.lt(0).to(at::kDouble);
  // The tax is the positive mass before the ratio: 1, or 0 where nothing is positive.
  if (!pointwise) c = tax_nonzero(c, above);
  c = add_by_activity(c, x, pulled[1], pulled[2]);
  const SignSums left = sign_sums(c);
  const double share = pointwise ? 1 : ratio, tax = pointwise ? 0 : 1;
  const Tensor expected = (share - tax + 1) * above - 2 * below;
  lost.see(step.node, expected - left.above - left.below, (share + 1) * above + 2 * below);
  if (!rescaled) return c;
  return scaled_samples(c, safe_divide(mass.above - mass.below, left.above - left.below));
}

RuleBook book_for(const EquilibriumOptions& o, const Call& call, const Blocks& blocks,
                  const std::shared_ptr<LostMass>& lost) {
  const Rule layer{"equilibrium", [o, blocks, lost](const Step& step, const Tensors& r_out) {
                     static const Rule box = image_box_rule(0);
                     const Tensor& r = r_out.front();
                     if (o.reference && takes_image_box(step, o.first_conv))
                       return box.apply(step, r_out);
                     const auto view = step.view();
                     const bool pointwise = o.reference && is_convolution(step.node)
                                                ? view->weight().size(2) == 1
                                                : view->is_pointwise();
                     // Where relevance of several branches is added up, each must weigh what
                     // entered it.
                     const bool rescaled = !o.reference && blocks.branched;
                     Tensor result = balanced(step, r, o.ratio, pointwise, rescaled, *lost);
                     if (o.reference && blocks.block_starts.count(step.id.index))
                       result = result * 2;
                     return only(step, result);
                   }};
  const Rule main_only{"main branch", [o, blocks](const Step& step, const Tensors& r_out) {
                         Tensors result(step.node.inputs.size());
                         const std::size_t i = blocks.main_input(step.node);
                         if (!step.wanted[i]) return result;
                         result[i] = sum_to_shape(r_out.front(), step.in(i).sizes());
                         if (o.reference) result[i] = result[i] / 2;
                         return result;
                       }};
  const Rule concat{"masked identity", [blocks](const Step& step, const Tensors& r_out) {
                      Tensors result = pull_gradient(step, {r_out.front() * (step.out() != 0)});
                      if (blocks.dense_concats.count(step.id.index)) result[0] = Tensor();
                      return result;
                    }};
  RuleBook book = o.reference ? wjnam_base(Division::Safe) : lrp_base({});
  book.convolutions(layer)
      .linears(layer)
      .kind(OpKind::Linear, lifted_pool_rule())
      .op("MaxPool", gradient_rule())
      .op("GlobalMaxPool", gradient_rule())
      .kind(OpKind::Join, o.ignores_skip() ? main_only : clamped_join_rule());
  if (o.reference) {
    book.op("Concat", concat);
  } else {
    book.first_convolution(box_rule(call));
  }
  return book;
}

/// The gradient-activation map over the size of its sum, per sample; its own size where that is 0.
Tensor equilibrium_start(const Tensor& gam) {
  const Tensor sum = gam.sum({2, 3, 4}, true).abs(), size = gam.abs().sum({2, 3, 4}, true);
  return safe_divide(gam, at::where(sum > 0, sum, size));
}

std::vector<Explanation> explain(const EquilibriumOptions& o, const Call& call) {
  std::vector<std::string> needed;
  if (!o.layer.empty()) needed.push_back(o.layer);
  const Pass pass(call, o.reference ? BatchNorm::Keep : BatchNorm::Fold, needed);
  const Graph& graph = pass.model.graph();
  const auto lost = std::make_shared<LostMass>();
  const RuleBook book = book_for(o, call, Blocks(graph, Facts(graph, pass.model.logits())), lost);
  const ValueId at = pass.model.input();
  if (call.options.start.defined()) {
    return pass.explanations(call, pass.walk_from(call, book, pass.relevances(call), {at}), at,
                             info());
  }
  const ValueId layer = stage_layer(pass, o.layer);
  const Tensor maps = gradient_activation(pass, call, layer, pass.gradients(call));
  const Tensor start = equilibrium_start(maps);
  auto all = pass.explanations(call, walk_down(pass, call, book, layer, start), at, info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    const Tensor begun = start[static_cast<std::int64_t>(s)];
    all[s].layer = graph.value(layer).name;
    all[s].inner["start"] = begun;
    const Tensor lowest = begun.amin({1, 2, 3}), highest = begun.amax({1, 2, 3});
    if ((lowest.ge(0) | highest.le(0)).any().item<bool>()) {
      all[s].notes.push_back("the start at layer \"" + all[s].layer +
                             "\" has one sign only: the missing sign contributes nothing");
    }
    note_unpredicted(all[s],
                     "every layer restores the mass that speaks for it, as if the class were seen");
    if (highest.le(0).any().item<bool>()) {
      all[s].notes.push_back(no_evidence_at(all[s].layer));
    }
    const LostMass::Share share = lost->of(s);
    if (share.share > 0.01) {
      all[s].notes.push_back(concat("up to ", percent(share.share), " of a layer's mass (\"",
                                    share.node,
                                    "\") found no active, or no inactive, input and is lost"));
    }
  }
  return all;
}

}  // namespace

MethodEntry method_attribution_equilibrium() {
  return define_method<EquilibriumOptions>(info(), fields, explain, "ratio");
}

}  // namespace limn
