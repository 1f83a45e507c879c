// What the commands of `limn` share. Each command is one file with one `add_` function.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace limn::cli {

/// What a command leaves to do once all arguments are read; returns the exit code.
using Action = std::function<int()>;

// Each adds its command to `app` and sets `action` when it is called.
void add_explain(CLI::App& app, Action& action);
void add_explain_pair(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_list(CLI::App& app, Action& action);
void add_overlap(CLI::App& app, Action& action);
void add_diff(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_bench_cost(CLI::App& bench, Action& action);
void add_bench_shedding(CLI::App& bench, Action& action);
void add_bench_curves(CLI::App& bench, Action& action);
void add_bench_masks(CLI::App& bench, Action& action);
void add_bench_run(CLI::App& bench, Action& action);
void add_bench_merge(CLI::App& bench, Action& action);
void add_bench_report(CLI::App& bench, Action& action);
void add_bench_compare(CLI::App& bench, Action& action);
void add_bench_pair(CLI::App& bench, Action& action);
void add_concepts(CLI::App& app, Action& action);
void add_shapes(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_spray(CLI::App& app, Action& action);
void add_audit(CLI::App& app, Action& action);
void add_visualize(CLI::App& app, Action& action);
void add_invert(CLI::App& app, Action& action);

/// The command line as typed, for the manifest.
const std::vector<std::string>& command_line();

}  // namespace limn::cli
