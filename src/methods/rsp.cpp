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
  bool contrastive = false, shift = true, reference = false;
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
      bool_field("shift", o.shift, "the uniform shift of kernels larger than 1x1"),
      bool_field("reference", o.reference, "the authors' code with its quirks"),
      choice_field("first-conv", o.first_conv, {"auto", "yes", "no"},
                   "of reference: whether the first convolution gets zB; auto: if it has three "
                   "channels"),
  };
}

// Stage 2: the rules.

/// t [S, N, ...] as [S N, ...], and back.
Tensor merged(const Tensor& t) { return t.flatten(0, 1); }
Tensor parted(const Tensor& t, std::int64_t seeds) {
  return t.unflatten(0, {seeds, t.size(0) / seeds});
}

/// x_j (V+^T (R+/z+) - V-^T (R-/z-)) through weight-shaped patterns V, per sample.
Tensor by_patterns(const LinearView& view, const Tensor& x, const Tensor& r) {
  const auto one_sign = [&](const Tensor& part) {
    const Tensor v = view.pull_w(x, part);
    const Tensor z = view.apply(x, v, {});
    return view.pull_x(at::where(part != 0, safe_divide(part, z), at::zeros({}, z.options())), v);
  };
  return (one_sign(r.clamp_min(0)) - one_sign((-r).clamp_min(0))).mul_(x);
}

/// The same without patterns where a map has few places: with X the input patches of each place
/// [K, P] and G = X^T X, z = R G and x V^T s = fold(X R^T s).
Tensor by_patches(const LinearView& view, const Tensor& x, const Tensor& patches, const Tensor& r) {
  const Tensor places = r.flatten(2);
  const Tensor above = places.clamp_min(0), below = (-places).clamp_min(0);
  const Tensor gram = at::matmul(patches.transpose(1, 2), patches);
  const auto quotient = [&](const Tensor& part) {
    const Tensor z = at::matmul(part, gram);
    return at::where(part != 0, safe_divide(part, z), at::zeros({}, z.options()));
  };
  const Tensor pairs = at::matmul(above.transpose(1, 2), quotient(above)) -
                       at::matmul(below.transpose(1, 2), quotient(below));
  return view.fold(at::matmul(patches, pairs)).mul_(x);
}

/// Whether the patch form is cheaper: 2P/O + 4P/K convolutions of matrix products, which run at
/// about twice the time of a convolution of as many operations, against 6 convolutions.
bool few_places(const Tensor& patches, std::int64_t outputs) {
  if (!patches.defined()) return false;
  const auto p = static_cast<double>(patches.size(2)), k = static_cast<double>(patches.size(1));
  return 2 * p / static_cast<double>(outputs) + 4 * p / k < 3;
}

Tensors sectional(const Step& step, const Tensor& r, bool pointwise, bool shift) {
  const auto view = step.view();
  const Tensor x = step.x_nonnegative() ? step.x() : step.x().clamp_min(0);
  const std::int64_t seeds = r.size(0);
  const Tensor rows = seeds == 1 ? x : x.repeat_interleave(1, 0).repeat([&] {
    std::vector<std::int64_t> times(static_cast<std::size_t>(x.dim()), 1);
    times[0] = seeds;
    return times;
  }());
  const Tensor flat = merged(r);
  Tensor patches = r.dim() == 5 ? view->unfold(x) : Tensor();
  const bool use_patches = few_places(patches, r.dim() > 2 ? r.size(2) : 1);
  if (use_patches && seeds > 1) patches = patches.repeat({seeds, 1, 1});
  const Tensor c = parted(
      use_patches ? by_patches(*view, rows, patches, flat) : by_patterns(*view, rows, flat), seeds);
  if (pointwise || !shift) return only(step, c);
  return only(step, tax_nonzero(2 * c, sum_and_count(r).sum));
}

RuleBook book_for(const RspOptions& o, const Call& call) {
  const Rule layer{"sectional", [o](const Step& step, const Tensors& r_out) {
                     static const Rule box = image_box_rule(0);
                     if (o.reference && takes_image_box(step, o.first_conv)) {
                       return box.apply(step, r_out);
                     }
                     const auto view = step.view();
                     // The authors judge a kernel by its height alone.
                     const bool pointwise = o.reference && is_convolution(step.node)
                                                ? view->weight().size(2) == 1
                                                : view->is_pointwise();
                     return sectional(step, r_out.front(), pointwise, o.shift);
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

std::vector<Explanation> explain(const RspOptions& o, const Call& call) {
  std::vector<std::string> needed;
  if (!o.layer.empty()) needed.push_back(o.layer);
  const Pass pass(call, o.reference ? BatchNorm::Keep : BatchNorm::Fold, needed);
  const RuleBook book = book_for(o, call);
  const ValueId at = pass.model.input();
  if (call.options.start.defined()) {
    return pass.explanations(call, pass.walk_from(call, book, pass.relevances(call), {at}), at,
                             info());
  }
  const ValueId layer = stage_layer(pass, o.layer);
  const RelativeStart start = relative_start(pass, call, layer, o.against(), o.reference);
  auto all =
      pass.explanations(call, walk_down(pass, call, book, layer, start.relevance), at, info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    const Tensor begun = start.relevance[static_cast<std::int64_t>(s)];
    all[s].layer = pass.model.graph().value(layer).name;
    all[s].inner["start"] = begun;
    note_lost(all[s], begun.to(at::kDouble).flatten(1).sum(1));
    for (const auto& note : start.notes[s]) all[s].notes.push_back(note);
  }
  return all;
}

}  // namespace

MethodEntry method_rsp() { return define_method<RspOptions>(info(), fields, explain, "layer"); }

}  // namespace limn
