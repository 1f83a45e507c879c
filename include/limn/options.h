// Options are plain structs; one field list per struct gives parsing, range errors, the lists and
// pages for users, and the manifest.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "limn/spec.h"

namespace limn {

/// One option: its name, help, legal values, and how to read and print it in one struct.
struct Field {
  std::string name;
  std::string help;
  std::string legal;  ///< `0 .. inf`, `true|false`, `a|b|c`
  std::vector<std::string> aliases;
  std::function<void(const Spec&)> set;  ///< throws InvalidArgument
  std::function<std::string()> get;      ///< the value as spec text

  /// Adds names that mean the same (`gradcam` style spellings of other tools).
  Field also(std::vector<std::string> names) &&;
};
using Fields = std::vector<Field>;

/// One option as lists and pages show it; `value` is the default.
struct FieldInfo {
  std::string name, help, legal, value;
  std::vector<std::string> aliases;
};
std::vector<FieldInfo> describe(const Fields& fields);

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A real number in [low, high].
Field real_field(std::string name, double& value, double low, double high, std::string help);
/// A whole number in [low, high].
Field integer_field(std::string name, std::int64_t& value, std::int64_t low, std::int64_t high,
                    std::string help);
/// `true` or `false`; the bare name in a spec string means true.
Field bool_field(std::string name, bool& value, std::string help);
/// Any text.
Field text_field(std::string name, std::string& value, std::string help);
/// One of a few words (spelling of `_` and case does not matter).
Field choice_field(std::string name, std::string& value, std::vector<std::string> choices,
                   std::string help);
/// A list of numbers: `[1,2,3]` or one number.
Field reals_field(std::string name, std::vector<double>& value, std::string help);
/// A list of words: `[a,b]` or one word.
Field texts_field(std::string name, std::vector<std::string>& value, std::string help);

/// Sets fields from the arguments of `spec`. Positional arguments are an error unless
/// `positional` names the field that takes the first one. Unknown names get the nearest offered.
void set_fields(const Fields& fields, const Spec& spec, const std::string& positional = "");
/// `name(a=1, b=true)` with every field, defaults included; the name alone without fields.
Spec fields_spec(const std::string& name, const Fields& fields);

}  // namespace limn
