// What a reverse walk saw at one node.
#pragma once
#include <string>

namespace limn {

/// Relevance that went through one node, summed over everything.
struct TraceRow {
  std::string node, op, rule;
  double in = 0;   ///< arriving at the node's outputs
  double out = 0;  ///< leaving at its inputs
};

}  // namespace limn
