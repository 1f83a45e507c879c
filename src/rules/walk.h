// The reverse walk: from seeds at any values to the relevance at any values.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "limn/model.h"
#include "limn/trace.h"
#include "rules/rule_book.h"

namespace limn {

struct WalkRequest {
  /// Where relevance starts: [S, shape of the value], the same S everywhere.
  std::vector<std::pair<ValueId, Tensor>> seeds;
  /// Values whose arriving relevance is wanted; nodes that lead to none of them are not visited.
  std::vector<ValueId> at;
  /// Nodes without a rule get the gradient (counted) instead of an error.
  bool fallback_gradient = false;
  bool trace = false;
};

struct WalkResult {
  /// [S, shape of the value]; zeros where nothing arrived.
  std::map<ValueId, Tensor> relevance;
  std::vector<TraceRow> trace;
  /// Nodes that fell back to the gradient.
  std::vector<std::string> fallbacks;
};

/// Visits nodes in reverse, sums what reaches a value from all its consumers, checks shapes and
/// finiteness. Throws Numerical with the first node that made NaN or infinity, Unsupported for a
/// node without a rule.
WalkResult walk(const Model& model, const Tape& tape, const RuleBook& book,
                const WalkRequest& request);

}  // namespace limn
