// See examples.h.
#include "evaluation/examples.h"

#include <filesystem>

#include "image/file.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/render.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "examples";

std::string stem_of(const PictureLine& line) {
  return concat(kFolder, "/", line.model, "-", line.data, "-", line.index);
}
std::string picture_name(const PictureLine& line) { return stem_of(line) + "-picture.png"; }
/// The number tells apart methods that differ in options alone.
std::string map_name(const PictureLine& line, const PlannedMethod& method, std::size_t number) {
  return concat(stem_of(line), "-", number + 1, "-", method.method->info().name, ".png");
}

}  // namespace

void write_example(const std::string& folder, const PictureLine& line, const PlannedMethod& method,
                   std::size_t number, const Tensor& picture, const Tensor& map, bool is_signed) {
  const auto path = [&](const std::string& name) { return (fs::path(folder) / name).string(); };
  std::error_code error;
  fs::create_directories(path(kFolder), error);
  if (error) {
    fail(ErrorCode::Io, "cannot make the folder \"", path(kFolder), "\": ", error.message());
  }
  const std::string original = path(picture_name(line));
  if (!fs::exists(original)) write_file(original, encode_png(picture));
  write_file(path(map_name(line, method, number)),
             encode_png(overlay_figure(picture, map, style_map(map, is_signed))));
}

Json example_json(const std::string& folder, const PictureLine& line, const BenchCase& one,
                  const std::vector<PlannedMethod>& methods) {
  Json maps = Json::array();
  for (std::size_t m = 0; m < methods.size(); ++m) {
    const std::string name = map_name(line, methods[m], m);
    if (fs::exists(fs::path(folder) / name)) {
      maps.push_back({{"method", methods[m].spec}, {"file", name}});
    }
  }
  return {{"model", line.model},        {"data", line.data},
          {"image", line.image},        {"class", one.label},
          {"label", one.label_name},    {"target", one.target},
          {"predicted", one.predicted}, {"picture", picture_name(line)},
          {"maps", std::move(maps)}};
}

}  // namespace limn
