// Spec strings: `smoothgrad(gradient, n=50)` names any pipeline, the same everywhere.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace limn {

/// A parsed spec string: a name and its arguments, each again a spec (a plain word or number is a
/// spec without arguments; a list `[1,2]` is a spec with an empty name).
///
/// Grammar: `spec = word [ "(" [ arg { "," arg } ] ")" ] | "[" [ spec { "," spec } ] "]"`,
/// `arg = [ word "=" ] spec`, `word` = anything without `( ) [ ] , = "` and white space, or a
/// quoted string "..." with `\"` and `\\`. Case is kept. At most 64 levels and 64 KiB.
struct Spec {
  struct Argument {
    std::string key;          ///< empty for a positional argument
    std::vector<Spec> value;  ///< exactly one
    bool operator==(const Argument&) const = default;
  };
  std::string name;
  std::vector<Argument> arguments;
  bool is_list = false;

  bool operator==(const Spec&) const = default;

  /// Throws InvalidArgument with the position and what was expected there.
  static Spec parse(std::string_view text);
  /// The canonical text; `parse(s.text()) == s`.
  std::string text() const;
  /// True for a bare word or number.
  bool is_word() const { return arguments.empty() && !is_list; }
};

/// Lower case with `_` as `-`: `Guided_Backprop` and `guided-backprop` are one name.
std::string canonical_name(std::string_view name);

}  // namespace limn
