// Books that treat only the ReLU in a way of their own.
#pragma once
#include "rules/basic_rules.h"
#include "rules/composites.h"

namespace limn {

/// The gradient everywhere, but `rule` at Relu and at Clip from 0 (ReLU6).
inline RuleBook with_relu_rule(const Rule& rule) {
  RuleBook book = gradient_book();
  book.op("Relu", rule);
  book.op("Clip", {rule.name, [rule](const Step& step, const Tensors& r_out) {
                     // A clip that lets negative values through is no ReLU.
                     const bool relu = step.facts.nonnegative(step.node.outputs.front());
                     return relu ? rule.apply(step, r_out) : pull_gradient(step, r_out);
                   }});
  return book;
}

}  // namespace limn
