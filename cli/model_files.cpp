// See model_files.h.
#include "cli/model_files.h"

#include <filesystem>
#include <vector>

#include "limn/error.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> places() {
  std::error_code error;
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path();
  return {beside / "models", beside / "../share/limn/models", LIMN_MODELS};
}

}  // namespace

std::string demo_model_file(const std::string& name) {
  const auto all = places();
  for (const auto& place : all) {
    if (fs::exists(place / name)) return (place / name).lexically_normal().string();
  }
  fail(ErrorCode::NotFound, "demo model \"", name, "\" is in none of \"", all[0].string(), "\", \"",
       all[1].string(), "\", \"", all[2].string(), "\"; it comes with limn's source: ./dev build");
}

std::string demo_model_folder() {
  for (const auto& place : places()) {
    if (fs::exists(place / "shapes_resnet.onnx")) return place.lexically_normal().string();
  }
  return "";
}

}  // namespace limn::cli
