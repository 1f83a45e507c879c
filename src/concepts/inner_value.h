// An inner value of a model as a function of its input, with its gradient by the reverse walk.
#pragma once
#include <string>

#include "limn/model.h"
#include "rules/rule_book.h"

namespace limn {

/// The value of N inputs and what the gradient needs.
struct InnerPass {
  Tape tape;
  Tensor value;  ///< [N, ...]
};

/// Only what the value needs is run.
class InnerValue {
 public:
  /// Empty `name`: the class scores. Throws NotFound, Unsupported where the value does not depend
  /// on the input, or for the class scores of a detector.
  InnerValue(const Model& model, const std::string& name);

  const std::string& name() const { return name_; }
  /// How many inputs a pass takes at most: `wanted`, or what the file fixes.
  std::int64_t batch(std::int64_t wanted) const;
  /// Throws Numerical where the value is not finite.
  InnerPass run(const Tensor& x) const;
  /// d (sum of seed times value) / dx; `seed` is shaped like the value. `through_relus`: ReLU and
  /// Clip let everything pass.
  Tensor gradient(const InnerPass& pass, const Tensor& seed, bool through_relus = false) const;

 private:
  std::string name_;
  Model model_;
  ValueId at_;
  RuleBook book_, open_book_;
};

}  // namespace limn
