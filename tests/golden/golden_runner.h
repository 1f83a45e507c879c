// Runs the cases of a golden folder through the public API.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace limn::golden {

enum class Outcome { Pass, Fail, Skip };

struct CaseResult {
  Outcome outcome = Outcome::Skip;
  std::string id;
  double error = 0;    ///< largest |a - b| / max |expected| of all compared arrays
  std::string reason;  ///< why it failed or was skipped
};

/// Every `case.json` below `folder`, in path order.
std::vector<std::string> find_cases(const std::string& folder);
/// One case: skipped where limn does not have its method or metric.
CaseResult run_case(const std::string& case_file);
/// `pass tr-gradient-tiny 1.2e-08`.
std::string line(const CaseResult& result);

struct Summary {
  int passed = 0, failed = 0, skipped = 0;
  /// `N passed, M failed, K skipped`.
  std::string text() const;
};
/// All cases of a folder; `report` sees each result as it comes.
Summary run_folder(const std::string& folder, const std::function<void(const CaseResult&)>& report);

}  // namespace limn::golden
