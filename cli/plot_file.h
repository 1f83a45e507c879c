// The plot that a benchmark leaves.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/outbox.h"
#include "limn/render.h"

namespace limn::cli {

struct PlotChoice {
  std::string file;
  bool force = false;
};
/// `-o` and `--force`.
void add_plot_options(CLI::App& command, PlotChoice& choice);

/// Refuses other names than .png, and existing files without --force, before anything runs.
class PlotFile {
 public:
  explicit PlotFile(const PlotChoice& choice);
  /// Draws and keeps the plot; returns its path.
  std::string write(const std::vector<PlotLine>& lines, const PlotOptions& options);

 private:
  std::string name_;
  Outbox outbox_;
};

}  // namespace limn::cli
