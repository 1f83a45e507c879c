// limn_golden FOLDER: one line per case, a closing count, non-zero where any failed.
#include <cstdio>

#include "golden/golden_runner.h"
#include "limn/error.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: limn_golden FOLDER\n", stderr);
    return 2;
  }
  try {
    const auto summary = limn::golden::run_folder(
        argv[1], [](const auto& result) { std::puts(limn::golden::line(result).c_str()); });
    std::puts(summary.text().c_str());
    return summary.failed == 0 ? 0 : 1;
  } catch (const limn::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
