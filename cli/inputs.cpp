// See inputs.h.
#include "cli/inputs.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "image/file.h"
#include "limn/error.h"
#include "limn/npy.h"
#include "limn/sidecar.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

bool is_tensor_name(const fs::path& path) { return path.extension() == ".npy"; }

std::vector<std::string> files_of(const std::string& path) {
  if (!fs::exists(path)) {
    fail(ErrorCode::NotFound, "input \"", path, "\" does not exist; give a picture, a folder of ",
         "pictures, or a .npy tensor");
  }
  if (!fs::is_directory(path)) return {path};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().string();
    if (entry.is_regular_file() && (is_picture_name(name) || is_tensor_name(entry.path()))) {
      files.push_back(name);
    }
  }
  if (files.empty()) {
    fail(ErrorCode::NotFound, "folder \"", path, "\" holds no picture and no .npy tensor");
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<Input> list_inputs(const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  for (const auto& path : paths) {
    for (const auto& file : files_of(path)) {
      const std::string stem = fs::path(file).stem().string();
      if (!is_tensor_name(file)) {
        inputs.push_back({file, stem, 0, {}});
        continue;
      }
      const Tensor tensor = read_npy(file);
      if (tensor.dim() != 4 || tensor.numel() == 0) {
        fail(ErrorCode::BadInput, "\"", file, "\" has shape ", tensor.sizes(),
             "; an input tensor is [N,C,H,W]");
      }
      for (std::int64_t i = 0; i < tensor.size(0); ++i) {
        const std::string name = tensor.size(0) == 1 ? stem : stem + "-" + std::to_string(i);
        inputs.push_back({file, name, i, tensor.narrow(0, i, 1)});
      }
    }
  }
  // Names of their own come first: a second "a" must not take the place of "a-2.png".
  std::set<std::string> taken, given;
  for (const auto& input : inputs) taken.insert(input.stem);
  for (auto& input : inputs) {
    if (given.insert(input.stem).second) continue;
    const std::string stem = input.stem;
    for (int number = 2; !taken.insert(input.stem).second; ++number) {
      input.stem = stem + "-" + std::to_string(number);
    }
    given.insert(input.stem);
  }
  return inputs;
}

Loaded load_input(const Input& input, const Model& model) {
  return in_context(
      [&] { return "input \"" + input.path + "\""; },
      [&] {
        Loaded out;
        const std::string bytes = read_file(input.path);
        out.sha256 = sha256(bytes);
        if (input.tensor.defined()) {
          out.x = input.tensor.is_floating_point() ? input.tensor : input.tensor.to(at::kFloat);
          if (!out.x.isfinite().all().item<bool>()) {
            fail(ErrorCode::BadInput, "sample ", input.sample, " holds NaN or infinity");
          }
          const std::int64_t height = out.x.size(2), width = out.x.size(3);
          out.geometry = {height, width, height, width, 1, 1, 0, 0};
          out.picture = picture_of_input(out.x[0], model.preprocessing());
          return out;
        }
        const Picture picture = decode_picture(bytes, input.path);
        PreparedInput prepared = preprocess(picture, model.preprocessing(), model.input_shape());
        out.x = prepared.x;
        out.geometry = prepared.geometry;
        out.picture = picture.pixels;
        return out;
      });
}

}  // namespace limn::cli
