// The `limn` program: arguments in, results on stdout, errors and progress on stderr, an exit code
// that says what kind of failure it was.
#include <c10/util/Exception.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <new>

#include "cli/allocator.h"
#include "cli/cli.h"
#include "cli/outbox.h"
#include "limn/error.h"
#include "limn/version.h"

namespace limn::cli {
namespace {

std::vector<std::string>& arguments() {
  static std::vector<std::string> all;
  return all;
}

constexpr const char* kFooter =
    "Examples:\n"
    "  limn demo                                        see it work on pictures of its own\n"
    "  limn explain model.onnx cat.jpg                  why this class? (LRP, likeliest class)\n"
    "  limn explain model.onnx photos/ -m lrp -m grad-cam -t top:3 -o out --html\n"
    "  limn compare model.onnx cat.jpg -m lrp -m gradient -m grad-cam -o grid.png\n"
    "  limn inspect model.onnx                          nodes, shapes, rules, coverage\n"
    "  limn list methods                                all methods; `limn list lrp` for one\n"
    "\n"
    "Exit codes: 0 done, 1 an error inside limn, 2 bad argument, 3 not found, 4 bad model,\n"
    "5 unsupported, 6 bad input, 7 reading or writing failed, 8 not to be trusted (NaN, "
    "--strict),\n"
    "9 device, 130 interrupted.\n";

int report(const char* text, int code) {
  std::cout.flush();
  std::fprintf(stderr, "limn: error: %s\n", text);
  return code;
}

/// What is wrong with the arguments, in words: CLI11's own offer no right ones.
std::string parse_words(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string path = "limn";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  std::string text = error.what();
  const std::string see = " (see " + path + " --help)";
  for (const std::string& extra : command->remaining(true)) {
    std::vector<std::string> names;
    if (extra.rfind("--", 0) == 0) {
      for (const auto* option : command->get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
      }
      const std::string typed = extra.substr(0, extra.find('='));
      return "no option \"" + typed + "\"; did you mean " + nearest_names(typed, names) + "?" + see;
    }
    for (const auto* one : command->get_subcommands({})) names.push_back(one->get_name());
    if (names.empty()) continue;
    return "no command \"" + extra + "\"; did you mean " + nearest_names(extra, names) + "?" + see;
  }
  return text + see;
}

int run(int count, char** values) {
  keep_freed_memory();
  CLI::App app{"limn shows which parts of a picture made a neural network decide as it did."};
  app.name("limn");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("limn ") + kVersion);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Action action;
  add_explain(app, action);
  add_explain_pair(app, action);
  add_compare(app, action);
  add_inspect(app, action);
  add_list(app, action);
  add_overlap(app, action);
  add_diff(app, action);
  add_doctor(app, action);
  add_demo(app, action);
  CLI::App* bench = app.add_subcommand("bench", "Measure on this machine");
  bench->require_subcommand(1);
  add_bench_cost(*bench, action);
  add_bench_shedding(*bench, action);
  add_bench_curves(*bench, action);
  add_bench_masks(*bench, action);
  add_bench_run(*bench, action);
  add_bench_merge(*bench, action);
  add_bench_report(*bench, action);
  add_bench_compare(*bench, action);
  add_bench_pair(*bench, action);
  add_concepts(app, action);
  add_shapes(app, action);
  add_data(app, action);
  add_spray(app, action);
  add_audit(app, action);
  add_visualize(app, action);
  add_invert(app, action);
  try {
    app.parse(count, values);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return report(parse_words(app, error).c_str(), static_cast<int>(ErrorCode::InvalidArgument));
  }
  return action ? action() : 0;
}

}  // namespace

const std::vector<std::string>& command_line() { return arguments(); }

}  // namespace limn::cli

int main(int count, char** values) {
  using limn::cli::report;
  limn::cli::arguments().assign(values, values + count);
  limn::cli::catch_interrupts();
  try {
    return limn::cli::run(count, values);
  } catch (const limn::cli::Interrupted&) {
    return report("interrupted; what this run had written is removed", 130);
  } catch (const limn::Error& error) {
    return report(error.what(), static_cast<int>(error.code()));
  } catch (const c10::Error& error) {
    // what() would print libtorch's backtrace.
    return report(error.what_without_backtrace(), 1);
  } catch (const std::bad_alloc&) {
    return report("out of memory; use a smaller --batch or input",
                  static_cast<int>(limn::ErrorCode::Device));
  } catch (const std::exception& error) {
    return report(error.what(), 1);
  }
}
