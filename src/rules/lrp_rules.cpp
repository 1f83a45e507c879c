// See lrp_rules.h. Halves that are exactly zero (inputs known to be >= 0, no relevance on negative
// outputs) are not computed.
#include "rules/lrp_rules.h"

#include <algorithm>

#include "limn/error.h"
#include "model/weight_cache.h"
#include "rules/basic_rules.h"
#include "rules/elementwise.h"

namespace limn {
namespace {

constexpr std::size_t kLargeWeight = std::size_t{64} << 20;

std::string number(double value) { return concat(value); }

/// Positive and negative part of the input; the negative one is undefined where known to be zero.
struct Signs {
  Tensor plus, minus;
  explicit Signs(const Step& step) {
    if (step.x_nonnegative()) {
      plus = step.x();
    } else {
      plus = step.x().clamp_min(0);
      minus = step.x().clamp_max(0);
    }
  }
};

/// a * x; in place where a, a fresh result, owns its memory (pools pull expanded views).
Tensor times(Tensor a, const Tensor& x) {
  return a.is_non_overlapping_and_dense() ? a.mul_(x) : a * x;
}

/// x+ plus() + x- minus(), where each pulls relevance through the weights.
template <typename Plus, typename Minus>
Tensor spread(const Signs& x, const Plus& plus, const Minus& minus) {
  Tensor r = times(plus(), x.plus);
  if (x.minus.defined()) r.add_(times(minus(), x.minus));
  return r;
}

/// first(a) + second(b); an undefined b adds nothing.
template <typename First, typename Second>
Tensor pull_both(const Tensor& a, const First& first, const Tensor& b, const Second& second) {
  Tensor r = first(a);
  if (!b.defined()) return r;
  return r.is_non_overlapping_and_dense() ? r.add_(second(b)) : r + second(b);
}

/// A(w1) x+ + A(w2) x- + b.
Tensor forward(const LinearView& view, const Signs& x, const Tensor& w1, const Tensor& w2,
               const Tensor& b) {
  const Tensor z = view.apply(x.plus, w1, b);
  return x.minus.defined() ? z + view.apply(x.minus, w2, {}) : z;
}

}  // namespace

Tensor WeightParts::cached(const std::string& what, const std::function<Tensor()>& make) const {
  return step_.model.cache().get(step_.id, what, make);
}

Tensor WeightParts::plus() const {
  return cached("w+", [&] { return view_.weight().clamp_min(0); });
}

Tensor WeightParts::minus() const {
  const auto make = [&] { return view_.weight().clamp_max(0); };
  return view_.weight().nbytes() > kLargeWeight ? make() : cached("w-", make);
}

namespace {

std::string plus_gamma_name(double gamma) { return concat("w + ", gamma, " w+"); }
std::string minus_gamma_name(double gamma) { return concat("w + ", gamma, " w-"); }

}  // namespace

Tensor WeightParts::plus_gamma(double gamma) const {
  return cached(plus_gamma_name(gamma),
                [&] { return view_.weight() + gamma * view_.weight().clamp_min(0); });
}

Tensor WeightParts::minus_gamma(double gamma) const {
  return cached(minus_gamma_name(gamma),
                [&] { return view_.weight() + gamma * view_.weight().clamp_max(0); });
}

Tensor WeightParts::magnitude() const {
  const auto make = [&] { return view_.weight().abs(); };
  return view_.weight().nbytes() > kLargeWeight ? make() : cached("|w|", make);
}

Tensor WeightParts::pull_magnitude(const Tensor& s) const {
  return pull_named(step_, view_, s, magnitude(), "|w|");
}

Tensor WeightParts::apply_plus(const Tensor& x) const { return view_.apply(x, plus(), {}); }

Tensor WeightParts::apply_minus(const Tensor& x) const {
  if (view_.weight().nbytes() <= kLargeWeight) return view_.apply(x, minus(), {});
  const Tensor whole = view_.apply(x, view_.weight(), {}), positive = apply_plus(x);
  const Tensor z = whole - positive;
  return z.masked_fill_(z.abs() <= 1e-6 * positive.abs(), 0);
}

Tensor WeightParts::bias_plus() const {
  const Tensor& b = view_.bias();
  return b.defined() ? cached("b+", [&] { return b.clamp_min(0); }) : b;
}

Tensor WeightParts::bias_minus() const {
  const Tensor& b = view_.bias();
  return b.defined() ? cached("b-", [&] { return b.clamp_max(0); }) : b;
}

Tensor WeightParts::bias_plus_gamma(double gamma) const {
  const Tensor& b = view_.bias();
  if (!b.defined()) return b;
  return cached(concat("b + ", gamma, " b+"), [&] { return b + gamma * b.clamp_min(0); });
}

Tensor WeightParts::pull_whole(const Tensor& s) const {
  return pull_named(step_, view_, s, view_.weight(), "w");
}

Tensor WeightParts::pull_plus(const Tensor& s) const {
  return pull_named(step_, view_, s, plus(), "w+");
}

Tensor WeightParts::pull_minus(const Tensor& s) const {
  if (view_.weight().nbytes() > kLargeWeight) return pull_whole(s) - pull_plus(s);
  return pull_named(step_, view_, s, minus(), "w-");
}

Tensor WeightParts::pull_plus_gamma(const Tensor& s, double gamma) const {
  return pull_named(step_, view_, s, plus_gamma(gamma), plus_gamma_name(gamma));
}

Tensor WeightParts::pull_minus_gamma(const Tensor& s, double gamma) const {
  return pull_named(step_, view_, s, minus_gamma(gamma), minus_gamma_name(gamma));
}

Rule epsilon_rule(double epsilon) {
  return {"epsilon(" + number(epsilon) + ")", [epsilon](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const Tensor s = divide_stabilized(r_out.front(), step.out(), epsilon);
            return only(step, times(WeightParts(step, *view).pull_whole(s), step.x()));
          }};
}

Rule norm_rule(double stabilizer) {
  Rule rule = epsilon_rule(stabilizer);
  rule.name = "norm";
  return rule;
}

Rule gamma_rule(double gamma, double stabilizer) {
  const auto apply = [gamma, stabilizer](const Step& step, const Tensors& r_out) {
    const auto view = step.view();
    const WeightParts parts(step, *view);
    const Signs x(step);
    const Tensor &z = step.out(), &r = r_out.front();
    const auto w_plus = parts.plus_gamma(gamma);
    const auto w_minus = x.minus.defined() ? parts.minus_gamma(gamma) : Tensor();
    const Tensor z_plus = forward(*view, x, w_plus, w_minus, parts.bias_plus_gamma(gamma));
    // Both denominators hold z once and gamma times one sign's contributions, which sum to z.
    const auto [above, below] = gamma_quotients(r, z, z_plus, gamma, stabilizer);
    const auto pull_plus = [&](const Tensor& q) { return parts.pull_plus_gamma(q, gamma); };
    const auto pull_minus = [&](const Tensor& q) { return parts.pull_minus_gamma(q, gamma); };
    const Tensor &a = above, &b = below;
    return only(step, spread(
                          x, [&] { return pull_both(a, pull_plus, b, pull_minus); },
                          [&] { return pull_both(a, pull_minus, b, pull_plus); }));
  };
  return {"gamma(" + number(gamma) + ")", apply};
}

namespace {

/// alpha times the share of positive contributions, minus beta times that of negative ones:
/// x+ (A(w+)^T s+ + A(w-)^T s-) + x- (A(w-)^T s+ + A(w+)^T s-) with s+ = alpha R / st(z+),
/// s- = -beta R / st(z-), z+ = A(w+) x+ + A(w-) x- + b+ and z- = A(w-) x+ + A(w+) x- + b-.
Tensors signed_shares(const Step& step, const Tensor& r, double alpha, double beta,
                      double stabilizer) {
  const auto view = step.view();
  const WeightParts parts(step, *view);
  const Signs x(step);
  const bool needs_minus = beta != 0 || x.minus.defined();
  const Tensor w_plus = parts.plus(), w_minus = needs_minus ? parts.minus() : Tensor();
  const Tensor z_plus = forward(*view, x, w_plus, w_minus, parts.bias_plus());
  const Tensor s_plus = divide_stabilized(r, z_plus, stabilizer, alpha);
  Tensor s_minus;
  if (beta != 0) {
    const Tensor z_minus = forward(*view, x, w_minus, w_plus, parts.bias_minus());
    s_minus = divide_stabilized(r, z_minus, stabilizer, -beta);
  }
  const auto pull_plus = [&](const Tensor& s) { return parts.pull_plus(s); };
  const auto pull_minus = [&](const Tensor& s) { return parts.pull_minus(s); };
  return only(step, spread(
                        x, [&] { return pull_both(s_plus, pull_plus, s_minus, pull_minus); },
                        [&] { return pull_both(s_plus, pull_minus, s_minus, pull_plus); }));
}

}  // namespace

Rule zplus_rule(double stabilizer) {
  return {"z+", [stabilizer](const Step& step, const Tensors& r_out) {
            return signed_shares(step, r_out.front(), 1, 0, stabilizer);
          }};
}

Rule alpha_beta_rule(double alpha, double beta, double stabilizer) {
  return {"alpha-beta(" + number(alpha) + "," + number(beta) + ")",
          [alpha, beta, stabilizer](const Step& step, const Tensors& r_out) {
            return signed_shares(step, r_out.front(), alpha, beta, stabilizer);
          }};
}

namespace {

/// One bound per channel (or one for all) as one sample of a value x [N, C, ...]; undefined where
/// there are more or fewer channels.
Tensor per_channel(const std::vector<double>& values, const Tensor& x) {
  const std::int64_t channels = x.dim() > 1 ? x.size(1) : 1;
  const auto count = static_cast<std::int64_t>(values.size());
  if (count != 1 && count != channels) return {};
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  if (x.dim() > 1) shape[1] = count;
  const Tensor one = x.slice(0, 0, 1);
  return at::tensor(values, at::kDouble).to(x.options()).reshape(shape).expand_as(one);
}

/// A value as the nodes before it make it of `input`; undefined where one of them has weights.
Tensor computed(const Step& step, ValueId value, const Tensor& input) {
  const Graph& graph = step.model.graph();
  if (value == step.model.input()) return input;
  if (graph.is_constant(value)) return step.tape[value];
  const Node& node = graph.node(graph.value(value).producer);
  if (is_weighted(node)) return {};
  Tensors in;
  for (const ValueId one : node.inputs) {
    in.push_back(one ? computed(step, one, input) : Tensor());
    if (one && !in.back().defined()) return {};
  }
  const auto out = std::find(node.outputs.begin(), node.outputs.end(), value);
  return node.spec->forward(node, in)[static_cast<std::size_t>(out - node.outputs.begin())];
}

/// Lowest and highest values of the linear node's input, one sample of it. One number holds there.
/// Numbers per channel are the model's input's: where nodes without weights stand between (YOLOX's
/// slices, a normalization inside the model), both bounds take their way.
std::pair<Tensor, Tensor> bounds_at(const Step& step, const std::vector<double>& low,
                                    const std::vector<double>& high) {
  const ValueId at = step.node.inputs[step.data()];
  const Tensor& input = step.tape[step.model.input()];
  const auto through = [&](const std::vector<double>& values) {
    if (values.size() == 1) return per_channel(values, step.x());
    const Tensor bound = per_channel(values, input);
    if (!bound.defined()) return Tensor();
    std::vector<std::int64_t> shape = bound.sizes().vec();
    shape[0] = std::max<std::int64_t>(1, step.model.fixed_batch());
    const Tensor there = computed(step, at, bound.expand(shape).contiguous());
    return there.defined() ? there.slice(0, 0, 1) : Tensor();
  };
  const Tensor a = through(low), b = through(high);
  if (a.defined() && b.defined()) return {at::minimum(a, b), at::maximum(a, b)};
  const Tensor& x = step.x();
  const Tensor l = per_channel(low, x), h = per_channel(high, x);
  if (!l.defined() || !h.defined()) {
    fail(ErrorCode::InvalidArgument, "zB: low has ", low.size(), " numbers and high ", high.size(),
         "; give one, or one for each channel of the model's input or of this node's (",
         x.dim() > 1 ? x.size(1) : 1, ")");
  }
  return {l, h};
}

/// x A(w)^T s - l A(w+)^T s - h A(w-)^T s; l and h as x, or as one sample of it.
Tensors box_shares(const Step& step, const Tensor& r, const Tensor& l, const Tensor& h,
                   double stabilizer) {
  const auto view = step.view();
  const WeightParts parts(step, *view);
  const Tensor& x = step.x();
  const Tensor z = view->apply(x, view->weight(), {}) - view->apply(l, parts.plus(), {}) -
                   view->apply(h, parts.minus(), {});
  const Tensor s = divide_stabilized(r, z, stabilizer);
  return only(step, x * parts.pull_whole(s) - l * parts.pull_plus(s) - h * parts.pull_minus(s));
}

}  // namespace

Rule zbox_rule(std::vector<double> low, std::vector<double> high, double stabilizer) {
  if (low.empty() || high.empty()) {
    fail(ErrorCode::InvalidArgument,
         "zB needs the input's bounds: give low=[...] and high=[...] (one number per channel, "
         "normalized as the input is), or a preprocessing that tells them");
  }
  const auto apply = [low, high, stabilizer](const Step& step, const Tensors& r_out) {
    // The bounds are the same for all samples: one is enough.
    const auto [l, h] = bounds_at(step, low, high);
    return box_shares(step, r_out.front(), l, h, stabilizer);
  };
  return {"zB", apply};
}

Rule picture_box_rule(double stabilizer) {
  return {"zB(picture)", [stabilizer](const Step& step, const Tensors& r_out) {
            const Tensor& x = step.x();
            std::vector<std::int64_t> axes;
            for (std::int64_t d = 1; d < x.dim(); ++d) axes.push_back(d);
            return box_shares(step, r_out.front(), x.amin(axes, true).expand_as(x),
                              x.amax(axes, true).expand_as(x), stabilizer);
          }};
}

namespace {

/// A(w+) x+ + A(w-) x-: the sum of each unit's positive products.
Tensor positive_products(const LinearView& view, const WeightParts& parts, const Signs& x) {
  return forward(view, x, parts.plus(), x.minus.defined() ? parts.minus() : Tensor(), {});
}

/// (x+ w+ + x- w-)^T R / z.
Tensor excite(const WeightParts& parts, const Signs& x, const Tensor& r, const Tensor& z) {
  const Tensor s = divide_positive(r, z);
  return spread(
      x, [&] { return parts.pull_plus(s); }, [&] { return parts.pull_minus(s); });
}

}  // namespace

Rule excitation_rule() {
  return {"excitation", [](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const WeightParts parts(step, *view);
            const Signs x(step);
            return only(step, excite(parts, x, r_out.front(), positive_products(*view, parts, x)));
          }};
}

Rule plus_even_rule() {
  return {"z+even", [](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const WeightParts parts(step, *view);
            const Signs x(step);
            const Tensor z = positive_products(*view, parts, x);
            const Tensor excited = excite(parts, x, r_out.front(), z);
            const Tensor left = r_out.front().masked_fill(z > kLeastDivisor, 0);
            if (!left.any().item<bool>()) return only(step, excited);
            const Tensor ones = at::ones_like(view->weight());
            const Tensor count = view->apply(at::ones_like(step.x()), ones, {});
            return only(step, excited + pull(*view, divide_positive(left, count), ones));
          }};
}

Rule positive_weights_rule(double epsilon) {
  return {concat("w+(", epsilon, ")"), [epsilon](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const WeightParts parts(step, *view);
            const Tensor z = view->apply(step.x(), parts.plus(), {});
            return only(step, times(parts.pull_plus(r_out.front() / (z + epsilon)), step.x()));
          }};
}

namespace {

/// R_j = sum_k v_jk R_k / st(sum_j v_jk + c_k) with weights v in place of w.
Tensors spread_weights(const Step& step, const LinearView& view, const Tensor& r, const Tensor& v,
                       const Tensor& c, double stabilizer) {
  const Tensor z = view.apply(at::ones_like(step.x().slice(0, 0, 1)), v, c);
  const Tensor s = divide_stabilized(r, z, stabilizer);
  return only(step, pull(view, s, v));
}

}  // namespace

Rule wsquare_rule(double stabilizer) {
  return {"w^2", [stabilizer](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const Tensor& b = view->bias();
            return spread_weights(step, *view, r_out.front(), view->weight().square(),
                                  b.defined() ? b.square() : b, stabilizer);
          }};
}

Rule flat_rule(double stabilizer) {
  return {"flat", [stabilizer](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            return spread_weights(step, *view, r_out.front(), at::ones_like(view->weight()), {},
                                  stabilizer);
          }};
}

}  // namespace limn
