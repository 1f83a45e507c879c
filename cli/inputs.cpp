// See inputs.h.
#include "cli/inputs.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/missing_file.h"
#include "image/file.h"
#include "limn/dataset.h"
#include "limn/error.h"
#include "limn/npy.h"
#include "limn/sidecar.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

bool is_tensor_name(const fs::path& path) { return path.extension() == ".npy"; }

std::vector<std::string> files_of(const std::string& path) {
  if (!fs::exists(path)) fail(ErrorCode::NotFound, "input: ", missing_file(path));
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

bool names_dataset(const std::string& text) {
  if (fs::exists(text)) return false;
  if (text.ends_with(')') && text.find('(') != std::string::npos) return true;
  const std::string name = text.substr(0, text.find('('));
  const auto& all = datasets();
  return std::any_of(all.begin(), all.end(),
                     [&](const DatasetEntry& one) { return one.info.name == name; });
}

std::vector<Input> list_inputs(const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  for (const auto& path : paths) {
    for (const auto& file : files_of(path)) {
      const std::string stem = fs::path(file).stem().string();
      if (!is_tensor_name(file)) {
        inputs.push_back({file, stem, 0, false});
        continue;
      }
      const std::vector<std::int64_t> shape = read_npy_shape(file);
      if (shape.size() != 4 || std::find(shape.begin(), shape.end(), 0) != shape.end()) {
        fail(ErrorCode::BadInput, "\"", file, "\" has shape ", at::IntArrayRef(shape),
             "; an input tensor is [N,C,H,W]");
      }
      for (std::int64_t i = 0; i < shape[0]; ++i) {
        inputs.push_back({file, shape[0] == 1 ? stem : stem + "-" + std::to_string(i), i, true});
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

Loaded InputLoader::load(const Input& input) {
  return in_context([&] { return "input \"" + input.path + "\""; },
                    [&] {
                      if (input.is_tensor) return load_tensor(input);
                      Loaded out;
                      const std::string bytes = read_file(input.path);
                      out.sha256 = sha256(bytes);
                      const Picture picture = decode_picture(bytes, input.path);
                      PreparedInput prepared =
                          preprocess(picture, model_.preprocessing(), model_.input_shape());
                      out.x = prepared.x;
                      out.geometry = prepared.geometry;
                      out.picture = picture.pixels;
                      return out;
                    });
}

Loaded InputLoader::load_tensor(const Input& input) {
  if (input.path != path_) {
    // The one before makes room first.
    tensor_ = Tensor();
    path_ = input.path;
    const std::string bytes = read_file(path_);
    sha256_ = sha256(bytes);
    tensor_ = decode_npy(bytes, path_);
  }
  if (tensor_.dim() != 4 || tensor_.size(0) <= input.sample) {
    fail(ErrorCode::BadInput, "the file changed while limn was running");
  }
  Loaded out;
  out.sha256 = sha256_;
  out.x = tensor_.narrow(0, input.sample, 1);
  if (!out.x.is_floating_point()) out.x = out.x.to(at::kFloat);
  if (!out.x.isfinite().all().item<bool>()) {
    fail(ErrorCode::BadInput, "sample ", input.sample,
         " holds NaN or infinity; replace them first");
  }
  const std::int64_t height = out.x.size(2), width = out.x.size(3);
  out.geometry = {height, width, height, width, 1, 1, 0, 0};
  out.picture = picture_of_input(out.x[0], model_.preprocessing());
  return out;
}

}  // namespace limn::cli
