// See pair_words.h.
#include "cli/pair_words.h"

#include <fmt/format.h>

namespace limn::cli {
namespace {

/// Below this share of the similarity the joint relevance explains next to nothing of it.
constexpr double kNextToNothing = 0.01;

std::string composite_remedy(const std::string& composite) {
  return composite == "plus-even" ? "`limn inspect --trace` shows where relevance is lost"
                                  : "--composite plus-even, which leaves biases out, keeps the sum";
}

std::string remedy(const PairExplanation& pair) {
  return pair.rules_gap > 0.5 ? composite_remedy(pair.composite)
                              : "--components takes more of them (0: all)";
}

}  // namespace

std::string rules_doubt(double gap, double bound, const std::string& composite) {
  return fmt::format(
      "the rules' biases and stabilizers take {:.3g} % of what is handed down, or add it (bound "
      "{:.3g} %, see --max-gap); {}",
      100 * gap, 100 * bound, composite_remedy(composite));
}

std::vector<std::string> gap_doubts(const PairExplanation& pair, double bound) {
  std::vector<std::string> out;
  if (std::abs(pair.similarity - pair.covered) > bound * std::abs(pair.similarity)) {
    out.push_back(fmt::format(
        "only {} of {} shared components are explained, {:.4g} of the similarity {:.4g}; "
        "--components takes more of them (0: all)",
        pair.components, pair.shared, pair.covered, pair.similarity));
  }
  if (!(pair.rules_gap <= bound)) {
    out.push_back(rules_doubt(pair.rules_gap, bound, pair.composite));
  }
  if (out.empty() && !(pair.gap <= bound)) {
    out.push_back(fmt::format(
        "{:.3g} % of the similarity is not explained (bound {:.3g} %, see --max-gap); take more "
        "--components or --composite plus-even",
        100 * pair.gap, 100 * bound));
  }
  return out;
}

double links_sum(const PairExplanation& pair) {
  return pair.links.select(1, 4).sum().item<double>();
}

bool explains_nothing(const PairExplanation& pair) {
  return pair.positive - pair.negative < kNextToNothing * std::abs(pair.similarity);
}

std::string pair_caption(const PairExplanation& pair, const std::string& similarity) {
  std::string text =
      fmt::format("{} {:.4g} at {} ({}), of which {:.4g} is explained by composite {}", similarity,
                  pair.similarity, pair.layer, pair.embedding, pair.sum, pair.composite);
  if (explains_nothing(pair)) {
    return text + ": next to nothing, so no links are drawn; " + remedy(pair);
  }
  return text + fmt::format(" and {:.3g} by these {} links", links_sum(pair), pair.links.size(0));
}

}  // namespace limn::cli
