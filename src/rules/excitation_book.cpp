// See excitation_book.h. Source: Zhang et al., "Top-down Neural Attention by Excitation Backprop",
// 2016.
#include "rules/excitation_book.h"

#include "limn/error.h"
#include "rules/basic_rules.h"
#include "rules/composites.h"
#include "rules/elementwise.h"
#include "rules/lrp_rules.h"

namespace limn {
namespace {

/// A sum shares among its summands c_i = +-x_i; constant ones take no part.
Rule positive_join_rule() {
  return {"positive parts", [](const Step& step, const Tensors& r_out) {
            Tensors summands;
            std::vector<std::size_t> places;
            for (std::size_t i = 0; i < step.node.inputs.size(); ++i) {
              if (step.facts.constant(step.id)[i]) continue;
              const bool negated = step.node.op == "Sub" && i == 1;
              Tensor summand = negated ? -step.in(i) : step.in(i);
              if (summand.sizes() != step.out().sizes()) summand = summand.expand_as(step.out());
              summands.push_back(std::move(summand));
              places.push_back(i);
            }
            const Tensors shares = share_by_positive_parts(r_out.front(), summands);
            Tensors result(step.node.inputs.size());
            for (std::size_t k = 0; k < places.size(); ++k) {
              const std::size_t i = places[k];
              if (step.wanted[i]) result[i] = sum_to_shape(shares[k], step.in(i).sizes());
            }
            return result;
          }};
}

/// Products of two activations by their positive products: z = A+ B+ + A- B-. A gate's share goes
/// to the other factor; without a gate both get half.
Tensors excite_product(const Step& step, const Tensor& r) {
  const Node& node = step.node;
  Tensors plus = step.inputs(), minus = plus;
  for (std::size_t i = 0; i < 2; ++i) {
    plus[i] = plus[i].clamp_min(0);
    minus[i] = minus[i].clamp_max(0);
  }
  const Tensors above = node.spec->forward(node, plus), below = node.spec->forward(node, minus);
  const Tensor s = divide_positive(r, above[0] + below[0]);
  const Tensors pulled_plus = pull_gradient_at(step, plus, above, {s});
  const Tensors pulled_minus = pull_gradient_at(step, minus, below, {s});
  const bool gates[] = {step.facts.gate(node.inputs[0]), step.facts.gate(node.inputs[1])};
  Tensors result(node.inputs.size());
  for (std::size_t i = 0; i < 2; ++i) {
    const double share = gates[0] == gates[1] ? 0.5 : gates[i] ? 0 : 1;
    if (share == 0 || !pulled_plus[i].defined()) continue;
    result[i] = (plus[i] * pulled_plus[i] + minus[i] * pulled_minus[i]) * share;
  }
  return result;
}

Rule positive_product_rule() {
  return {"positive products", [](const Step& step, const Tensors& r_out) {
            const std::string& op = step.node.op;
            const bool pair = step.node.inputs.size() == 2 && op != "Mul" && op != "Div";
            if (!pair) return product_rule().apply(step, r_out);
            return excite_product(step, r_out.front());
          }};
}

/// x A^T (R / (z + epsilon)), z as it is.
Rule pool_rule(double epsilon) {
  return {"x/z", [epsilon](const Step& step, const Tensors& r_out) {
            Tensors result = pull_gradient(step, {r_out.front() / (step.out() + epsilon)});
            const std::size_t i = step.data();
            result[i] = result[i] * step.in(i);
            return result;
          }};
}

}  // namespace

RuleBook excitation_book() {
  RuleBook book = lrp_base({});
  book.convolutions(excitation_rule())
      .linears(excitation_rule())
      .kind(OpKind::Linear, excitation_rule())
      .kind(OpKind::Join, positive_join_rule())
      .kind(OpKind::Bilinear, positive_product_rule());
  return book;
}

RuleBook torchray_book() {
  const Rule layer = positive_weights_rule(1e-20);
  const Rule join{"x/sum", [](const Step& step, const Tensors& r_out) {
                    const Tensor s = r_out.front() / step.out();
                    Tensors result(step.node.inputs.size());
                    for (std::size_t i = 0; i < result.size(); ++i) {
                      if (!step.wanted[i]) continue;
                      result[i] = sum_to_shape(step.in(i)*s, step.in(i).sizes());
                    }
                    return result;
                  }};
  RuleBook book = gradient_book();
  book.convolutions(layer)
      .linears(layer)
      .kind(OpKind::Linear, pool_rule(1e-20))
      .kind(OpKind::Join, join);
  for (const char* affine : {"BatchNormalization", "Add", "Sub", "Mul", "Div", "Sum", "Neg"}) {
    book.affine(affine, pass_rule());
  }
  return book;
}

RuleBook gu_book() {
  RuleBook book = lrp_base({});
  book.convolutions(positive_weights_rule(1e-9))
      .linears(positive_weights_rule(1e-9))
      .first_convolution(zbox_rule({-2.1179}, {2.64}, 1e-9))
      .op("MaxPool", tied_maximum_rule());
  return book;
}

}  // namespace limn
