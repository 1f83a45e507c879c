// RSP: starts from a class's gradient-activation map at the last convolutional layer and splits
// relevance, sign by sign, by how inputs and relevance go together: with V = sum_p R_p x (the
// weight-gradient pattern) in place of weights, z = conv(x, V), R_j = x_j V^T (R / z). Kernels
// larger than 1x1 count both signs twice and then tax every active unit alike, so that the sum
// stays and weakly contributing units turn hostile. Against other classes present the start is
// relative: the target's map minus theirs, purged of places they own. Source: Nam, Choi, Lee,
// "Relative Sectional Propagation", 2021; wjNam/Relative_Sectional_Propagation@68a1297, ResNets as
// in KU-HJH/UCAG@4d12475.
#include "methods/relative_start.h"
#include "methods/relevance_base.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/elementwise.h"
#include "rules/lrp_rules.h"
#include "rules/reference_books.h"

namespace limn {
namespace {

struct RspOptions {
  std::string layer;
  std::vector<std::string> hostile = {"auto"};
  bool contrastive = false, start_only = false, shift = true, reference = false;
  std::string first_conv = "auto";

  std::vector<std::string> against() const {
    return contrastive ? std::vector<std::string>{"predicted"} : hostile;
  }
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "rsp",
      .title = "Relative sectional propagation",
      .family = "relevance",
      .summary =
          "Starts from the class's own gradient-activation map, sets it against other "
          "classes, and carries both signs down to the pixels: separates objects.",
      .formula =
          "R_j = 2 x_j (V+^T (R+/z+) - V-^T (R-/z-)) - sum R / count, V = sum_p R_p x, "
          "z = conv(x, V)",
      .paper = "Nam, Choi, Lee: Relative Sectional Propagation, 2021",
      .aliases = {"relative-sectional-propagation"},
      .signed_map = true,
      .needs_layer = true,
      .needs_bounds = true};
  return value;
}

Fields fields(RspOptions& o) {
  return {
      text_field("layer", o.layer, "where it starts; empty: the last convolution block's output"),
      texts_field("hostile", o.hostile,
                  "the classes it is set against: auto (the other targets), none, labels (the "
                  "other targets), predicted, or a list of classes"),
      bool_field("contrastive", o.contrastive,
                 "c*RSP: hostile=predicted (probability at least .5, or the top 5)"),
      bool_field("start-only", o.start_only,
                 "the (relative) gradient-activation map it starts from, at the layer's size"),
      bool_field("shift", o.shift, "the uniform shift of kernels larger than 1x1"),
      bool_field("reference", o.reference, "the authors' code with its quirks"),
      choice_field("first-conv", o.first_conv, {"auto", "yes", "no"},
                   "of reference: whether the first convolution gets zB; auto: if it has three "
                   "channels"),
  };
}

// Stage 2: the rules.

/// What the inputs of a layer receive, and how much |R| sits on windows without any active input,
/// which receive nothing; one row per target and sample.
struct Received {
  Tensor c, stranded;
};

/// scale r / z, 0 where z is; both [M, ...]. Adds to `stranded` [M] the |r| on z = 0.
Tensor quotient(const Tensor& r, const Tensor& z, double scale, Tensor& stranded) {
  const Tensor rows = r.unsqueeze(0), lost = mass_on_zero(rows, z).squeeze(0);
  stranded = stranded.defined() ? stranded + lost : lost;
  const Tensor factor = at::full({1, r.size(0)}, scale, at::kDouble);
  return scaled_quotient(rows, z, factor, factor).squeeze(0);
}

/// scale x_j (V+^T (R+/z+) + V-^T (R-/z-)) through weight-shaped patterns V of each sign, which V-
/// carries: per sample.
Received by_patterns(const LinearView& view, const Tensor& x, const Tensor& r, double scale) {
  const Tensor above = r.clamp_min(0), below = r.clamp_max(0);
  const Tensor v_plus = view.pull_w(x, above), v_minus = view.pull_w(x, below);
  Received result;
  const Tensor s_plus = quotient(above, view.apply(x, v_plus, {}), scale, result.stranded);
  const Tensor s_minus = quotient(below, view.apply(x, v_minus, {}), scale, result.stranded);
  result.c = view.pull_x(s_plus, v_plus).add_(view.pull_x(s_minus, v_minus)).mul_(x);
  return result;
}

/// The same, not yet times x, without patterns where a map has few places: with X [N, P, K] the
/// input patches of all places, G = X X^T, which all targets share, and R [S, N, P, 2O] both signs
/// of relevance side by side: z = G R, c = (R/z) R^T X.
Received by_patches(const LinearView& view, const Tensor& patches, const Tensor& r, double scale) {
  const Tensor x = patches.transpose(1, 2).unsqueeze(0);
  const Tensor places = r.flatten(3).transpose(2, 3);
  const Tensor both = at::cat({places.clamp_min(0), places.clamp_max(0)}, 3);
  const Tensor z = at::matmul(at::matmul(x, x.transpose(2, 3)), both);
  Received result;
  const Tensor s = quotient(both.flatten(0, 1), z.flatten(0, 1), scale, result.stranded).view_as(z);
  const Tensor c = at::matmul(at::matmul(s, both.transpose(2, 3)), x);
  result.c = view.fold(c.flatten(0, 1).transpose(1, 2));
  return result;
}

/// Whether the patch form is cheaper: 2P/O + 4P/K convolutions' worth of matrix products against 6
/// convolutions.
bool few_places(const Step& step, const Tensor& w, const Tensor& r) {
  if (!is_convolution(step.node) || r.dim() != 5) return false;
  const auto p = static_cast<double>(r.size(3) * r.size(4)), o = static_cast<double>(w.size(0));
  return 2 * p / o + 4 * p * o / static_cast<double>(w.numel()) < 6;
}

Tensors sectional(const Step& step, const Tensor& r, bool pointwise, bool shift, LostMass& lost) {
  const auto view = step.view();
  const Tensor x = step.x_nonnegative() ? step.x() : step.x().clamp_min(0);
  const std::int64_t seeds = r.size(0), samples = r.size(1);
  std::vector<std::int64_t> times(static_cast<std::size_t>(x.dim()), 1);
  times[0] = seeds;
  const Tensor rows = seeds == 1 ? x : x.repeat(times);
  const bool taxed = shift && !pointwise;
  const double scale = taxed ? 2 : 1;
  const Tensor patches = few_places(step, view->weight(), r) ? view->unfold(x) : Tensor();
  Received received = patches.defined() ? by_patches(*view, patches, r, scale)
                                        : by_patterns(*view, rows, r.flatten(0, 1), scale);
  if (patches.defined()) received.c.mul_(rows);
  const Tensor c = received.c.unflatten(0, {seeds, samples});
  const SignSums mass = sign_sums(r);
  lost.see(step.node, received.stranded.reshape({seeds, samples}), mass.above - mass.below);
  return only(step, taxed ? tax_nonzero(c, mass.above + mass.below) : c);
}

RuleBook book_for(const RspOptions& o, const Call& call, const std::shared_ptr<LostMass>& lost) {
  const Rule layer{"sectional", [o, lost](const Step& step, const Tensors& r_out) {
                     static const Rule box = image_box_rule(0);
                     if (o.reference && takes_image_box(step, o.first_conv)) {
                       return box.apply(step, r_out);
                     }
                     const auto view = step.view();
                     // The authors judge a kernel by its height alone.
                     const bool pointwise = o.reference && is_convolution(step.node)
                                                ? view->weight().size(2) == 1
                                                : view->is_pointwise();
                     return sectional(step, r_out.front(), pointwise, o.shift, *lost);
                   }};
  RuleBook book = o.reference ? wjnam_base(Division::Safe) : lrp_base({});
  book.convolutions(layer)
      .linears(layer)
      .kind(OpKind::Linear, lifted_pool_rule())
      .op("MaxPool", gradient_rule())
      .op("GlobalMaxPool", gradient_rule())
      .kind(OpKind::Join, clamped_join_rule());
  if (!o.reference) book.first_convolution(box_rule(call));
  return book;
}

/// Says where the map's sum misses that of `start` [N], or a layer lost relevance, by over one
/// percent. The tax takes a layer's whole sum, so that a loss moves the sum to either side.
void note_lost(Explanation& one, const Tensor& start, const LostMass::Share& lost) {
  const Tensor sum = one.relevance.to(at::kDouble).flatten(1).sum(1).cpu();
  const Tensor wanted = start.to(at::kDouble).flatten(1).sum(1).cpu();
  const Tensor missing = (sum - wanted).abs() / wanted.abs().clamp_min(1e-12);
  const auto worst = missing.argmax().item<std::int64_t>();
  if (missing[worst].item<double>() <= 0.01 && lost.share <= 0.01) return;
  one.notes.push_back(concat(
      "the map sums to ", sum[worst].item<double>(), " where relevance started with ",
      wanted[worst].item<double>(), ": ",
      lost.share > 0
          ? concat(percent(lost.share), " of the relevance at \"", lost.node,
                   "\" fell on windows without any active input and is lost, and the tax shifts "
                   "the sum by what is lost")
          : std::string("layers that are neither convolutions nor linear changed the sum")));
}

std::vector<Explanation> explain(const RspOptions& o, const Call& call) {
  std::vector<std::string> needed;
  if (!o.layer.empty()) needed.push_back(o.layer);
  const Pass pass(call, o.reference ? BatchNorm::Keep : BatchNorm::Fold, needed);
  const auto lost = std::make_shared<LostMass>();
  const RuleBook book = book_for(o, call, lost);
  const ValueId at = pass.model.input();
  if (call.options.start.defined()) {
    return pass.explanations(call, pass.walk_from(call, book, pass.relevances(call), {at}), at,
                             info());
  }
  const ValueId layer = stage_layer(pass, o.layer);
  const RelativeStart start = relative_start(pass, call, layer, o.against(), o.reference);
  WalkResult result;
  if (o.start_only) {
    result.relevance[layer] = start.relevance;
  } else {
    result = walk_down(pass, call, book, layer, start.relevance);
  }
  auto all = pass.explanations(call, result, o.start_only ? layer : at, info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    const Tensor begun = start.relevance[static_cast<std::int64_t>(s)];
    all[s].layer = pass.model.graph().value(layer).name;
    all[s].inner["start"] = begun;
    if (!o.start_only) note_lost(all[s], begun, lost->of(s));
    note_unpredicted(all[s],
                     "the map starts from the layer's best places for it and looks as if the "
                     "class were seen");
    for (const auto& note : start.notes[s]) all[s].notes.push_back(note);
  }
  return all;
}

}  // namespace

MethodEntry method_rsp() { return define_method<RspOptions>(info(), fields, explain, "layer"); }

}  // namespace limn
