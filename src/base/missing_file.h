// What to say where a file is not there.
#pragma once
#include <string>

namespace limn {

/// `there is no file "modle.onnx"; did you mean "model.onnx"?`, or that there is no such folder.
std::string missing_file(const std::string& path);

}  // namespace limn
