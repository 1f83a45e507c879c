// `limn list`: methods, metrics, data sets, operators, presets, color maps, or everything about one
// of them.
#include <fmt/format.h>

#include <cmath>

#include "cli/cli.h"
#include "limn/dataset.h"
#include "limn/error.h"
#include "limn/method.h"
#include "limn/metric.h"
#include "limn/render.h"
#include "limn/suite.h"
#include "ops/op.h"

namespace limn::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const char* between) {
  return fmt::format("{}", fmt::join(words, between));
}

/// Breaks text at spaces into lines of at most `width` characters.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string word = text.substr(at, end - at);
    const std::string& line = lines.back();
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      lines.push_back(word);
    } else {
      lines.back() += (line.empty() ? "" : " ") + word;
    }
    if (end < text.size() && text[end] == '\n') lines.emplace_back();
    at = end + 1;
  }
  return lines;
}

void print_block(const std::string& name, const std::string& text) {
  if (text.empty()) return;
  bool first = true;
  for (const auto& line : wrapped(text, 84)) {
    fmt::print("  {:<10} {}\n", first ? name : "", line);
    first = false;
  }
}

/// One entry of a list of methods, metrics or data sets.
template <typename Info>
void print_summary(const Info& info) {
  bool first = info.name.size() <= 20;
  if (!first) fmt::print("  {}\n", info.name);
  for (const auto& line : wrapped(info.summary, 74)) {
    fmt::print("  {:<20} {}\n", first ? info.name : "", line);
    first = false;
  }
}

/// How the description of a method, metric or data set begins.
template <typename Info>
void print_title(const Info& info) {
  fmt::print("{} ({})\n", info.title, info.name);
  print_block("", info.summary);
  fmt::print("\n");
}

void list_methods() {
  std::string family;
  for (const auto& entry : methods()) {
    const MethodInfo& info = entry.info;
    if (info.family != family) {
      fmt::print("{}{}\n", family.empty() ? "" : "\n", info.family);
      family = info.family;
    }
    print_summary(info);
  }
  fmt::print("\n`limn list NAME` says more: formula, paper, options.\n");
}

const char* gap_trait(GapKind gap) {
  switch (gap) {
    case GapKind::Score:
      return "the sum is the score, up to bias terms";
    case GapKind::ScoreMinusBaseline:
      return "the sum is the score minus the baseline's score";
    case GapKind::Terms:
      return "its terms sum to the score, the map does not";
    case GapKind::Mass:
      return "the sum is 1, minus what got lost";
    case GapKind::None:
      break;
  }
  return "";
}

void print_options(const std::string& name, const std::vector<FieldInfo>& options) {
  if (options.empty()) {
    fmt::print("\nNo options.\n");
    return;
  }
  fmt::print("\nOptions, written {}({}={}, ...)\n", name, options[0].name, options[0].value);
  for (const auto& option : options) {
    fmt::print("  {} = {}\n", option.name, option.value);
    for (const auto& line : wrapped(option.help, 84)) fmt::print("      {}\n", line);
    for (const auto& line : wrapped("legal: " + option.legal, 84)) fmt::print("      {}\n", line);
    if (!option.aliases.empty()) fmt::print("      also: {}\n", joined(option.aliases, ", "));
  }
}

void describe_method(const MethodEntry& entry) {
  const MethodInfo& info = entry.info;
  print_title(info);
  print_block("formula", info.formula);
  print_block("paper", info.paper);
  if (!info.aliases.empty()) print_block("also", joined(info.aliases, ", "));
  std::vector<std::string> traits;
  traits.push_back(info.signed_map ? "evidence for and against" : "strength only");
  if (info.gap != GapKind::None) traits.push_back(gap_trait(info.gap));
  traits.push_back(info.deterministic ? "same result every time" : "depends on --seed");
  if (info.needs_layer) traits.push_back("reads a layer");
  if (info.needs_bounds) traits.push_back("uses the input's lowest and highest values");
  print_block("traits", joined(traits, "; "));
  print_options(info.name, entry.options ? entry.options() : std::vector<FieldInfo>());
}

/// Name and summary of each.
template <typename Entry>
void list_entries(const std::vector<Entry>& entries, const char* more) {
  for (const auto& entry : entries) print_summary(entry.info);
  fmt::print("\n`limn list NAME` says more: {}.\n", more);
}

void describe_dataset(const DatasetEntry& entry) {
  const DatasetInfo& info = entry.info;
  print_title(info);
  print_block("layout", info.layout);
  print_block("source", info.source);
  print_options(info.name, entry.options ? entry.options() : std::vector<FieldInfo>());
}

const char* direction(Better better) {
  if (better == Better::Neither) return "neither way is better";
  return better == Better::Higher ? "higher is better" : "lower is better";
}

std::string bound(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{}", value);
}

void describe_metric(const MetricEntry& entry) {
  const MetricInfo& info = entry.info;
  print_title(info);
  print_block("formula", info.formula);
  print_block("paper", info.paper);
  if (!info.aliases.empty()) print_block("also", joined(info.aliases, ", "));
  std::vector<std::string> needs;
  if (info.needs_mask) needs.emplace_back("boxes or masks of the class");
  if (info.needs_model) needs.emplace_back("runs the model");
  if (info.needs_method) needs.emplace_back("explains again");
  print_block("needs", needs.empty() ? "the map alone" : joined(needs, "; "));
  fmt::print("\nColumns; the first is the main one\n");
  for (const auto& column : info.columns) {
    fmt::print("  {}: {}, from {} to {}\n", column.name, direction(column.better),
               bound(column.low), bound(column.high));
    for (const auto& line : wrapped(column.help, 84)) fmt::print("      {}\n", line);
  }
  print_options(info.name, entry.options ? entry.options() : std::vector<FieldInfo>());
}

void list_operators() {
  for (const OpSpec* op : operators()) {
    fmt::print("{:<24} {:<11} {}\n", op->name, kind_name(op->kind), op->help);
  }
  fmt::print("\n{} operators, opsets 7 to 21.\n", operators().size());
}

void describe_operator(const OpSpec& op) {
  fmt::print("{}, kind {}{}\n", op.name, kind_name(op.kind),
             op.kind_of ? " (depends on which inputs are constant)" : "");
  fmt::print("  {}\n", op.help);
  fmt::print("  opset {} and later, at least {} input{}\n", op.since, op.inputs_min,
             op.inputs_min == 1 ? "" : "s");
}

void describe_preset(const std::string& name) {
  const Preprocessing how = Preprocessing::preset(name);
  fmt::print("{:<10} ", name);
  if (!how.size.empty()) fmt::print("{} x {}, ", how.size.front(), how.size.back());
  fmt::print("{}", how.resize);
  if (how.short_side > 0) fmt::print(" {}", how.short_side);
  fmt::print(", mean {}, std {}, {}, pixels 0..{}\n", fmt::join(how.mean, " "),
             fmt::join(how.std, " "), how.channel_order, how.scale);
}

void describe_colormap(const ColormapInfo& info) {
  fmt::print("{:<10} {}{}\n", info.name, info.diverging ? "signed  " : "unsigned  ", info.summary);
}

template <typename Info>
bool answers_to(const Info& info, const std::string& wanted) {
  if constexpr (requires { info.aliases; }) {
    const auto is_wanted = [&](const auto& alias) { return canonical_name(alias) == wanted; };
    if (std::any_of(info.aliases.begin(), info.aliases.end(), is_wanted)) return true;
  }
  return info.name == wanted;
}

/// True where one of the entries is named so, described then; otherwise their names are kept.
template <typename Entry>
bool described(const std::vector<Entry>& entries, const std::string& wanted,
               std::vector<std::string>& names, void (*describe)(const Entry&)) {
  for (const auto& entry : entries) {
    if (answers_to(entry.info, wanted)) {
      describe(entry);
      return true;
    }
    names.push_back(entry.info.name);
  }
  return false;
}

void list_protocols() {
  for (const auto& one : protocols()) {
    fmt::print("{}  (SHA-256 {})\n", one.name, one.hash().substr(0, 12));
    print_block("", one.summary);
    print_block("source", one.source);
    print_block("labels", std::string(class_rule_name(one.rule)));
    if (one.side > 0) print_block("input", fmt::format("{0} x {0}", one.side));
    for (const auto& metric : one.metrics) print_block("metric", metric);
    fmt::print("\n");
  }
}

int list(const std::string& name) {
  const std::string wanted = canonical_name(name);
  if (wanted == "methods") {
    list_methods();
    return 0;
  }
  if (wanted == "operators") {
    list_operators();
    return 0;
  }
  if (wanted == "presets") {
    for (const auto& preset : Preprocessing::preset_names()) describe_preset(preset);
    return 0;
  }
  if (wanted == "colormaps") {
    for (const auto& info : colormaps()) describe_colormap(info);
    return 0;
  }
  if (wanted == "suites") {
    for (const auto& one : suites()) fmt::print("{:<18} {}\n", one.name, one.title);
    fmt::print("\n`limn bench run NAME --print` shows one, `limn bench run NAME` runs it.\n");
    return 0;
  }
  if (wanted == "protocols") {
    list_protocols();
    return 0;
  }
  if (wanted == "metrics") {
    list_entries(metrics(), "formula, paper, columns, options");
    return 0;
  }
  if (wanted == "datasets" || wanted == "data-sets") {
    list_entries(datasets(), "layout, source, options");
    fmt::print(
        "\nConcepts, too: `limn concepts MODEL \"broden(FOLDER)\"` reads Broden's layout.\n");
    return 0;
  }
  if (wanted == "broden") {
    fmt::print(
        "broden(FOLDER, index=index.csv, split=all, categories=[object, part])\n"
        "  Broden's layout, for `limn concepts` alone: index.csv, label.csv and images/ with mask\n"
        "  pictures (label number = red + 256 green) or numbers that hold for a whole picture.\n");
    return 0;
  }
  std::vector<std::string> names = {"methods", "metrics",   "datasets", "operators",
                                    "presets", "colormaps", "suites",   "protocols"};
  if (described(methods(), wanted, names, describe_method) ||
      described(metrics(), wanted, names, describe_metric) ||
      described(datasets(), wanted, names, describe_dataset)) {
    return 0;
  }
  for (const OpSpec* op : operators()) {
    if (canonical_name(op->name) == wanted) {
      describe_operator(*op);
      return 0;
    }
    names.emplace_back(op->name);
  }
  for (const auto& preset : Preprocessing::preset_names()) {
    if (preset == wanted) {
      describe_preset(preset);
      return 0;
    }
    names.push_back(preset);
  }
  for (const auto& info : colormaps()) {
    if (info.name == wanted) {
      describe_colormap(info);
      return 0;
    }
    names.push_back(info.name);
  }
  fail(ErrorCode::NotFound, "nothing is named \"", name, "\"; did you mean ",
       nearest_names(name, names), "?");
}

}  // namespace

void add_list(CLI::App& app, Action& action) {
  const auto name = std::make_shared<std::string>();
  CLI::App* sub = app.add_subcommand("list", "Say what there is: methods, metrics, data sets ...");
  sub->add_option(
         "WHAT", *name,
         "methods, metrics, datasets, suites, protocols, operators, presets, colormaps, or the\n"
         "name of one")
      ->required();
  sub->footer("Examples:\n  limn list methods\n  limn list lrp\n  limn list operators\n");
  sub->callback([name, &action] { action = [name] { return list(*name); }; });
}

}  // namespace limn::cli
