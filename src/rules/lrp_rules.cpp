// See lrp_rules.h. Halves that are exactly zero (inputs known to be >= 0, no relevance on negative
// outputs) are not computed.
#include "rules/lrp_rules.h"

#include "limn/error.h"
#include "model/weight_cache.h"
#include "rules/basic_rules.h"

namespace limn {
namespace {

constexpr std::size_t kLargeWeight = std::size_t{64} << 20;

Tensor positive_part(const Tensor& t) { return t.defined() ? t.clamp_min(0) : t; }
Tensor negative_part(const Tensor& t) { return t.defined() ? t.clamp_max(0) : t; }

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

/// x+ A(w1)^T s + x- A(w2)^T s.
Tensor spread(const LinearView& view, const Signs& x, const Tensor& s, const Tensor& w1,
              const Tensor& w2) {
  Tensor r = x.plus * pull(view, s, w1);
  if (x.minus.defined()) r = r + x.minus * pull(view, s, w2);
  return r;
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

Tensor WeightParts::plus_gamma(double gamma) const {
  return cached(concat("w + ", gamma, " w+"),
                [&] { return view_.weight() + gamma * view_.weight().clamp_min(0); });
}

Tensor WeightParts::minus_gamma(double gamma) const {
  return cached(concat("w + ", gamma, " w-"),
                [&] { return view_.weight() + gamma * view_.weight().clamp_max(0); });
}

Tensor WeightParts::pull_minus(const Tensor& s) const {
  if (view_.weight().nbytes() <= kLargeWeight) return pull(view_, s, minus());
  return pull(view_, s, view_.weight()) - pull(view_, s, plus());
}

Rule epsilon_rule(double epsilon) {
  return {"epsilon(" + number(epsilon) + ")", [epsilon](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const Tensor s = r_out.front() / stabilized(step.out(), epsilon);
            return only(step, step.x() * pull(*view, s, view->weight()));
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
    const Tensor &z = step.out(), &b = view->bias(), &r = r_out.front();
    const auto w_plus = parts.plus_gamma(gamma);
    const auto w_minus = x.minus.defined() ? parts.minus_gamma(gamma) : Tensor();
    const Tensor b_plus = b.defined() ? b + gamma * positive_part(b) : b;
    const Tensor above = r * (z > 0);
    const Tensor z_plus = forward(*view, x, w_plus, w_minus, b_plus);
    Tensor result = spread(*view, x, above / stabilized(z_plus, stabilizer), w_plus, w_minus);
    // Behind a ReLU no relevance sits on outputs below zero; then the second half is all zero.
    const Tensor below = r * (z < 0);
    if (below.ne(0).any().item<bool>()) {
      const auto v_minus = parts.minus_gamma(gamma);
      const Tensor b_minus = b.defined() ? b + gamma * negative_part(b) : b;
      const Tensor z_minus = forward(*view, x, v_minus, w_plus, b_minus);
      result = result + spread(*view, x, below / stabilized(z_minus, stabilizer), v_minus, w_plus);
    }
    return only(step, result);
  };
  return {"gamma(" + number(gamma) + ")", apply};
}

Rule zplus_rule(double stabilizer) {
  return {"z+", [stabilizer](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const WeightParts parts(step, *view);
            const Signs x(step);
            const Tensor w_plus = parts.plus();
            Tensor z = view->apply(x.plus, w_plus, positive_part(view->bias()));
            if (x.minus.defined()) z = z + view->apply(x.minus, parts.minus(), {});
            const Tensor s = r_out.front() / stabilized(z, stabilizer);
            Tensor r = x.plus * pull(*view, s, w_plus);
            if (x.minus.defined()) r = r + x.minus * parts.pull_minus(s);
            return only(step, r);
          }};
}

Rule alpha_beta_rule(double alpha, double beta, double stabilizer) {
  const auto apply = [alpha, beta, stabilizer](const Step& step, const Tensors& r_out) {
    const auto view = step.view();
    const WeightParts parts(step, *view);
    const Signs x(step);
    const Tensor &b = view->bias(), &r = r_out.front();
    const Tensor w_plus = parts.plus();
    Tensor result;
    if (alpha != 0) {
      Tensor z = view->apply(x.plus, w_plus, positive_part(b));
      if (x.minus.defined()) z = z + view->apply(x.minus, parts.minus(), {});
      const Tensor s = r / stabilized(z, stabilizer);
      result = x.plus * pull(*view, s, w_plus);
      if (x.minus.defined()) result = result + x.minus * parts.pull_minus(s);
      result = alpha * result;
    }
    if (beta != 0) {
      Tensor z = view->apply(x.plus, parts.minus(), negative_part(b));
      if (x.minus.defined()) z = z + view->apply(x.minus, w_plus, {});
      const Tensor s = r / stabilized(z, stabilizer);
      Tensor against = x.plus * parts.pull_minus(s);
      if (x.minus.defined()) against = against + x.minus * pull(*view, s, w_plus);
      result = result.defined() ? result - beta * against : -beta * against;
    }
    return only(step, result);
  };
  return {"alpha-beta(" + number(alpha) + "," + number(beta) + ")", apply};
}

namespace {

/// One bound per channel (or one for all) as a tensor that broadcasts over x [N, C, ...].
Tensor bound(const std::vector<double>& values, const Tensor& x, const char* name) {
  const std::int64_t channels = x.dim() > 1 ? x.size(1) : 1;
  const auto count = static_cast<std::int64_t>(values.size());
  if (count != 1 && count != channels) {
    fail(ErrorCode::InvalidArgument, "zB: ", name, " has ", count, " numbers, the input ", channels,
         " channels");
  }
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  if (x.dim() > 1) shape[1] = count;
  return at::tensor(values, at::kDouble).to(x.options()).reshape(shape);
}

}  // namespace

Rule zbox_rule(std::vector<double> low, std::vector<double> high, double stabilizer) {
  if (low.empty() || high.empty()) {
    fail(ErrorCode::InvalidArgument,
         "zB needs the input's bounds: give low=[...] and high=[...] (one number per channel, "
         "normalized as the input is), or a preprocessing that tells them");
  }
  const auto apply = [low, high, stabilizer](const Step& step, const Tensors& r_out) {
    const auto view = step.view();
    const WeightParts parts(step, *view);
    const Tensor& x = step.x();
    // The bounds are the same for all samples: one is enough.
    const Tensor one = x.slice(0, 0, 1);
    const Tensor l = bound(low, x, "low").expand_as(one), h = bound(high, x, "high").expand_as(one);
    const Tensor w_plus = parts.plus(), w_minus = parts.minus();
    const Tensor z = view->apply(x, view->weight(), {}) - view->apply(l, w_plus, {}) -
                     view->apply(h, w_minus, {});
    const Tensor s = r_out.front() / stabilized(z, stabilizer);
    return only(step, x * pull(*view, s, view->weight()) - l * pull(*view, s, w_plus) -
                          h * pull(*view, s, w_minus));
  };
  return {"zB", apply};
}

namespace {

/// R_j = sum_k v_jk R_k / st(sum_j v_jk + c_k) with weights v in place of w.
Tensors spread_weights(const Step& step, const LinearView& view, const Tensor& r, const Tensor& v,
                       const Tensor& c, double stabilizer) {
  const Tensor z = view.apply(at::ones_like(step.x().slice(0, 0, 1)), v, c);
  const Tensor s = r / stabilized(z, stabilizer);
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
