// Help and lists of the command line against approved text.
#include "approval/approve.h"

namespace limn {
namespace {

TEST(CommandLine, HelpAndLists) {
  const std::vector<std::vector<std::string>> commands = {{"--help"},
                                                          {"explain", "--help"},
                                                          {"explain-pair", "--help"},
                                                          {"compare", "--help"},
                                                          {"inspect", "--help"},
                                                          {"list", "--help"},
                                                          {"diff", "--help"},
                                                          {"doctor", "--help"},
                                                          {"demo", "--help"},
                                                          {"bench", "cost", "--help"},
                                                          {"bench", "shedding", "--help"},
                                                          {"bench", "masks", "--help"},
                                                          {"bench", "run", "--help"},
                                                          {"bench", "merge", "--help"},
                                                          {"overlap", "--help"},
                                                          {"shapes", "--help"},
                                                          {"data", "--help"},
                                                          {"spray", "--help"},
                                                          {"audit", "--help"},
                                                          {"concepts", "--help"},
                                                          {"visualize", "--help"},
                                                          {"invert", "--help"},
                                                          {"list", "methods"},
                                                          {"list", "operators"},
                                                          {"list", "grad-cam"},
                                                          {"list", "Conv"},
                                                          {"list", "presets"},
                                                          {"list", "colormaps"},
                                                          {"list", "protocols"},
                                                          {"list", "suites"},
                                                          {"list", "datasets"},
                                                          {"list", "voc"}};
  for (const auto& arguments : commands) {
    std::string name;
    for (const auto& argument : arguments) {
      for (const char c : argument)
        name += c == '-' && (name.empty() || name.back() == '-') ? "" : std::string(1, c);
      name += '-';
    }
    name.pop_back();
    const auto result = testing::run_process(LIMN_CLI, arguments);
    EXPECT_EQ(result.code, 0) << name << result.err;
    EXPECT_EQ(result.err, "") << name;
    testing::approve_text("limn-" + name + ".txt", result.out);
  }
}

}  // namespace
}  // namespace limn
