// See field_flags.h.
#include "cli/field_flags.h"

#include <algorithm>

#include "limn/error.h"

namespace limn::cli {

std::vector<CLI::Option*> add_field_flags(CLI::App& command, const Fields& fields,
                                          const std::string& group) {
  std::vector<CLI::Option*> all;
  for (const auto& field : fields) {
    const std::string name = "--" + field.name;
    if (field.legal == "true|false") {
      const auto set = [field](std::int64_t count) {
        field.set(Spec::parse(count > 0 ? "true" : "false"));
      };
      all.push_back(command.add_flag_function(name, set, field.help)->group(group));
      continue;
    }
    const auto set = [field](const std::string& text) { field.set(Spec::parse(text)); };
    const bool is_choice = field.legal.find('|') != std::string::npos;
    const std::string help = field.help + "; default: " + field.get();
    all.push_back(command.add_option_function<std::string>(name, set, help)
                      ->type_name(is_choice ? field.legal : "NUMBER")
                      ->group(group));
  }
  return all;
}

void refuse_beside_plain(const CLI::App& command, const std::vector<CLI::Option*>& flags,
                         const std::vector<std::string>& allowed) {
  if (command.count("--plain") == 0) return;
  for (const CLI::Option* flag : flags) {
    const std::string name = flag->get_name();
    if (flag->count() == 0 || name == "--plain") continue;
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
    fail(ErrorCode::InvalidArgument, "--plain has constants of its own; leave ", name, " out");
  }
}

}  // namespace limn::cli
