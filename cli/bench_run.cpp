// `limn bench run`: a suite of models, data, methods and metrics, stored line by line.
#include <c10/core/Device.h>
#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <tuple>

#include "cli/allocator.h"
#include "cli/cli.h"
#include "cli/model_files.h"
#include "cli/model_options.h"
#include "cli/outbox.h"
#include "cli/progress.h"
#include "limn/error.h"
#include "limn/runner.h"

namespace limn::cli {
namespace {

/// Problems printed at the end; run.json names all.
constexpr std::size_t kNamed = 10;

struct RunCommand {
  std::string suite, folder = "limn-bench", device = "cpu", precision = "fp32", shard = "1/1";
  std::vector<std::string> variables;
  std::int64_t batch = 1, examples = 3, threads = 0;
  bool skip_bad = false, force = false, list = false, print = false;
};

std::map<std::string, std::string> variables_of(const RunCommand& command) {
  std::map<std::string, std::string> out;
  const std::string models = demo_model_folder();
  if (!models.empty()) out["models"] = models;
  for (const auto& one : command.variables) {
    const auto at = one.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == one.size()) {
      fail(ErrorCode::InvalidArgument, "--set is \"", one, "\"; give NAME=PATH");
    }
    out[one.substr(0, at)] = one.substr(at + 1);
  }
  return out;
}

/// `2/8` as {2, 8}.
std::pair<std::int64_t, std::int64_t> shard_of(const std::string& text) {
  long long shard = 0, shards = 0;
  int read = 0;
  const bool fits = std::sscanf(text.c_str(), "%lld/%lld%n", &shard, &shards, &read) == 2 &&
                    static_cast<std::size_t>(read) == text.size();
  if (!fits || shard < 1 || shard > shards) {
    fail(ErrorCode::InvalidArgument, "--shard is \"", text, "\"; legal: 1/4 to 4/4 for four");
  }
  return {shard, shards};
}

BenchOptions options_of(const RunCommand& command) {
  BenchOptions options;
  options.folder = command.folder;
  options.device = parse_device(command.device);
  options.float64 = command.precision == "fp64";
  options.bfloat16 = command.precision == "bf16";
  options.batch = command.batch;
  std::tie(options.shard, options.shards) = shard_of(command.shard);
  options.skip_bad = command.skip_bad;
  options.force = command.force;
  options.examples = command.examples;
  options.versions = library_versions();
  options.command = command_line();
  return options;
}

void list_suites() {
  for (const auto& one : suites()) fmt::print("{:<18} {}\n", one.name, one.title);
  fmt::print(
      "\n`limn bench run NAME --print` shows one; docs/evaluation.md says how to write one.\n");
}

void print_problems(const BenchSummary& summary) {
  for (const auto& text : summary.warnings) fmt::print(stderr, "limn: warning: {}\n", text);
  for (std::size_t i = 0; i < std::min(kNamed, summary.problems.size()); ++i) {
    const auto& [data, problem] = summary.problems[i];
    fmt::print(stderr, "limn: warning: {}, {}: {}\n", data, problem.id, problem.what);
  }
  if (summary.problems.size() > kNamed) {
    fmt::print(stderr, "limn: warning: and {} more, all in {}\n", summary.problems.size() - kNamed,
               kRunFile);
  }
}

int run(const RunCommand& command) {
  if (command.list) {
    list_suites();
    return 0;
  }
  if (command.suite.empty()) {
    fail(ErrorCode::InvalidArgument, "no suite is given; `limn bench run --list` shows those that ",
         "come with limn");
  }
  const std::string text = suite_text(command.suite);
  if (command.print) {
    fmt::print("{}", text);
    return 0;
  }
  const Suite suite = parse_suite(text, command.suite, variables_of(command));
  BenchOptions options = options_of(command);
  set_threads(command.threads);
  for (const auto& line : suite.left_out) fmt::print(stderr, "left out: {}\n", line);
  std::optional<Progress> progress;
  options.progress = [&](double done, double total) {
    check_interrupt();
    return_surplus_memory();
    if (!progress) progress.emplace("pictures", total);
    progress->at(done);
  };
  BenchSummary summary;
  try {
    summary = run_suite(suite, options);
  } catch (const Interrupted&) {
    progress.reset();
    fmt::print(stderr,
               "limn: interrupted; what is finished stays in {}/, and the same command goes on "
               "from there\n",
               command.folder);
    return 130;
  }
  progress.reset();
  print_problems(summary);
  fmt::print("{}: {} pictures x models ({} found finished), {} new results in {}/\n", suite.name,
             summary.pictures, summary.found_finished, summary.lines, command.folder);
  if (summary.skipped > 0) {
    fmt::print("{} of the new results do not count; each line says why\n", summary.skipped);
  }
  if (!summary.problems.empty()) {
    fmt::print("{} picture{} could not be used\n", summary.problems.size(),
               summary.problems.size() == 1 ? "" : "s");
  }
  fmt::print("Next: limn bench {} {}\n", options.shards > 1 ? "merge OUT" : "report",
             command.folder);
  return 0;
}

}  // namespace

void add_bench_run(CLI::App& bench, Action& action) {
  const auto command = std::make_shared<RunCommand>();
  CLI::App* sub = bench.add_subcommand("run", "Run a suite: models x data x methods x metrics");
  sub->add_option("SUITE", command->suite, "the name of one that comes with limn, or a file");
  sub->add_flag("--list", command->list, "show the suites that come with limn");
  sub->add_flag("--print", command->print, "print the suite's text: copy it and make it your own");
  sub->add_option("-o,--out", command->folder, "folder for the results; default: limn-bench")
      ->type_name("DIR");
  sub->add_option("--set", command->variables, "a variable of the suite: --set voc07=DIR")
      ->type_name("NAME=PATH ...");
  sub->add_option("--shard", command->shard, "do this part of the pictures only: 2/8")
      ->type_name("I/N");
  sub->add_option("--batch", command->batch,
                  "pictures of one shape and the same classes that share passes; default: 1")
      ->check(CLI::Range(1, 4096));
  sub->add_option("--examples", command->examples,
                  "pictures of each data set whose maps are kept to look at; default: 3")
      ->check(CLI::Range(0, 1000));
  sub->add_flag("--skip-bad", command->skip_bad,
                "write down pictures that cannot be used, and maps and metrics that fail, and go\n"
                "on; else they end the run");
  sub->add_flag("--force", command->force, "start over: remove the results in the folder");
  sub->add_option("--device", command->device, "cpu, cuda or cuda:N");
  sub->add_option("--precision", command->precision, "fp32, fp64, or bf16 for masked pictures")
      ->check(CLI::IsMember({"fp32", "fp64", "bf16"}));
  sub->add_option("--threads", command->threads, "number of threads; default: all cores")
      ->check(CLI::Range(0, 4096));
  sub->footer(
      "Results are lines of DIR/results.jsonl, written as they come: a run that was stopped or\n"
      "killed goes on where it was when the same command is given again.\n"
      "\n"
      "Examples:\n"
      "  limn bench run --list\n"
      "  limn bench run demo -o demo\n"
      "  limn bench run rsp-table --print > mine.suite\n"
      "  limn bench run ./mine.suite --set voc07=VOCdevkit/VOC2007 -o mine\n"
      "  limn bench run demo --shard 1/2 -o one; limn bench run demo --shard 2/2 -o two;\n"
      "  limn bench merge both one two\n");
  sub->callback([command, &action] { action = [command] { return run(*command); }; });
}

}  // namespace limn::cli
