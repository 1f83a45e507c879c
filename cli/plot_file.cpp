// See plot_file.h.
#include "cli/plot_file.h"

#include <filesystem>

#include "limn/error.h"
#include "limn/image.h"

namespace limn::cli {

void add_plot_options(CLI::App& command, PlotChoice& choice) {
  command.add_option("-o,--out", choice.file, "the plot; default: " + choice.file)
      ->type_name("FILE.png");
  command.add_flag("--force", choice.force, "overwrite existing files");
}

PlotFile::PlotFile(const PlotChoice& choice)
    : name_(std::filesystem::path(choice.file).filename().string()),
      outbox_(std::filesystem::path(choice.file).parent_path().string(), choice.force) {
  if (std::filesystem::path(name_).extension() != ".png") {
    fail(ErrorCode::InvalidArgument, "-o is \"", choice.file, "\"; give a name that ends in .png");
  }
  outbox_.prepare({name_});
}

std::string PlotFile::write(const std::vector<PlotLine>& lines, const PlotOptions& options) {
  const std::string path = outbox_.put(name_, encode_png(line_plot(lines, options)));
  outbox_.keep();
  return path;
}

}  // namespace limn::cli
