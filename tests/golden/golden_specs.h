// From a golden case to a spec string: the table of the golden folder's README, in code.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace limn::golden {

/// What runs a case.
struct Recipe {
  std::string spec;   ///< empty where limn has no such method
  std::string rules;  ///< text of a rules file; the spec gets its path
  /// Yields what the case stores as `expected_display`; empty where it stores none.
  std::string display;
};

/// Fields that select behavior decide; ids never do.
Recipe recipe_for(const nlohmann::json& golden_case);

}  // namespace limn::golden
