// The LRP toolbox's rules; see reference_books.h.
#include "limn/error.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/elementwise.h"
#include "rules/lrp_rules.h"
#include "rules/reference_books.h"

namespace limn {
namespace {

constexpr double kTiny = 1e-16;

/// The toolbox pools by sums: how much larger its window sum is than our average.
double window_size(const Step& step) {
  const auto kernel = step.node.attributes.integers("kernel_shape");
  if (kernel.empty()) {
    return static_cast<double>(step.x().numel()) / static_cast<double>(step.out().numel());
  }
  double size = 1;
  for (std::int64_t k : kernel) size *= static_cast<double>(k);
  return size;
}

/// x A^T (R / (z + epsilon sgn z)), z scaled by `window` on pools.
Rule epsilon_layer(double epsilon, bool pool) {
  return {"toolbox epsilon", [epsilon, pool](const Step& step, const Tensors& r_out) {
            const double window = pool ? window_size(step) : 1;
            const Tensor s =
                divide_stabilized(window * r_out.front(), window * step.out(), epsilon);
            const auto view = step.view();
            return only(step, step.x() * pull(*view, s, view->weight()));
          }};
}

/// alpha sum Zp R / Zsp + (1 - alpha) sum Zn R / Zsn with Zsp = sum Zp + b+ + 1e-16 and
/// Zsn = z - Zsp - 1e-16.
Rule alpha_beta_layer(double alpha) {
  return {"toolbox alpha-beta", [alpha](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const WeightParts parts(step, *view);
            const Tensor &r = r_out.front(), &b = view->bias();
            const Tensor x_plus = step.x().clamp_min(0), x_minus = step.x().clamp_max(0);
            const Tensor w_plus = parts.plus(), w_minus = parts.minus();
            const Tensor above = view->apply(x_plus, w_plus, b.defined() ? b.clamp_min(0) : b) +
                                 view->apply(x_minus, w_minus, {}) + kTiny;
            const Tensor s_plus = r / above;
            Tensor result = alpha * (x_plus * pull(*view, s_plus, w_plus) +
                                     x_minus * pull(*view, s_plus, w_minus));
            if (alpha != 1) {
              // Summed apart, not as z - above: the difference cancels where nothing is negative.
              const Tensor below = view->apply(x_plus, w_minus, b.defined() ? b.clamp_max(0) : b) +
                                   view->apply(x_minus, w_plus, {}) - kTiny;
              const Tensor s_minus = r / below;
              result = result + (1 - alpha) * (x_plus * pull(*view, s_minus, w_minus) +
                                               x_minus * pull(*view, s_minus, w_plus));
            }
            return only(step, result);
          }};
}

/// Weights in place of contributions: v = 1 or w^2, no bias.
Rule weights_layer(bool squared) {
  return {squared ? "toolbox w^2" : "toolbox flat",
          [squared](const Step& step, const Tensors& r_out) {
            const auto view = step.view();
            const Tensor v = squared ? view->weight().square() : at::ones_like(view->weight());
            const Tensor z = view->apply(at::ones_like(step.x().slice(0, 0, 1)), v, {});
            return only(step, pull(*view, r_out.front() / z, v));
          }};
}

}  // namespace

RuleBook toolbox_book(const ToolboxOptions& options) {
  RuleBook book = lrp_base({});
  Rule layer, pool, maximum = tied_maximum_rule();
  if (options.rule == "simple") {
    layer = epsilon_layer(kTiny, false);
    pool = epsilon_layer(1e-12, true);
  } else if (options.rule == "epsilon") {
    layer = epsilon_layer(options.epsilon, false);
    pool = epsilon_layer(options.epsilon, true);
  } else if (options.rule == "alpha-beta") {
    layer = pool = alpha_beta_layer(options.alpha);
  } else if (options.rule == "flat" || options.rule == "w^2") {
    layer = pool = weights_layer(options.rule == "w^2");
    maximum = flat_window_rule();
  } else {
    fail(ErrorCode::InvalidArgument, "flavor toolbox has no rule \"", options.rule,
         "\"; it has simple, epsilon, alpha-beta, flat and w^2");
  }
  book.convolutions(layer).linears(layer).kind(OpKind::Linear, pool).op("MaxPool", maximum);
  return book;
}

}  // namespace limn
