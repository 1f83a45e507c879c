// External data: a file beside the model that holds the bytes of its tensors. A model from a
// stranger must not be able to read any other file.
#include <filesystem>

#include "import/onnx_tensor.h"
#include "limn/error.h"

namespace limn {

namespace fs = std::filesystem;

std::shared_ptr<const MappedFile> ExternalData::open(const std::string& location) {
  if (const auto known = files_.find(location); known != files_.end()) return known->second;
  if (folder_.empty()) {
    fail(ErrorCode::BadModel, "has external data in \"", location,
         "\", but the model was read from memory without a folder");
  }
  const fs::path relative(location);
  const auto refuse = [&](std::string_view why) {
    fail(ErrorCode::BadModel, "external data \"", location, "\" ", why,
         "; it must lie in the model's folder");
  };
  if (location.empty() || location.find('\0') != std::string::npos) refuse("is not a file name");
  if (relative.is_absolute()) refuse("is an absolute path");
  for (const auto& part : relative) {
    if (part == "..") refuse("leaves the model's folder");
  }
  std::error_code error;
  const fs::path root = fs::canonical(folder_, error);
  if (error) fail(ErrorCode::Io, "cannot read folder \"", folder_, "\": ", error.message());
  const fs::path path = fs::canonical(root / relative, error);
  if (error) {
    fail(ErrorCode::NotFound, "external data \"", location, "\" is missing from \"", folder_,
         "\"; keep it beside the model");
  }
  // A symbolic link may lead elsewhere.
  const fs::path inside = path.lexically_relative(root);
  if (inside.empty() || *inside.begin() == "..") refuse("leads out of the model's folder");
  auto file = MappedFile::open(path.string());
  files_.emplace(location, file);
  return file;
}

}  // namespace limn
