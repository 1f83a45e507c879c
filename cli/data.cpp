// `limn data`: what is in a data set, and what is wrong with it, before a run takes hours.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/cli.h"
#include "cli/outbox.h"
#include "cli/progress.h"
#include "limn/dataset.h"

namespace limn::cli {
namespace {

struct DataCommand {
  std::string spec;
  bool json = false, all = false, no_check = false;
};

constexpr std::size_t kShownProblems = 20;

struct Findings {
  std::vector<std::int64_t> pictures;  ///< with at least one object, by label
  std::int64_t without = 0;            ///< pictures of no class
  std::vector<DatasetProblem> problems;
};

Findings examine(const Dataset& data, bool check) {
  Findings out;
  out.pictures.resize(data.labels().size());
  Progress progress("pictures", static_cast<double>(data.size()));
  for (std::int64_t index = 0; index < data.size(); ++index) {
    check_interrupt();
    try {
      const std::vector<int> labels = data.labels_of(index);
      for (const int label : labels) ++out.pictures[static_cast<std::size_t>(label)];
      if (labels.empty()) ++out.without;
    } catch (const Error& error) {
      // What check() finds, it words better.
      if (!check) {
        out.problems.push_back({.id = data.id(index), .what = error.what(), .code = error.code()});
      }
    }
    progress.at(static_cast<double>(index + 1));
  }
  progress.clear();
  if (check) out.problems = data.check();
  return out;
}

/// 0 where every picture can be read, else the code of the first that cannot.
int exit_code(const std::vector<DatasetProblem>& problems) {
  for (const auto& problem : problems) {
    if (!problem.readable) return static_cast<int>(problem.code);
  }
  return 0;
}

/// Pictures that cannot be read: several problems may belong to one.
std::size_t unreadable(const std::vector<DatasetProblem>& problems) {
  std::set<std::string> ids;
  for (const auto& problem : problems) {
    if (!problem.readable) ids.insert(problem.id);
  }
  return ids.size();
}

void print_json(const Dataset& data, const Findings& found) {
  nlohmann::ordered_json json = {{"spec", data.spec().text()},
                                 {"size", data.size()},
                                 {"class_agnostic", data.class_agnostic()}};
  auto& classes = json["classes"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < found.pictures.size(); ++i) {
    classes.push_back({{"name", data.labels()[i]}, {"pictures", found.pictures[i]}});
  }
  json["without_class"] = found.without;
  json["unreadable"] = unreadable(found.problems);
  auto& problems = json["problems"] = nlohmann::ordered_json::array();
  for (const auto& problem : found.problems) {
    problems.push_back({{"id", problem.id},
                        {"what", problem.what},
                        {"code", static_cast<int>(problem.code)},
                        {"readable", problem.readable}});
  }
  fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_text(const Dataset& data, const Findings& found, const DataCommand& command) {
  fmt::print("{}\n{} pictures, {} classes{}\n\n", data.spec().text(), data.size(),
             data.labels().size(), data.class_agnostic() ? " (the object, whatever it is)" : "");
  fmt::print("{:>8}  class\n", "pictures");
  for (std::size_t i = 0; i < found.pictures.size(); ++i) {
    fmt::print("{:>8}  {}\n", found.pictures[i], data.labels()[i]);
  }
  if (found.without > 0) fmt::print("{:>8}  (none)\n", found.without);
  if (found.problems.empty()) {
    fmt::print("\n{}\n", command.no_check ? "Not checked." : "Nothing is wrong.");
    return;
  }
  const std::size_t bad = unreadable(found.problems);
  fmt::print("\n{} problem{}; {} picture{} cannot be read\n", found.problems.size(),
             found.problems.size() == 1 ? "" : "s", bad, bad == 1 ? "" : "s");
  const std::size_t shown =
      command.all ? found.problems.size() : std::min(found.problems.size(), kShownProblems);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& problem = found.problems[i];
    fmt::print("  {}: {}\n", problem.id, problem.what);
  }
  if (shown < found.problems.size()) {
    fmt::print("  ... and {} more (--all shows them)\n", found.problems.size() - shown);
  }
}

int data(const DataCommand& command) {
  const auto data = make_dataset(command.spec);
  const Findings found = examine(*data, !command.no_check);
  if (command.json) {
    print_json(*data, found);
  } else {
    print_text(*data, found, command);
  }
  return exit_code(found.problems);
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  const auto command = std::make_shared<DataCommand>();
  CLI::App* sub =
      app.add_subcommand("data", "Say what a data set holds, and what is wrong with it");
  sub->add_option("SPEC", command->spec, "a data set; `limn list datasets` names them")->required();
  sub->add_flag("--no-check", command->no_check, "count classes alone, which is faster");
  sub->add_flag("--all", command->all,
                fmt::format("print every problem; default: the first {}", kShownProblems));
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer(
      "Checked are: missing, truncated and oversized pictures, damaged annotations and masks, "
      "masks\n"
      "and annotations of another size than the picture, unknown classes, boxes outside the\n"
      "picture. The exit code is 0 where every picture can be read, else that of the first "
      "problem.\n"
      "\n"
      "Examples:\n"
      "  limn data \"shapes(n=100)\"\n"
      "  limn data \"voc(VOCdevkit/VOC2007, set=test)\"\n"
      "  limn data \"coco(annotations/instances_val2014.json, images=val2014)\" --json\n");
  sub->callback([command, &action] { action = [command] { return data(*command); }; });
}

}  // namespace limn::cli
