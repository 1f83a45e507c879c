// `limn bench compare`: two runs, method by method, on what both have measured.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "limn/error.h"
#include "limn/tables.h"

namespace limn::cli {
namespace {

struct CompareRunsCommand {
  std::string first, second;
  Resampling resampling;
  bool json = false;
};

std::vector<ResultLine> lines_of(const std::string& folder) {
  const std::string path = (std::filesystem::path(folder) / "results.jsonl").string();
  std::vector<ResultLine> lines = read_results(path);
  if (lines.empty()) fail(ErrorCode::BadInput, "\"", path, "\" holds no whole line yet");
  return lines;
}

void print_json(const RunComparison& comparison) {
  for (const auto& warning : comparison.warnings) {
    fmt::print("{}\n", nlohmann::ordered_json({{"warning", warning}}).dump());
  }
  using Json = nlohmann::ordered_json;
  const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json(); };
  for (const auto& one : comparison.differences) {
    const Difference& difference = one.difference;
    const Json line = {{"model", one.model},
                       {"data", one.data},
                       {"method", one.method},
                       {"metric", one.metric},
                       {"column", one.column.name},
                       {"first", number(one.first)},
                       {"second", number(one.second)},
                       {"difference", number(difference.value)},
                       {"low", number(difference.interval.low)},
                       {"high", number(difference.interval.high)},
                       {"p", number(difference.p)},
                       {"p_adjusted", number(one.p_adjusted)},
                       {"cases", one.cases},
                       {"pictures", one.pictures}};
    fmt::print("{}\n", line.dump());
  }
  const auto remainder = [](const char* run, const std::vector<RunRemainder>& all) {
    for (const auto& one : all) {
      const Json line = {{"only", run},          {"model", one.model},   {"data", one.data},
                         {"method", one.method}, {"metric", one.metric}, {"lines", one.lines}};
      fmt::print("{}\n", line.dump());
    }
  };
  remainder("first", comparison.only_first);
  remainder("second", comparison.only_second);
}

/// Names as a report has them, of everything in the comparison.
std::map<std::string, std::string> names_of(const RunComparison& comparison,
                                            std::string RunDifference::*in_difference,
                                            std::string RunRemainder::*in_remainder) {
  std::map<std::string, std::string> names;
  for (const auto& one : comparison.differences) names[one.*in_difference];
  for (const auto& one : comparison.only_first) names[one.*in_remainder];
  for (const auto& one : comparison.only_second) names[one.*in_remainder];
  std::vector<std::string> specs;
  for (const auto& [spec, name] : names) specs.push_back(spec);
  const std::vector<std::string> shorter = short_names(specs);
  for (std::size_t i = 0; i < specs.size(); ++i) names[specs[i]] = shorter[i];
  return names;
}

void print_text(const RunComparison& comparison, const CompareRunsCommand& command) {
  const auto methods = names_of(comparison, &RunDifference::method, &RunRemainder::method);
  const auto metrics = names_of(comparison, &RunDifference::metric, &RunRemainder::metric);
  fmt::print("{} lines in both, {} of them with the same numbers\n", comparison.shared,
             comparison.equal);
  for (const auto& warning : comparison.warnings) fmt::print("warning: {}\n", warning);
  std::string heading;
  for (const auto& one : comparison.differences) {
    const std::string now = fmt::format("{} on {}: {}, {}{}", one.model, one.data,
                                        metrics.at(one.metric), one.column.name,
                                        one.column.better == Better::Higher  ? " (higher is better)"
                                        : one.column.better == Better::Lower ? " (lower is better)"
                                                                             : "");
    if (now != heading) {
      fmt::print("\n{}\n{:<32} {:>9} {:>9} {:>10} {:>22} {:>8} {:>8} {:>7}\n", now, "method",
                 "first", "second", "difference", "interval", "p", "adjusted", "cases");
      heading = now;
    }
    const Difference& difference = one.difference;
    const auto number = [](double value) {
      return std::isfinite(value) ? fmt::format("{:.4g}", value) : std::string("-");
    };
    const std::string interval = std::isfinite(difference.interval.low)
                                     ? fmt::format("[{}, {}]", number(difference.interval.low),
                                                   number(difference.interval.high))
                                     : "-";
    fmt::print("{:<32} {:>9} {:>9} {:>10} {:>22} {:>8} {:>8} {:>7}\n", methods.at(one.method),
               number(one.first), number(one.second), number(difference.value), interval,
               number(difference.p), number(one.p_adjusted), one.cases);
  }
  const auto remainder = [&](const std::string& folder, const std::vector<RunRemainder>& all) {
    if (all.empty()) return;
    fmt::print("\nonly in {}:\n", folder);
    for (const auto& one : all) {
      fmt::print("  {} on {}: {}, {}: {} line{}\n", one.model, one.data, methods.at(one.method),
                 metrics.at(one.metric), one.lines, one.lines == 1 ? "" : "s");
    }
  };
  remainder(command.first, comparison.only_first);
  remainder(command.second, comparison.only_second);
}

int compare_runs_of(const CompareRunsCommand& command) {
  const auto first = lines_of(command.first), second = lines_of(command.second);
  RunComparison comparison = compare_runs(first, second, command.resampling);
  const auto runs = run_differences(command.first, command.second);
  comparison.warnings.insert(comparison.warnings.begin(), runs.begin(), runs.end());
  if (command.json) {
    print_json(comparison);
  } else {
    print_text(comparison, command);
  }
  return 0;
}

}  // namespace

void add_bench_compare(CLI::App& bench, Action& action) {
  const auto command = std::make_shared<CompareRunsCommand>();
  CLI::App* sub = bench.add_subcommand(
      "compare", "Two runs on what both have measured: differences with intervals and tests");
  sub->add_option("A", command->first, "the folder of a run")->required();
  sub->add_option("B", command->second, "the folder of another")->required();
  sub->add_option("--samples", command->resampling.samples,
                  "drawings of pictures that make an interval; default: 1000")
      ->check(CLI::Range(100, 1'000'000));
  sub->add_option("--seed", command->resampling.seed, "of drawings and tests")
      ->check(CLI::NonNegativeNumber);
  sub->add_flag("--json", command->json, "print one JSON object a line");
  sub->footer(
      "Lines belong together where model, data, picture, class, method and metric are the same.\n"
      "A difference is B minus A on the cases that count in both; p comes from swapping the runs\n"
      "picture by picture, and is adjusted for all tests of the comparison (Holm). Warnings say\n"
      "where run.json shows other pictures, models, seeds or precisions.\n"
      "\n"
      "Example:\n  limn bench compare before after\n");
  sub->callback([command, &action] { action = [command] { return compare_runs_of(*command); }; });
}

}  // namespace limn::cli
