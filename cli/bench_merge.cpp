// `limn bench merge`: the shards of a run as one.
#include <fmt/format.h>

#include "cli/cli.h"
#include "limn/error.h"
#include "limn/runner.h"

namespace limn::cli {
namespace {

int merge(const std::string& folder, const std::vector<std::string>& folders) {
  const MergeSummary summary = merge_runs(folder, folders);
  fmt::print("{} results of {} pictures x models in {}/\n", summary.lines, summary.pictures,
             folder);
  for (const auto& one : summary.unfinished) {
    fmt::print(stderr, "limn: warning: the run in \"{}\" has not ended\n", one);
  }
  if (!summary.missing.empty()) {
    fmt::print(stderr, "limn: warning: missing: shard {}\n", fmt::join(summary.missing, ", "));
  }
  fmt::print("Next: limn bench report {}\n", folder);
  return 0;
}

}  // namespace

void add_bench_merge(CLI::App& bench, Action& action) {
  struct Command {
    std::string folder;
    std::vector<std::string> folders;
  };
  const auto command = std::make_shared<Command>();
  CLI::App* sub = bench.add_subcommand("merge", "Join the shards of a run");
  sub->add_option("OUT", command->folder, "the new folder")->required();
  sub->add_option("DIR", command->folders, "folders of `limn bench run --shard`")->required();
  sub->footer("Example:\n  limn bench merge whole shard1 shard2 shard3 shard4\n");
  sub->callback([command, &action] {
    action = [command] { return merge(command->folder, command->folders); };
  });
}

}  // namespace limn::cli
