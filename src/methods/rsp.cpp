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
#include "rules/lrp_rules.h"
#include "rules/reference_books.h"
#include "rules/signed_quotients.h"

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

/// What the inputs of a layer receive, [S, N, ...], and how much |R| sits on windows without any
/// active input and reaches none, [S, N].
struct Received {
  Tensor c, stranded;
};

/// scale x_j (V+^T (R+/z+) + V-^T (R-/z-)) through weight-shaped patterns V of each sign, which V-
/// carries: per sample. One target at a time: patterns are shared by nothing, and the maps of one
/// fit the cache.
Received by_patterns(const LinearView& view, const Tensor& x, const Tensor& r, double scale) {
  Tensors received, stranded;
  for (const Tensor& one : r.split(1)) {
    Tensor c, lost;
    for (const Tensor& part : {one.clamp_min(0), one.clamp_max(0)}) {
      const Tensor v = view.pull_w(x, part.squeeze(0));
      const auto [s, rest] = quotient_and_rest(part, view.apply(x, v, {}), scale);
      const Tensor pulled = view.pull_x(s.squeeze(0), v);
      c = c.defined() ? c.add_(pulled) : pulled;
      lost = lost.defined() ? lost + rest : rest;
    }
    received.push_back(c.mul_(x));
    stranded.push_back(lost);
  }
  return {at::cat(received).unflatten(0, {r.size(0), r.size(1)}), at::cat(stranded)};
}

/// The same without patterns, where a map has few places: with X [N, P, K] the input patches of all
/// places, G = X X^T, which all targets share, and R [S, N, P, 2O] both signs of relevance side by
/// side: z = G R, c = x (R/z) R^T X.
Received by_patches(const LinearView& view, const Tensor& input, const Tensor& patches,
                    const Tensor& r, double scale) {
  const Tensor x = patches.transpose(1, 2).unsqueeze(0);
  const Tensor places = r.flatten(3).transpose(2, 3);
  const Tensor both = at::cat({places.clamp_min(0), places.clamp_max(0)}, 3);
  const Tensor z = at::matmul(at::matmul(x, x.transpose(2, 3)), both);
  const auto [s, rest] = quotient_and_rest(both.flatten(0, 1).unsqueeze(0), z.flatten(0, 1), scale);
  const Tensor c = at::matmul(at::matmul(s.view_as(z), both.transpose(2, 3)), x);
  const Tensor folded = view.fold(c.flatten(0, 1).transpose(1, 2));
  return {folded.unflatten(0, {r.size(0), r.size(1)}) * input, rest.view({r.size(0), r.size(1)})};
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
  const bool taxed = shift && !pointwise;
  const double scale = taxed ? 2 : 1;
  const Tensor patches = few_places(step, view->weight(), r) ? view->unfold(x) : Tensor();
  const auto [c, stranded] =
      patches.defined() ? by_patches(*view, x, patches, r, scale) : by_patterns(*view, x, r, scale);
  const SignSums mass = sign_sums(r);
  lost.see(step.node, stranded, mass.above - mass.below);
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
