// What is said of a similarity's explanation: how much of it is explained, what is missing and why.
#pragma once
#include <string>
#include <vector>

#include "limn/bilrp.h"

namespace limn::cli {

/// Of what the rules lose, and what helps.
std::string rules_doubt(double gap, double bound, const std::string& composite);

/// What of the similarity is not explained beyond the share `bound`, by its causes, and what helps
/// against each.
std::vector<std::string> gap_doubts(const PairExplanation& pair, double bound);

/// The sum of the links that are kept.
double links_sum(const PairExplanation& pair);

/// Whether all pairs together hold less than 1 % of the similarity. Their links are not drawn: they
/// would look as any others.
bool explains_nothing(const PairExplanation& pair);

/// The figure's caption; `similarity` is `dot` or `cosine`.
std::string pair_caption(const PairExplanation& pair, const std::string& similarity);

}  // namespace limn::cli
