// The inputs of a run: pictures, folders of them, and .npy tensors.
#pragma once
#include <string>
#include <vector>

#include "limn/image.h"
#include "limn/model.h"

namespace limn::cli {

/// One sample to explain.
struct Input {
  std::string path;
  std::string stem;         ///< for file names, unique in the run
  std::int64_t sample = 0;  ///< of a .npy batch
  Tensor tensor;            ///< [1, C, H, W] where the input is a tensor; else undefined
};
/// An input ready to run.
struct Loaded {
  std::string sha256;
  Tensor x;        ///< [1, C, H, W]
  Tensor picture;  ///< uint8 [H, W, 3]: the original
  Geometry geometry;
};

/// Folders become their pictures and tensors in the order of names. Throws NotFound where a path
/// does not exist or a folder has none.
std::vector<Input> list_inputs(const std::vector<std::string>& paths);
Loaded load_input(const Input& input, const Model& model);

}  // namespace limn::cli
