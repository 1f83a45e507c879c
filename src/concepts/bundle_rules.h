// Rules for many seeds of one input: what does not depend on the seed is made once. A book made
// here belongs to one forward pass.
#pragma once
#include <vector>

#include "rules/composites.h"
#include "rules/rule_book.h"

namespace limn {

/// Max pooling: each window's relevance goes to its first maximum, which is looked up once.
Rule winner_rule();

/// The gammas of BiLRP's authors for the layers of VGG-16, counted over convolutions, ReLUs and
/// pools: .5 for 0..10, .25 for 11..17, .1 for 18..24, 0 behind.
const std::vector<double>& authors_gammas();

struct DepthOptions {
  std::vector<double> gammas;
  double linear_gamma = 0;
  CompositeOptions bounds;  ///< `low` and `high` of the input; empty: the picture's own
  /// Relevance is known to be 0 wherever a value is 0, so that outputs that a ReLU cut off need not
  /// be looked at.
  bool follows_values = true;
};

/// zB for the first convolution, gamma(gammas[i]) for every other, i counted over convolutions,
/// activations and pools in the order of the graph; gamma(linear_gamma) for other linear layers;
/// stabilizer 1e-9, as oeberle/BiLRP_explain_similarity@1f4f112, whose rule this is where inputs
/// are not negative.
RuleBook gamma_by_depth(const Graph& graph, ValueId output, const DepthOptions& options);

}  // namespace limn
