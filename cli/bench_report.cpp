// `limn bench report`: tables, curves and examples of a run as Markdown, CSV and one HTML page.
#include <fmt/format.h>

#include <filesystem>

#include "cli/cli.h"
#include "cli/outbox.h"
#include "limn/error.h"
#include "limn/tables.h"

namespace limn::cli {
namespace {

struct ReportCommand {
  std::string folder, out, format = "all";
  ReportOptions options;
  bool force = false;
};

struct Format {
  const char *name, *file;
  std::string (*make)(const BenchReport&);
};
constexpr Format kFormats[] = {{"md", "report.md", report_markdown},
                               {"csv", "report.csv", report_csv},
                               {"html", "report.html", report_html}};

int report(const ReportCommand& command) {
  const std::string path = (std::filesystem::path(command.folder) / "results.jsonl").string();
  const std::vector<ResultLine> lines = read_results(path);
  if (lines.empty()) {
    fail(ErrorCode::BadInput, "\"", path,
         "\" holds no whole line yet; `limn bench run` writes one for each measurement");
  }
  Outbox outbox(command.out.empty() ? command.folder : command.out, command.force);
  std::vector<std::string> names;
  for (const auto& format : kFormats) {
    if (command.format == "all" || command.format == format.name) names.emplace_back(format.file);
  }
  outbox.prepare(names);
  const BenchReport made = in_context(
      [&] { return "\"" + path + "\""; },
      [&] { return make_report(lines, read_run_facts(command.folder), command.options); });
  std::vector<std::string> paths;
  for (const auto& format : kFormats) {
    if (command.format != "all" && command.format != format.name) continue;
    paths.push_back(outbox.put(format.file, format.make(made)));
  }
  outbox.keep();
  std::size_t warnings = 0;
  for (const auto& table : made.tables) warnings += table.warnings.size();
  fmt::print("{} measurements, {} table{}, {} warning{}\n", lines.size(), made.tables.size(),
             made.tables.size() == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
  for (const auto& one : paths) fmt::print("{}\n", one);
  return 0;
}

}  // namespace

void add_bench_report(CLI::App& bench, Action& action) {
  const auto command = std::make_shared<ReportCommand>();
  CLI::App* sub = bench.add_subcommand(
      "report", "Tables of a run with intervals and tests, as Markdown, CSV and one HTML page");
  sub->add_option("DIR", command->folder, "the folder of a run")->required();
  sub->add_option("-o,--out", command->out, "folder of the report; default: DIR")->type_name("OUT");
  sub->add_option("--format", command->format, "md, csv, html or all; default: all")
      ->check(CLI::IsMember({"md", "csv", "html", "all"}));
  sub->add_flag("--published", command->options.published,
                "put published figures beside those measured here, marked as theirs");
  sub->add_option("--samples", command->options.resampling.samples,
                  "drawings of pictures that make an interval; default: 1000")
      ->check(CLI::Range(100, 1'000'000));
  sub->add_option("--seed", command->options.resampling.seed, "of drawings and tests")
      ->check(CLI::NonNegativeNumber);
  sub->add_flag("--force", command->force, "overwrite an earlier report");
  sub->footer(
      "Writes report.md, report.csv and report.html. Methods stand in rows, `random` and `center`\n"
      "last. The same lines and seed give the same report, in whatever order the lines are.\n"
      "docs/reports.md says how to read one.\n"
      "\n"
      "Example:\n  limn bench report out --published\n");
  sub->callback([command, &action] { action = [command] { return report(*command); }; });
}

}  // namespace limn::cli
