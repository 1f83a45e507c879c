// See support.h.
#include "support/support.h"

#include <cstdlib>
#include <filesystem>
#include <limits>

namespace limn::testing {

std::string test_data(const std::string& name) { return std::string(LIMN_TEST_DATA) + "/" + name; }
std::string demo_model(const std::string& name) { return std::string(LIMN_MODELS) + "/" + name; }

std::string shared(const std::string& name) {
  const std::string path = std::string(LIMN_SHARED) + "/" + name;
  return std::filesystem::exists(path) ? path : std::string();
}

std::string temporary_folder(const std::string& name) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / ("limn-" + name + "-XXXXXX")).string();
  return ::mkdtemp(pattern.data());
}

double relative_error(const Tensor& a, const Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (b.numel() == 0) return 0;
  const Tensor x = a.detach().to(at::kCPU, at::kDouble), y = b.detach().to(at::kCPU, at::kDouble);
  const double scale = std::max(y.abs().max().item<double>(), 1e-300);
  const double error = (x - y).abs().max().item<double>() / scale;
  return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

Draft single_node(const std::string& op, int opset, Attributes attributes, std::size_t inputs,
                  std::size_t outputs) {
  Draft draft;
  draft.opset = opset;
  DraftNode node{.name = op,
                 .op = op,
                 .domain = "",
                 .opset = opset,
                 .attributes = std::move(attributes),
                 .inputs = {},
                 .outputs = {}};
  for (std::size_t i = 0; i < inputs; ++i) {
    node.inputs.push_back("in" + std::to_string(i));
    ValueInfo info;
    info.name = node.inputs.back();
    draft.inputs.push_back(info);
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    node.outputs.push_back("out" + std::to_string(i));
    ValueInfo info;
    info.name = node.outputs.back();
    draft.outputs.push_back(info);
  }
  draft.nodes.push_back(std::move(node));
  return draft;
}

}  // namespace limn::testing
