// LRP alpha-beta of the RAP code base; see reference_books.h.
#include "limn/error.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/lrp_rules.h"
#include "rules/reference_books.h"

namespace limn {

Tensor divide(const Tensor& a, const Tensor& b, Division division) {
  if (division == Division::Safe) return safe_divide(a, b);
  const Tensor moved = b.clamp_min(1e-9) + b.clamp_max(1e-9);
  return (a / moved.masked_fill(moved == 0, 1e-9)).masked_fill(b == 0, 0);
}

namespace {

/// x A(w)^T (R / A(w) x) for one sign of the input and one of the weight.
Tensor share(const LinearView& view, const Tensor& r, const Tensor& x, const Tensor& w,
             Division division) {
  return x * pull(view, divide(r, view.apply(x, w, {}), division), w);
}

Tensors alpha_beta(const Step& step, const Tensor& r, const WjnamOptions& options) {
  const auto view = step.view();
  const WeightParts parts(step, *view);
  const bool signed_input = !step.x_nonnegative();
  const Tensor x_plus = signed_input ? step.x().clamp_min(0) : step.x();
  const Tensor x_minus = signed_input ? step.x().clamp_max(0) : Tensor();
  Tensor result = share(*view, r, x_plus, parts.plus(), options.division);
  if (signed_input) {
    result = result + share(*view, r, x_minus, parts.minus(), options.division);
  }
  if (options.alpha == 1) return only(step, result);
  Tensor against = share(*view, r, x_plus, parts.minus(), options.division);
  if (signed_input) {
    against = against + share(*view, r, x_minus, parts.plus(), options.division);
  }
  return only(step, options.alpha * result - (options.alpha - 1) * against);
}

}  // namespace

Rule image_box_rule(double added, Division division) {
  return {
      "zB(picture)", [added, division](const Step& step, const Tensors& r_out) {
        const auto view = step.view();
        const WeightParts parts(step, *view);
        const Tensor& x = step.x();
        std::vector<std::int64_t> all;
        for (std::int64_t d = 1; d < x.dim(); ++d) all.push_back(d);
        const Tensor low = x.amin(all, true).expand_as(x), high = x.amax(all, true).expand_as(x);
        const Tensor z = view->apply(x, view->weight(), {}) - view->apply(low, parts.plus(), {}) -
                         view->apply(high, parts.minus(), {});
        const Tensor& r = r_out.front();
        const Tensor s = added > 0 ? r / (z + added) : divide(r, z, division);
        return only(
            step, x * parts.pull_whole(s) - low * parts.pull_plus(s) - high * parts.pull_minus(s));
      }};
}

bool takes_image_box(const Step& step, const std::string& choice) {
  if (!is_convolution(step.node) || step.x().dim() != 4) return false;
  if (choice != "auto") return choice == "yes" && step.facts.first_linear(step.id);
  return step.x().size(1) == 3;
}

RuleBook wjnam_base(Division division) {
  const Rule pool{"x/z", [division](const Step& step, const Tensors& r_out) {
                    const Tensor s = divide(r_out.front(), step.out(), division);
                    Tensors result = pull_gradient(step, {s});
                    const std::size_t i = step.data();
                    result[i] = result[i] * step.in(i);
                    return result;
                  }};
  const Rule join{"x/z", [division](const Step& step, const Tensors& r_out) {
                    const Tensor s = divide(r_out.front(), step.out(), division);
                    Tensors result(step.node.inputs.size());
                    for (std::size_t i = 0; i < result.size(); ++i) {
                      if (!step.wanted[i]) continue;
                      result[i] = sum_to_shape(step.in(i)*s, step.in(i).sizes());
                    }
                    return result;
                  }};
  // x w / (x w + 1e-9) with w = scale / sqrt(var^2 + epsilon), the variance squared as there.
  const Rule norm{"x/z", [](const Step& step, const Tensors& r_out) {
                    const double epsilon = step.node.attributes.real("epsilon", 1e-5);
                    const Tensor& x = step.x();
                    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
                    shape[1] = -1;
                    const Tensor w = step.in(1) / (step.in(4).square() + epsilon).sqrt();
                    const Tensor xw = x * w.reshape(shape);
                    return only(step, r_out.front() * (xw / (xw + 1e-9)));
                  }};
  const Rule concat{"masked identity", [](const Step& step, const Tensors& r_out) {
                      return pull_gradient(step, {r_out.front() * (step.out() != 0)});
                    }};
  RuleBook book = lrp_base({});
  book.kind(OpKind::Linear, pool)
      .op("MaxPool", pool)
      .op("GlobalMaxPool", pool)
      .kind(OpKind::Join, join)
      .op("BatchNormalization", norm)
      .op("Concat", concat);
  return book;
}

RuleBook wjnam_book(const WjnamOptions& options) {
  const Rule layer{"wjnam alpha-beta", [options](const Step& step, const Tensors& r_out) {
                     static const Rule box = image_box_rule(1e-9);
                     return takes_image_box(step, options.first_convolution)
                                ? box.apply(step, r_out)
                                : alpha_beta(step, r_out.front(), options);
                   }};
  RuleBook book = wjnam_base(options.division);
  book.convolutions(layer).linears(layer);
  return book;
}

}  // namespace limn
