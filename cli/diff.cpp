// `limn diff`: how alike two raw maps are.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "limn/compare_maps.h"
#include "limn/npy.h"

namespace limn::cli {
namespace {

struct DiffCommand {
  std::string first, second;
  bool json = false;
};

int diff(const DiffCommand& command) {
  const MapComparison result = compare_maps(read_npy(command.first), read_npy(command.second));
  if (command.json) {
    const nlohmann::ordered_json json = {{"cosine", result.cosine},
                                         {"rank_correlation", result.rank_correlation},
                                         {"largest_difference", result.largest_difference},
                                         {"relative_difference", result.relative_difference},
                                         {"place", result.place},
                                         {"ssim", result.ssim}};
    fmt::print("{}\n", json.dump());
    return 0;
  }
  fmt::print("cosine              {:.6f}\n", result.cosine);
  fmt::print("rank correlation    {:.6f}  (Spearman)\n", result.rank_correlation);
  fmt::print("largest difference  {:.6g}  at [{}], {:.3g} of the largest value\n",
             result.largest_difference, fmt::join(result.place, ", "), result.relative_difference);
  fmt::print("SSIM                {:.6f}\n", result.ssim);
  return 0;
}

}  // namespace

void add_diff(CLI::App& app, Action& action) {
  const auto command = std::make_shared<DiffCommand>();
  CLI::App* sub = app.add_subcommand("diff", "Say how alike two raw maps are");
  sub->add_option("A", command->first, "a .npy map")->required();
  sub->add_option("B", command->second, "a .npy map of the same shape")->required();
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer("Example:\n  limn diff cat-lrp-top1.npy cat-gradient-top1.npy\n");
  sub->callback([command, &action] { action = [command] { return diff(*command); }; });
}

}  // namespace limn::cli
