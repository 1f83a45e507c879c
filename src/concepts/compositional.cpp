// The beam search over formulas of concepts (Mu, Andreas, 2020), with the order and the scores of
// jayelm/compexp@f1248d7, vision/dissection/neuron.py:
//   IoU(u, F) = |u & F| / |u | F|,  score = IoU penalty^(length - 1)
// No candidate's set is made: with i = |f & c|, |f | c| = |f| + |c| - i and |f - c| = |f| - i, and
// the same holds inside the unit. Only what enters the beam becomes a set.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "limn/concepts.h"
#include "limn/error.h"

namespace limn {
namespace {

double iou_of(std::int64_t common, std::int64_t a, std::int64_t b) {
  const std::int64_t either = a + b - common;
  return either == 0 ? 0.0 : static_cast<double>(common) / static_cast<double>(either);
}

void check_concepts(const std::vector<PixelSet>& concepts) {
  if (concepts.empty()) fail(ErrorCode::InvalidArgument, "no concepts to build formulas from");
  for (const auto& one : concepts) {
    if (one.pixels() != concepts.front().pixels()) {
      fail(ErrorCode::InvalidArgument, "concepts over pictures of ", concepts.front().pixels(),
           " and ", one.pixels(), " pixels: bring all masks to one size");
    }
  }
}

PixelSet joined(const PixelSet& a, FormulaOperator join, const PixelSet& b) {
  if (join == FormulaOperator::Or) return a | b;
  return join == FormulaOperator::And ? a & b : a - b;
}

}  // namespace

void FormulaSearchOptions::check() const {
  if (length < 1 || length > 16 || beam < 1 || beam > 1000) {
    fail(ErrorCode::InvalidArgument, "length=", length, ", beam=", beam,
         "; legal: a length of 1 to 16 and a beam of 1 to 1000");
  }
  if (!(penalty > 0 && penalty <= 1)) {
    fail(ErrorCode::InvalidArgument, "penalty=", penalty, "; legal: above 0 up to 1");
  }
}

FormulaOperator formula_operator(std::string_view word) {
  const std::string name = canonical_name(word);
  if (name == "or") return FormulaOperator::Or;
  if (name == "and") return FormulaOperator::And;
  if (name == "and-not") return FormulaOperator::AndNot;
  fail(ErrorCode::NotFound, "no operator \"", word, "\"; legal: or, and, and-not");
}

int Formula::length() const {
  int sum = empty() ? 0 : 1;
  for (const auto& step : steps) sum += step.join == FormulaOperator::AndNot ? 2 : 1;
  return sum;
}

std::string Formula::text(const std::vector<std::string>& names) const {
  if (empty()) return "";
  const auto name = [&](int index) { return names.at(static_cast<std::size_t>(index)); };
  std::string out = name(first);
  for (const auto& [join, index] : steps) {
    const bool denied = join == FormulaOperator::AndNot;
    const std::string right = denied ? "(NOT " + name(index) + ")" : name(index);
    out = "(" + out + (join == FormulaOperator::Or ? " OR " : " AND ") + right + ")";
  }
  return out;
}

PixelSet formula_pixels(const Formula& formula, const std::vector<PixelSet>& concepts) {
  if (formula.empty()) return concepts.empty() ? PixelSet() : PixelSet(concepts[0].pixels());
  PixelSet out = concepts.at(static_cast<std::size_t>(formula.first));
  for (const auto& [join, index] : formula.steps) {
    out = joined(out, join, concepts.at(static_cast<std::size_t>(index)));
  }
  return out;
}

/// A formula of the beam. Sets are empty where nothing will be built on it.
struct FormulaSearch::Entry {
  Formula formula;
  double score = 0;
  std::int64_t pixels = 0, hits = 0;  ///< |f|, |u & f|
  PixelSet all, inside;               ///< f, u & f
};

/// A formula of the beam joined with one more concept; or, with an index of -1, the old one.
struct FormulaSearch::Candidate {
  std::size_t parent = 0;
  Formula::Step step = {};
  double score = 0;
  std::int64_t pixels = 0, hits = 0;
};

struct FormulaSearch::Scene {
  const PixelSet& unit;
  std::vector<std::int64_t> hits;  ///< |u & c| of every concept
};

FormulaSearch::FormulaSearch(const std::vector<PixelSet>& concepts, FormulaSearchOptions options)
    : concepts_(concepts), options_(std::move(options)) {
  options_.check();
  check_concepts(concepts);
  if (options_.length < 2) return;
  const std::size_t count = concepts.size();
  common_.resize(count * count);
  at::parallel_for(
      0, static_cast<std::int64_t>(count), 1, [&](std::int64_t first, std::int64_t last) {
        for (auto a = static_cast<std::size_t>(first); a < static_cast<std::size_t>(last); ++a) {
          for (std::size_t b = 0; b <= a; ++b) {
            common_[a * count + b] = common_[b * count + a] =
                count_common(concepts[a], concepts[b]);
          }
        }
      });
}

std::vector<FormulaSearch::Candidate> FormulaSearch::candidates(
    const Scene& scene, const std::vector<Entry>& beam) const {
  std::vector<Candidate> out;
  for (std::size_t e = 0; e < beam.size(); ++e) {
    out.push_back({e, {.join = FormulaOperator::Or, .index = -1}, beam[e].score});
  }
  const std::int64_t size = scene.unit.count();
  for (std::size_t e = 0; e < beam.size(); ++e) {
    const Entry& from = beam[e];
    const int length = from.formula.length();
    for (std::size_t c = 0; c < concepts_.size(); ++c) {
      const std::int64_t both =
          from.formula.steps.empty()
              ? common_[static_cast<std::size_t>(from.formula.first) * concepts_.size() + c]
              : count_common(from.all, concepts_[c]);
      const std::int64_t hit = count_common(from.inside, concepts_[c]);
      for (const FormulaOperator join : options_.operators) {
        Candidate one{e, {.join = join, .index = static_cast<int>(c)}, 0, both, hit};
        if (join == FormulaOperator::Or) {
          one.pixels = from.pixels + concepts_[c].count() - both;
          one.hits = from.hits + scene.hits[c] - hit;
        } else if (join == FormulaOperator::AndNot) {
          one.pixels = from.pixels - both;
          one.hits = from.hits - hit;
        }
        const int added = join == FormulaOperator::AndNot ? 2 : 1;
        one.score =
            iou_of(one.hits, one.pixels, size) * std::pow(options_.penalty, length + added - 1);
        out.push_back(one);
      }
    }
  }
  return out;
}

std::vector<FormulaSearch::Entry> FormulaSearch::next_beam(const Scene& scene,
                                                           std::vector<Entry> beam,
                                                           bool grows) const {
  std::vector<Candidate> ranked = candidates(scene, beam);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  std::vector<Entry> next;
  for (const Candidate& one : ranked) {
    if (next.size() == static_cast<std::size_t>(options_.beam)) break;
    const Entry& parent = beam[one.parent];
    if (one.step.index < 0) {
      next.push_back(parent);
      continue;
    }
    Entry entry{parent.formula, one.score, one.pixels, one.hits, {}, {}};
    entry.formula.steps.push_back(one.step);
    // An old formula comes before its copy, since the two score alike.
    const bool known = std::any_of(next.begin(), next.end(), [&](const Entry& other) {
      return other.formula == entry.formula;
    });
    if (known) continue;
    if (grows) {
      const PixelSet& added = concepts_[static_cast<std::size_t>(one.step.index)];
      entry.all = joined(parent.all, one.step.join, added);
      entry.inside = scene.unit & entry.all;
    }
    next.push_back(std::move(entry));
  }
  return next;
}

UnitFormula FormulaSearch::find(const PixelSet& unit) const {
  UnitFormula out;
  Scene scene{unit, {}};
  for (const auto& one : concepts_) {
    scene.hits.push_back(count_common(unit, one));
    out.single_ious.push_back(iou_of(scene.hits.back(), unit.count(), one.count()));
  }
  std::vector<int> order(concepts_.size());
  std::iota(order.begin(), order.end(), 0);
  const auto iou = [&](int index) { return out.single_ious[static_cast<std::size_t>(index)]; };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return iou(a) > iou(b); });
  std::vector<Entry> beam;
  for (const int index : order) {
    if (beam.size() == static_cast<std::size_t>(options_.beam) || !(iou(index) > 0)) break;
    const auto c = static_cast<std::size_t>(index);
    Entry entry{{index, {}}, iou(index), concepts_[c].count(), scene.hits[c], {}, {}};
    if (options_.length > 1) {
      entry.all = concepts_[c];
      entry.inside = unit & concepts_[c];
    }
    beam.push_back(std::move(entry));
  }
  if (beam.empty()) return out;
  out.single = beam.front().formula.first;
  out.single_iou = beam.front().score;
  for (std::int64_t length = 2; length <= options_.length; ++length) {
    beam = next_beam(scene, std::move(beam), length < options_.length);
  }
  const Entry& best = beam.front();
  out.formula = best.formula;
  out.score = best.score;
  out.pixels = best.pixels;
  out.iou = iou_of(best.hits, best.pixels, unit.count());
  return out;
}

}  // namespace limn
