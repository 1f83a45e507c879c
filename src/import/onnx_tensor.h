// Decodes ONNX's TensorProto: raw, typed or external data of every numeric element type.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "import/mapped_file.h"
#include "limn/tensor.h"

namespace limn {

constexpr std::size_t kMostDimensions = 32;  ///< of a tensor; more are a damaged file

/// The files that hold external data, each mapped once; none may lie outside the model's folder.
class ExternalData {
 public:
  /// An empty folder forbids external data.
  explicit ExternalData(std::string folder) : folder_(std::move(folder)) {}
  std::shared_ptr<const MappedFile> open(const std::string& location);

 private:
  std::string folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

/// Where a tensor's bytes come from: `file` is what they lie in (null: they must be copied).
struct TensorSource {
  std::shared_ptr<const MappedFile> file;
  ExternalData* external = nullptr;
};

struct NamedTensor {
  std::string name;
  Tensor value;            ///< undefined where `unreadable`
  std::string unreadable;  ///< why limn has no such tensors ("string tensor"), or empty
};

/// float16 and bfloat16 become float32, uint16/32/64 become int64 (BadModel where one does not
/// fit). Raw data of a mapped file that is aligned shares its pages. Sizes are checked against the
/// bytes present before anything is allocated. Throws BadModel, NotFound, Io.
NamedTensor decode_tensor(std::string_view bytes, const TensorSource& source);

/// ONNX's TensorProto.DataType as limn holds it in memory; none for strings, complex, 8- and 4-bit
/// floats and the like.
std::optional<at::ScalarType> scalar_type_of(std::int64_t onnx_type);
/// `float16`, `string` ...
std::string onnx_type_name(std::int64_t onnx_type);
/// The same of a type in memory.
std::string onnx_type_name(at::ScalarType type);

}  // namespace limn
