// How tables call methods and metrics, and print numbers: see limn/tables.h.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "limn/spec.h"
#include "limn/tables.h"

namespace limn {
namespace {

/// The spec within a wrapper: its argument `method`.
const Spec* inner_of(const Spec& spec) {
  for (const auto& argument : spec.arguments) {
    if (argument.key == "method") return &argument.value.front();
  }
  return nullptr;
}

std::string bare_name(const Spec& spec) {
  const Spec* inner = inner_of(spec);
  return inner ? spec.name + "(" + bare_name(*inner) + ")" : spec.name;
}

std::string value_of(const Spec& spec, const std::string& key) {
  for (const auto& argument : spec.arguments) {
    if (argument.key == key) return argument.value.front().text();
  }
  return "";
}

/// The name with those of its options that are not the same in all of `others`.
std::string telling_name(const Spec& spec, const std::vector<Spec>& others) {
  const Spec* inner = inner_of(spec);
  std::string options = inner ? bare_name(*inner) : "";
  for (const auto& argument : spec.arguments) {
    if (argument.key == "method") continue;
    const std::string value = argument.value.front().text();
    const bool differs = std::any_of(others.begin(), others.end(), [&](const Spec& other) {
      return value_of(other, argument.key) != value;
    });
    if (!differs) continue;
    options += (options.empty() ? "" : ", ") + argument.key + "=" + value;
  }
  return options.empty() ? spec.name : spec.name + "(" + options + ")";
}

}  // namespace

std::vector<std::string> short_names(const std::vector<std::string>& specs) {
  std::vector<Spec> parsed;
  for (const auto& text : specs) parsed.push_back(Spec::parse(text));
  std::vector<std::string> names;
  for (const auto& spec : parsed) {
    std::vector<Spec> equal;
    for (const auto& other : parsed) {
      if (bare_name(other) == bare_name(spec)) equal.push_back(other);
    }
    names.push_back(equal.size() == 1 ? bare_name(spec) : telling_name(spec, equal));
  }
  // Differences that lie deeper.
  const std::multiset<std::string> all(names.begin(), names.end());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (all.count(names[i]) > 1) names[i] = specs[i];
  }
  return names;
}

std::string column_number(double value, const MetricColumn& column) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  const bool small = std::abs(column.low) <= 1 && std::abs(column.high) <= 1;
  std::string text = small ? fmt::format("{:.3f}", value) : fmt::format("{:.4g}", value);
  if (text == "-0.000") text = "0.000";
  return text.starts_with('-') ? "−" + text.substr(1) : text;
}

}  // namespace limn
