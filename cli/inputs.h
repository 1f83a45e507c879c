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
  bool is_tensor = false;   ///< a .npy file, else a picture
};
/// An input ready to run.
struct Loaded {
  std::string sha256;
  Tensor x;        ///< [1, C, H, W]
  Tensor picture;  ///< uint8 [H, W, 3]: the original
  Geometry geometry;
};

/// True where the text is no file and names a data set: `shapes`, `coco(instances.json)`.
bool names_dataset(const std::string& text);

/// Folders become their pictures and tensors in the order of names; of tensors the header alone is
/// read. Throws NotFound where a path does not exist or a folder has none.
std::vector<Input> list_inputs(const std::vector<std::string>& paths);

/// Reads inputs one after the other; samples of one .npy file, which it holds, share its reading.
class InputLoader {
 public:
  explicit InputLoader(const Model& model) : model_(model) {}
  Loaded load(const Input& input);

 private:
  Loaded load_tensor(const Input& input);

  const Model& model_;
  std::string path_, sha256_;
  Tensor tensor_;
};

}  // namespace limn::cli
