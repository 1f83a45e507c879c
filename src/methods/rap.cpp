// RAP: relevance goes to positive and negative contributions alike, by their magnitude; then every
// active unit pays the same tax, so that the sum stays and what contributed least turns negative.
// With Z1 = sum of positive, Z2 = -sum of negative contributions of an output, R+ and R- the signs
// of its relevance: C_j = c+_j (R+/Z1) + |c-_j| (R+/(Z1+Z2) + R-/Z2 + R-/(Z1+Z2)), then
// C_j -= (sum C - sum R) / #{C != 0} where C_j != 0. The last layer is redistributed by magnitude,
// R_j = |C_j| / sum|C| * logit, so that the map sums to the logit. Source: Nam, Gur, Choi, Wolf,
// Lee, "Relative Attributing Propagation", 2020; wjNam/Relative_Attributing_Propagation@7fa9682
// (modules/layers.py), KU-HJH/UCAG@4d12475 (ATTR/layers_rap.py).
#include "methods/relevance_base.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/lrp_rules.h"
#include "rules/reference_books.h"
#include "rules/signed_quotients.h"

namespace limn {
namespace {

struct RapOptions {
  bool redistribute = true, shift = true;
  std::string pointwise = "relative";
  std::string batch_norm = "auto";
  bool reference = false;
  std::string variant = "original";
  std::string first_conv = "auto";

  bool ucag() const { return reference && variant == "ucag"; }
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "rap",
      .title = "Relative attributing propagation",
      .family = "relevance",
      .summary =
          "Ranks every active unit by its influence: the strongest speak for the class, the "
          "weakest turn negative; the map sums to the score.",
      .formula =
          "C_j = c+_j R+/Z1 + |c-_j| (R+/(Z1+Z2) + R-/Z2 + R-/(Z1+Z2)); every active unit "
          "then pays (sum C - sum R) / count",
      .paper = "Nam, Gur, Choi, Wolf, Lee: Relative Attributing Propagation, 2020",
      .aliases = {"relative-attributing-propagation"},
      .signed_map = true,
      .conserves = true,
      .needs_bounds = true};
  return value;
}

Fields fields(RapOptions& o) {
  return {
      bool_field("redistribute", o.redistribute,
                 "share the score by the magnitude of the last layer's contributions"),
      bool_field("shift", o.shift, "the uniform shift that keeps the sum"),
      choice_field("pointwise", o.pointwise, {"relative", "magnitude"},
                   "1x1 convolutions: like all others, or by |x||w| without a shift"),
      choice_field("batch-norm", o.batch_norm, {"auto", "fold", "pass"},
                   "auto: folded where exact; reference: relevance passes"),
      bool_field("reference", o.reference, "the authors' code with its quirks"),
      choice_field("variant", o.variant, {"original", "ucag"}, "of reference: whose copy"),
      choice_field("first-conv", o.first_conv, {"auto", "yes", "no"},
                   "of reference: whether the first convolution gets zB; auto: if it has three "
                   "channels"),
  };
}

/// Removes `sum(c) - sum(r)` in equal parts from each sample's entries that are not zero.
Tensor shifted(Tensor c, const Tensor& r) { return with_sum(std::move(c), sum_and_count(r).sum); }

/// What both signs of the input see: c+ = x+ w+ + x- w-, c- = x+ w- + x- w+.
Tensors relative(const Step& step, const Tensor& r, const RapOptions& o) {
  const auto view = step.view();
  const WeightParts parts(step, *view);
  const bool one_sign = step.x_nonnegative();
  const Tensor x_plus = one_sign ? step.x() : step.x().clamp_min(0);
  const Tensor x_minus = one_sign ? Tensor() : step.x().clamp_max(0);
  Tensor z_plus = parts.apply_plus(x_plus), z_minus = parts.apply_minus(x_plus);
  if (!one_sign) {
    z_plus.add_(parts.apply_minus(x_minus));
    z_minus.add_(parts.apply_plus(x_minus));
  }
  const auto [for_plus, for_minus] = rap_quotients(r, z_plus, z_minus);
  Tensor c = parts.pull_plus(for_plus).add_(parts.pull_minus(for_minus)).mul_(x_plus);
  if (!one_sign) {
    c.add_(parts.pull_minus(for_plus).add_(parts.pull_plus(for_minus)).mul_(x_minus));
  }
  return only(step, o.shift ? shifted(std::move(c), r) : c);
}

/// x w by magnitude: |x| A(|w|)^T (R / A(|w|) |x|).
Tensors by_magnitude(const Step& step, const Tensor& r, Division division) {
  const auto view = step.view();
  const WeightParts parts(step, *view);
  const Tensor x = step.x().abs(), w = parts.magnitude();
  return only(step, x * parts.pull_magnitude(divide(r, view->apply(x, w, {}), division)));
}

/// Pools and joins share by magnitude, too: R_i = |x_i| R / sum |x|, which is x_i R / z where
/// nothing is negative and stays bounded where summands cancel.
Rule relative_pool() {
  return {"|x|/z", [](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const Tensor x = step.x_nonnegative() ? step.x() : step.x().abs();
            const Tensor z = view->apply(x, view->weight(), {});
            return only(step, x * pull(*view, safe_divide(r_out.front(), z), view->weight()));
          }};
}

Rule relative_join() {
  return {"|x|/z", [](const Step& step, const Tensors& r_out) {
            const std::size_t count = step.node.inputs.size();
            Tensors parts(count);
            Tensor z;
            for (std::size_t i = 0; i < count; ++i) {
              if (!step.node.inputs[i]) continue;
              parts[i] = step.in(i).abs();
              z = z.defined() ? z + parts[i] : parts[i];
            }
            const Tensor s = safe_divide(r_out.front(), z);
            Tensors result(count);
            for (std::size_t i = 0; i < count; ++i) {
              if (step.wanted[i]) result[i] = sum_to_shape(parts[i] * s, step.in(i).sizes());
            }
            return result;
          }};
}

/// The authors' rule: both signs of the input apart, each with its own shift, so that relevance
/// doubles where both occur; their linear layers normalize R- by Z1 where convolutions take Z2.
Tensors as_published(const Step& step, const Tensor& r, const RapOptions& o) {
  const Division division = o.ucag() ? Division::Ucag : Division::Safe;
  const auto view = step.view();
  const WeightParts parts(step, *view);
  const Tensor above = r.clamp_min(0), below = r.clamp_max(0);
  const bool convolution = is_convolution(step.node);
  const auto one_sign = [&](const Tensor& x, const Tensor& w1, const Tensor& w2) {
    const Tensor z1 = view->apply(x, w1, {}) * (r != 0), z2 = view->apply(x, w2, {}) * (r != 0);
    const Tensor both = z1 + z2, some = (both != 0).to(r.scalar_type());
    const Tensor part = divide(z2, both, division);
    const Tensor s_below = below * some;
    Tensor s1 = divide(above * some, z1, division);
    Tensor s2 = divide(above * part, z2, division) + divide(below * part, z2, division);
    (convolution ? s2 : s1) =
        (convolution ? s2 : s1) + divide(s_below, convolution ? z2 : z1, division);
    const Tensor c = x * (pull(*view, s1 * (r != 0), w1) + pull(*view, s2 * (r != 0), w2));
    return o.shift ? shifted(c, r) : c;
  };
  const Tensor w_plus = parts.plus(), w_minus = parts.minus();
  Tensor result = one_sign(step.x().clamp_min(0), w_plus, -w_minus);
  if (!step.x_nonnegative()) {
    const Tensor x_minus = step.x().clamp_max(0);
    if (x_minus.ne(0).any().item<bool>()) result = result + one_sign(x_minus, -w_plus, w_minus);
  }
  return only(step, result);
}

/// The first step, from one-hot at the logits to the last hidden layer: contributions
/// C_j = x_j w_tj and the bias in proportion to them, so that sum C is the logit, shared by |C|.
Tensors entry(const Step& step, const Tensor& seeds, const RapOptions& o) {
  const auto view = step.view();
  const Tensor& x = step.x();
  const Tensor x_plus = x.clamp_min(0), x_minus = x.clamp_max(0);
  const Tensor bias =
      view->bias().defined() ? view->bias().expand(step.out().sizes()) : at::zeros_like(step.out());
  std::vector<std::int64_t> axes;
  for (std::int64_t d = 1; d < x.dim(); ++d) axes.push_back(d);
  const auto total = [&](const Tensor& t) { return t.sum(axes, true); };
  Tensor result =
      at::zeros_like(x.unsqueeze(0).expand_as(x.unsqueeze(0).repeat_interleave(seeds.size(0), 0)));
  for (std::int64_t t = 0; t < seeds.size(2); ++t) {
    const Tensor seed = seeds.select(2, t);
    if (!seed.ne(0).any().item<bool>()) continue;
    Tensor one_hot = at::zeros_like(step.out());
    one_hot.select(1, t).fill_(1);
    const Tensor w = view->pull_x(one_hot, view->weight());
    const Tensor w_plus = w.clamp_min(0), w_minus = w.clamp_max(0);
    const Tensor up = x_plus * w_plus + x_minus * w_minus;
    const Tensor down = x_plus * w_minus + x_minus * w_plus;
    const Tensor positive = total(up), negative = total(down);
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[0] = x.size(0);
    const Tensor b = bias.select(1, t).reshape(shape);
    const Tensor for_plus = b * safe_divide(positive, positive + negative);
    const Tensor for_minus = b * safe_divide(negative, positive + negative);
    Tensor c = x * w;
    // The authors hand the bias to active inputs alone, and lose it where there are none.
    const Tensor gains = o.reference ? x_plus * w_plus : up;
    const Tensor losses = o.reference ? x_plus * w_minus : down;
    c = c + gains * safe_divide(for_plus, total(gains)) +
        losses * safe_divide(for_minus, total(losses));
    if (o.redistribute) c = c.abs() * safe_divide(total(c), total(c.abs()));
    std::vector<std::int64_t> per_seed = shape;
    per_seed.insert(per_seed.begin(), seeds.size(0));
    result = result + c.unsqueeze(0) * seed.reshape(per_seed);
  }
  return only(step, result);
}

/// Whether the logits are the output of a matrix product, which the entry step needs.
bool ends_in_product(const Model& model) {
  const NodeId producer = model.graph().value(model.logits()).producer;
  if (!producer) return false;
  const std::string& op = model.graph().node(producer).op;
  return op == "Gemm" || op == "MatMul";
}

RuleBook book_for(const RapOptions& o, const Call& call, const Model& model, bool with_entry) {
  const Division division = o.ucag() ? Division::Ucag : Division::Safe;
  const NodeId last = model.graph().value(model.logits()).producer;
  const Rule layer{
      "relative", [o, last, with_entry, division](const Step& step, const Tensors& r_out) {
        const Tensor& r = r_out.front();
        if (with_entry && step.id == last && r.dim() == 3) return entry(step, r, o);
        const bool flat = is_convolution(step.node) && step.view()->weight().size(2) == 1;
        if (o.ucag() && flat) return by_magnitude(step, r, division);
        if (o.reference) {
          static const Rule box = image_box_rule(0);
          return takes_image_box(step, o.first_conv) ? box.apply(step, r_out)
                                                     : as_published(step, r, o);
        }
        if (o.pointwise == "magnitude" && is_convolution(step.node) &&
            step.view()->is_pointwise()) {
          return by_magnitude(step, r, division);
        }
        return relative(step, r, o);
      }};
  if (o.reference) return wjnam_base(division).convolutions(layer).linears(layer);
  RuleBook book = lrp_base({});
  book.convolutions(layer)
      .linears(layer)
      .first_convolution(box_rule(call))
      .kind(OpKind::Linear, relative_pool())
      .kind(OpKind::Join, relative_join());
  return book;
}

std::vector<Explanation> explain(const RapOptions& o, const Call& call) {
  const bool keep = o.batch_norm == "pass" || (o.batch_norm == "auto" && o.reference);
  const Pass pass(call, keep ? BatchNorm::Keep : BatchNorm::Fold);
  const bool with_entry = ends_in_product(pass.model) && !o.ucag() && !call.options.start.defined();
  const Tensor seeds = with_entry ? pass.gradients(call) : pass.relevances(call);
  const ValueId at = pass.model.input();
  const RuleBook book = book_for(o, call, pass.model, with_entry);
  auto all = pass.explanations(call, pass.walk_from(call, book, seeds, {at}), at, info());
  for (auto& one : all) {
    if (call.options.start.defined() || call.options.score != ScoreKind::Logit) one.gap = Tensor();
    note_unpredicted(one, "the map tells what keeps it down, and red does not speak for the class");
  }
  return all;
}

}  // namespace

MethodEntry method_rap() { return define_method<RapOptions>(info(), fields, explain); }

}  // namespace limn
