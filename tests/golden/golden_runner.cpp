// See golden_runner.h.
#include "golden/golden_runner.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "golden/bilrp_cases.h"
#include "golden/concepts_cases.h"
#include "golden/faithfulness_cases.h"
#include "golden/golden_specs.h"
#include "golden/localization_cases.h"
#include "golden/masked_cases.h"
#include "golden/metric_cases.h"
#include "golden/sanity_cases.h"
#include "limn/error.h"
#include "limn/method.h"
#include "limn/model.h"
#include "limn/npy.h"

namespace limn::golden {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// One array to compare: what limn made and what the reference made.
struct Comparison {
  std::string name;
  Tensor ours, theirs;
};

struct Tolerance {
  double rtol = 0, atol = 0, rel_l2 = -1;
};

/// `atol_raw` replaces `atol` for arrays whose name holds "raw".
Tolerance tolerance_for(const json& golden_case, const std::string& name) {
  const json rules = golden_case.value("tolerance", json::object());
  Tolerance out;
  if (rules.value("exact", false) || golden_case.value("exact", false)) return out;
  out.rtol = rules.value("rtol", 1e-4);
  out.atol = rules.value("atol", 0.0);
  out.rel_l2 = rules.value("rel_l2", -1.0);
  for (const auto& [key, value] : rules.items()) {
    if (key.rfind("atol_", 0) == 0 && name.find(key.substr(5)) != std::string::npos) {
      out.atol = value.get<double>();
    }
  }
  return out;
}

/// Ours in the shape of theirs: a map gains or loses its channel axis, channels are summed where
/// the reference stores one, and one map is repeated where it stores several.
Tensor in_shape_of(Tensor ours, const Tensor& theirs) {
  if (ours.sizes() == theirs.sizes()) return ours;
  if (ours.dim() == 4 && theirs.dim() >= 3 && ours.size(1) > 1 &&
      (theirs.dim() == 3 || theirs.size(1) == 1)) {
    ours = ours.sum(1, true);
  }
  // Occlusion: the reference repeats its one map for every channel.
  if (ours.dim() == 4 && theirs.dim() == 4 && ours.size(1) == 1 && theirs.size(1) > 1) {
    return ours.expand({-1, theirs.size(1), -1, -1});
  }
  if (ours.numel() == theirs.numel()) return ours.reshape(theirs.sizes());
  return ours;
}

/// Largest error relative to the expected maximum; adds to `reason` where beyond tolerance.
double compare(const Comparison& one, const Tolerance& tolerance, std::string& reason) {
  const Tensor theirs = one.theirs.to(at::kDouble);
  const Tensor ours = in_shape_of(one.ours.to(at::kCPU, at::kDouble), theirs);
  if (ours.sizes() != theirs.sizes()) {
    reason += concat(" ", one.name, ": shape ", ours.sizes(), ", expected ", theirs.sizes(), ";");
    return kInfinity;
  }
  const Tensor difference = (ours - theirs).abs();
  const double scale = std::max(theirs.abs().max().item<double>(), 1e-30);
  const double error = difference.max().item<double>() / scale;
  bool fits = (difference <= tolerance.atol + tolerance.rtol * theirs.abs()).all().item<bool>();
  if (!fits && tolerance.rel_l2 >= 0) {
    fits = ((ours - theirs).norm() / theirs.norm()).item<double>() <= tolerance.rel_l2;
  }
  if (!fits) reason += concat(" ", one.name, ": ", error, " of the maximum;");
  return std::isfinite(error) ? error : kInfinity;
}

/// Where limn keeps what references store beside their map.
std::string inner_name(const std::string& stored) {
  static const std::map<std::string, std::string> names = {{"stage1", "start"},
                                                           {"initial", "start"},
                                                           {"expected_aggregate", "raw_aggregate"},
                                                           {"expected_target", "target"},
                                                           {"expected_others", "contrast"},
                                                           {"expected_contrast", "contrast"},
                                                           {"expected_raw", "raw_0"}};
  if (const auto found = names.find(stored); found != names.end()) return found->second;
  return stored.rfind("expected_raw_", 0) == 0 ? stored.substr(9) : "";
}

/// `expected` entries are file names, or objects with a `file`.
std::string file_of(const json& entry) {
  return entry.is_string() ? entry.get<std::string>() : entry.value("file", "");
}

/// A rules file that lives as long as the object.
class RulesFile {
 public:
  explicit RulesFile(const std::string& text) {
    if (text.empty()) return;
    static int count = 0;
    path_ = fs::temp_directory_path() / concat("limn-golden-", ::getpid(), "-", count++, ".rules");
    std::ofstream(path_) << text;
  }
  ~RulesFile() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
  }
  RulesFile(const RulesFile&) = delete;
  RulesFile& operator=(const RulesFile&) = delete;
  std::string with(std::string spec) const {
    if (path_.empty()) return spec;
    Spec word;
    word.name = path_.string();
    spec.insert(spec.size() - 1, ", rules=" + word.text());
    return spec;
  }

 private:
  fs::path path_;
};

class CaseRun {
 public:
  /// `display`: see Recipe.
  CaseRun(const fs::path& folder, const json& golden_case, const std::string& spec,
          const std::string& display)
      : folder_(folder), case_(golden_case), method_(make_method(spec)) {
    if (!display.empty()) display_ = make_method(display);
  }

  /// Compares everything the case stores, in the given precision.
  double run(at::ScalarType dtype, std::string& reason) const {
    const bool exact = dtype == at::kDouble && case_["expected"].contains("expected_f64");
    const Model model =
        Model::from_onnx((folder_ / case_["model"].get<std::string>()).string()).to(dtype);
    const Tensor x = read_npy((folder_ / case_["input"].get<std::string>()).string());
    const json inner = case_.value("inner", json::object());
    ExplainOptions options;
    for (const auto& [name, file] : inner.items()) {
      options.record.push_back(name);
    }
    if (case_["expected"].contains("seed")) {
      options.start = read_npy((folder_ / file_of(case_["expected"]["seed"])).string());
    }
    const json files = case_.value("files", json::object());
    const auto given = [&](const char* name) {
      return files.contains(name) ? read_npy((folder_ / file_of(files[name])).string()) : Tensor();
    };
    options.noise = given("noise");
    options.baseline = given("baseline");
    const Explanation result = explain(*method_, model, x, options);
    std::vector<Comparison> all;
    for (const auto& [name, entry] : case_["expected"].items()) {
      const std::string key = exact ? "" : inner_name(name);
      const bool map = name == (exact ? "expected_f64" : "expected");
      if (!map && !result.inner.contains(key)) continue;
      const Tensor theirs = read_npy((folder_ / file_of(entry)).string());
      all.push_back({name, map ? result.relevance : result.inner.at(key), theirs});
    }
    for (const auto& [name, file] : inner.items()) {
      if (exact) break;
      all.push_back({name, result.inner.at(name), read_npy((folder_ / file_of(file)).string())});
    }
    if (display_ && !exact && case_["expected"].contains("expected_display")) {
      const std::string file = file_of(case_["expected"]["expected_display"]);
      all.push_back({"expected_display", explain(*display_, model, x, options).relevance,
                     read_npy((folder_ / file).string())});
    }
    // The sign of a singular vector is nobody's choice: maps of both signs are stored.
    if (case_["expected"].contains("expected_other_sign")) use_nearer_sign(all);
    if (all.empty()) reason += " nothing was compared;";
    double worst = 0;
    for (const auto& one : all) {
      Tolerance tolerance = tolerance_for(case_, one.name);
      const double largest = one.theirs.abs().max().item<double>();
      if (exact) tolerance = {.rtol = 0, .atol = 1e-6 * largest, .rel_l2 = -1};
      // The case's rule for atol, max(2e-6 of the maximum, five times the float32-float64
      // difference), at the tensor's own scale and difference.
      if (inner.contains(one.name) || one.name == "expected_display") {
        const json measured = case_.value("measured", json::object());
        const double difference =
            measured.value("inner_rel_err", json::object()).value(one.name, 0.0);
        tolerance.atol = std::max(2e-6, 5 * difference) * largest;
      }
      worst = std::max(worst, compare(one, tolerance, reason));
    }
    return worst;
  }

 private:
  void use_nearer_sign(std::vector<Comparison>& all) const {
    const std::string file = file_of(case_["expected"]["expected_other_sign"]);
    const Tensor other = read_npy((folder_ / file).string()).to(at::kDouble);
    for (auto& one : all) {
      const Tensor ours = in_shape_of(one.ours.to(at::kCPU, at::kDouble), one.theirs);
      const Tensor flipped = one.name == "expected" ? other : -one.theirs;
      if (ours.sizes() != one.theirs.sizes()) continue;
      if ((ours - flipped).norm().item<double>() < (ours - one.theirs).norm().item<double>()) {
        one.theirs = flipped;
      }
    }
  }

  Explanation explain(const Method& method, const Model& model, const Tensor& x,
                      const ExplainOptions& options) const {
    const json targets =
        case_.contains("targets") ? case_["targets"] : case_.value("target", json());
    if (targets.is_array() && case_.contains("target") && targets.size() > 1) {
      // One class per picture: explained one by one and put together.
      Explanation whole;
      Tensors parts;
      for (std::size_t n = 0; n < targets.size(); ++n) {
        const auto i = static_cast<std::int64_t>(n);
        whole = method.explain(model, x.slice(0, i, i + 1), Target::of_class(targets[n]), options);
        parts.push_back(whole.relevance);
      }
      whole.relevance = at::cat(parts);
      return whole;
    }
    Target target;
    if (targets.is_number()) target = Target::of_class(targets);
    if (targets.is_array() && !targets.empty()) target = Target::of_class(targets[0]);
    return method.explain(model, x, target, options);
  }

  fs::path folder_;
  const json& case_;
  std::unique_ptr<Method> method_, display_;
};

/// All that a case stores of what is ours: files and plain values.
double compare_stored(const fs::path& folder, const json& golden_case,
                      const std::map<std::string, Tensor>& ours, std::string& reason) {
  double worst = 0;
  bool any = false;
  const auto check = [&](const std::string& name, const Tensor& theirs) {
    if (!ours.contains(name)) return;
    any = true;
    worst = std::max(
        worst, compare({name, ours.at(name), theirs}, tolerance_for(golden_case, name), reason));
  };
  for (const auto& [name, entry] : golden_case["expected"].items()) {
    check(name, read_npy((folder / file_of(entry)).string()));
  }
  if (golden_case.value("files", json::object()).contains("masks")) {
    check("masks", read_npy((folder / "masks.npy").string()));
  }
  // Nested values are named by their path: `all/hits/3`.
  const json values = golden_case.value("expected_values", json::object()).flatten();
  for (const auto& [path, value] : values.items()) {
    if (value.is_number()) check(path.substr(1), at::tensor({value.get<double>()}, at::kDouble));
  }
  if (!any) reason += " nothing was compared;";
  return worst;
}

bool known_method(const std::string& spec) {
  try {
    find_method(Spec::parse(spec).name);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<std::string> find_cases(const std::string& folder) {
  std::vector<std::string> cases;
  if (!fs::is_directory(folder)) fail(ErrorCode::NotFound, "no folder \"", folder, "\"");
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().filename() == "case.json") cases.push_back(entry.path().string());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

CaseResult run_case(const std::string& case_file) {
  CaseResult result;
  const fs::path folder = fs::path(case_file).parent_path();
  result.id = folder.filename().string();
  try {
    const json golden_case = json::parse(std::ifstream(case_file));
    result.id = golden_case.value("id", result.id);
    if (const auto error = run_concepts(folder, golden_case, result.reason)) {
      result.error = *error;
      result.outcome = result.reason.empty() ? Outcome::Pass : Outcome::Fail;
      return result;
    }
    auto ours = run_metric(folder, golden_case);
    if (!ours) ours = run_localization(folder, golden_case);
    if (!ours) ours = run_masked(folder, golden_case);
    if (!ours) ours = run_faithfulness(folder, golden_case);
    if (!ours) ours = run_sanity(folder, golden_case);
    if (!ours) ours = run_bilrp(folder, golden_case);
    if (ours) {
      result.error = compare_stored(folder, golden_case, *ours, result.reason);
      result.outcome = result.reason.empty() ? Outcome::Pass : Outcome::Fail;
      return result;
    }
    const Recipe recipe = recipe_for(golden_case);
    if (recipe.spec.empty() || !known_method(recipe.spec)) {
      result.reason =
          "limn does not have " + golden_case.value("method", golden_case.value("metric", "it"));
      return result;
    }
    const RulesFile rules(recipe.rules);
    const CaseRun run(folder, golden_case, rules.with(recipe.spec), recipe.display);
    // References that compute in double only are compared in double.
    const bool only_double = golden_case.value("dtype", "float32") == "float64";
    result.error = run.run(only_double ? at::kDouble : at::kFloat, result.reason);
    if (!only_double && golden_case["expected"].contains("expected_f64")) {
      std::string reason;
      run.run(at::kDouble, reason);
      if (!reason.empty()) result.reason += " in float64:" + reason;
    }
    result.outcome = result.reason.empty() ? Outcome::Pass : Outcome::Fail;
  } catch (const std::exception& error) {
    result.outcome = Outcome::Fail;
    result.error = kInfinity;
    result.reason = error.what();
  }
  return result;
}

std::string line(const CaseResult& result) {
  const char* words[] = {"pass", "fail", "skip"};
  std::string text = concat(words[static_cast<std::size_t>(result.outcome)], " ", result.id);
  if (result.outcome != Outcome::Skip) text += concat(" ", result.error);
  if (!result.reason.empty()) text += " (" + result.reason + ")";
  return text;
}

std::string Summary::text() const {
  return concat(passed, " passed, ", failed, " failed, ", skipped, " skipped");
}

Summary run_folder(const std::string& folder,
                   const std::function<void(const CaseResult&)>& report) {
  Summary summary;
  for (const auto& file : find_cases(folder)) {
    const CaseResult result = run_case(file);
    if (result.outcome == Outcome::Pass) ++summary.passed;
    if (result.outcome == Outcome::Fail) ++summary.failed;
    if (result.outcome == Outcome::Skip) ++summary.skipped;
    report(result);
  }
  return summary;
}

}  // namespace limn::golden
