// Named rule books.
#pragma once
#include <string>
#include <vector>

#include "limn/spec.h"
#include "rules/rule_book.h"

namespace limn {

/// Numbers that composites take; Zennit's defaults.
struct CompositeOptions {
  double epsilon = 1e-6;
  double gamma = 0.25;
  double stabilizer = 1e-6;
  std::vector<double> low, high;  ///< of the input, for zB
  bool gate_half = false;
};

/// `epsilon-plus`, `epsilon-gamma-box`, `epsilon-alpha2-beta1`, `epsilon-plus-flat`,
/// `epsilon-alpha2-beta1-flat`, `excitation-backprop` (Zennit's names; `_` and `-` are one),
/// `epsilon`: that one rule everywhere, and `plus-even`: z+even everywhere. Throws NotFound.
RuleBook composite(const std::string& name, const CompositeOptions& options);
std::vector<std::string> composite_names();

/// What every LRP book shares: activations and normalization pass, joins and pools norm, products
/// by gates, routes and maxima by the gradient, constant affine nodes pass.
RuleBook lrp_base(const CompositeOptions& options);

/// Gradient everywhere.
RuleBook gradient_book();

/// A rule by name (`epsilon`, `gamma`, `z+`, `z+even`, `alpha-beta`, `zB`, `w^2`, `flat`, `norm`,
/// `pass`, `gradient`) with `key=value` options; as rules files write it.
Rule rule_by_name(const Spec& spec, const CompositeOptions& defaults);

/// Adds the lines of a rules file to a book: `SELECTOR RULE key=value...`, `#` starts a comment.
/// SELECTOR: `first`, `last`, `all` or `others` (every linear layer), `conv`, `linear`,
/// `op:Operator`, or a glob over node names. Throws InvalidArgument with the line number.
void add_rules(RuleBook& book, const std::string& text, const std::string& where,
               const CompositeOptions& defaults);

}  // namespace limn
