// See concepts_cases.h.
#include "golden/concepts_cases.h"

#include <ATen/ATen.h>

#include <cmath>
#include <sstream>

#include "limn/concepts.h"
#include "limn/error.h"
#include "limn/npy.h"

namespace limn::golden {
namespace {

using nlohmann::json;

FormulaSearchOptions search_options(const json& options) {
  FormulaSearchOptions out;
  out.beam = options.value("beam", out.beam);
  out.length = options.value("max_formula_length", out.length);
  out.penalty = options.value("penalty", out.penalty);
  if (!options.contains("operators")) return out;
  out.operators.clear();
  std::istringstream words(options["operators"].get<std::string>());
  for (std::string word; std::getline(words >> std::ws, word, ',');) {
    if (word == "OR") out.operators.push_back(FormulaOperator::Or);
    if (word == "AND") out.operators.push_back(FormulaOperator::And);
    if (word == "AND NOT") out.operators.push_back(FormulaOperator::AndNot);
  }
  return out;
}

/// masks: [pictures, h, w].
PixelSet set_of(const Tensor& masks) {
  PixelSet out(masks.size(1) * masks.size(2));
  for (std::int64_t n = 0; n < masks.size(0); ++n) out.add(n, masks[n] != 0);
  return out;
}

class ConceptsCase {
 public:
  ConceptsCase(const std::filesystem::path& folder, const json& golden_case, std::string& reason)
      : folder_(folder), case_(golden_case), reason_(reason) {
    const Tensor labels = given("label_masks.npy");
    for (std::int64_t l = 0; l < labels.size(0); ++l) {
      names_.push_back(concat("L", l + 1));
      concepts_.push_back(set_of(labels[l]));
    }
  }

  double run() {
    const Tensor activations = given("input.npy"), thresholds = given("threshold.npy");
    const Tensor masks = given("expected_unit_masks.npy");
    const auto allowed = case_["tolerance"].value("unit_mask_mismatch_pixels", std::int64_t{0});
    const FormulaSearch search(concepts_, search_options(case_["options"]));
    for (const auto& expected : case_["expected_values"]["units"]) {
      const std::int64_t unit = expected["unit"];
      Tensor ours = at::empty_like(masks[unit]);
      for (std::int64_t n = 0; n < ours.size(0); ++n) {
        ours[n].copy_(unit_masks(activations[n][unit].unsqueeze(0), thresholds[unit].view({1}),
                                 masks.size(2), masks.size(3))[0]);
      }
      const auto wrong = (ours != masks[unit]).sum().item<std::int64_t>();
      if (wrong > allowed) reason_ += concat(" unit ", unit, ": ", wrong, " mask pixels differ;");
      // A pixel at the threshold must not hide what the search does: it gets the reference's masks.
      compare(concat("unit ", unit), search.find(set_of(masks[unit])), expected);
    }
    return worst_;
  }

 private:
  Tensor given(const char* name) const { return read_npy((folder_ / name).string()); }

  void check(const std::string& what, double ours, double theirs) {
    const json& tolerance = case_["tolerance"];
    const double bound =
        tolerance.value("atol", 0.0) + tolerance.value("rtol", 1e-5) * std::abs(theirs);
    const double error = std::abs(ours - theirs);
    worst_ = std::max(worst_, error / std::max(std::abs(theirs), 1e-30));
    if (!(error <= bound)) reason_ += concat(" ", what, ": ", ours, ", expected ", theirs, ";");
  }

  /// Formulas that mean the same have the same pixels and IoU, and are equally right.
  void compare(const std::string& unit, const UnitFormula& ours, const json& expected) {
    const std::string formula = unit + " " + ours.formula.text(names_) + ", theirs " +
                                expected["best_formula"].get<std::string>();
    check(formula + ": best_iou", ours.score, expected["best_iou"]);
    check(formula + ": best_formula_pixels", static_cast<double>(ours.pixels),
          expected["best_formula_pixels"]);
    check(unit + " best_single_iou", ours.single_iou, expected["best_single_iou"]);
    for (std::size_t c = 0; c < names_.size(); ++c) {
      if (!expected["single_ious"].contains(names_[c])) continue;
      check(unit + " " + names_[c], ours.single_ious[c], expected["single_ious"][names_[c]]);
    }
  }

  std::filesystem::path folder_;
  const json& case_;
  std::string& reason_;
  std::vector<std::string> names_;
  std::vector<PixelSet> concepts_;
  double worst_ = 0;
};

}  // namespace

std::optional<double> run_concepts(const std::filesystem::path& folder, const json& golden_case,
                                   std::string& reason) {
  if (golden_case.value("metric", "") != "compositional_concepts") return std::nullopt;
  return ConceptsCase(folder, golden_case, reason).run();
}

}  // namespace limn::golden
