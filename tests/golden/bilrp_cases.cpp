// See bilrp_cases.h.
#include "golden/bilrp_cases.h"

#include <ATen/ATen.h>

#include "limn/bilrp.h"
#include "limn/npy.h"

namespace limn::golden {
namespace {

using nlohmann::json;

/// The reference's bounds, (0 - mean) / std and (1 - mean) / std.
std::vector<double> bounds(const json& options, double pixel) {
  std::vector<double> out;
  for (std::size_t c = 0; c < options["mean"].size(); ++c) {
    out.push_back((pixel - options["mean"][c].get<double>()) / options["std"][c].get<double>());
  }
  return out;
}

/// The reference averages over whole cells of both inputs; limn sums and keeps what is left over.
Tensor as_reference(const Tensor& joint, const PairOptions& options, const Tensor& x1,
                    const Tensor& x2) {
  Tensor out = joint / std::pow(static_cast<double>(options.cell), 4);
  for (std::int64_t axis = 0; axis < 4; ++axis) {
    const Tensor& x = axis < 2 ? x1 : x2;
    out = out.narrow(axis, 0, x.size(2 + axis % 2) / options.cell);
  }
  return out;
}

}  // namespace

std::optional<std::map<std::string, Tensor>> run_bilrp(const std::filesystem::path& folder,
                                                       const json& golden_case) {
  if (golden_case.value("method", "") != "bilrp") return std::nullopt;
  const auto path = [&](const char* key) {
    return (folder / golden_case[key].get<std::string>()).string();
  };
  const Model model = Model::from_onnx(path("model"));
  const Tensor x1 = read_npy(path("input")), x2 = read_npy(path("input2"));
  const json& given = golden_case["options"];
  PairOptions options;
  options.layer = model.graph().value(model.logits()).name;
  options.embedding = "flat";
  options.similarity = "dot";
  options.composite = "gamma-by-depth";
  options.gammas = given["gamma_by_layer_index"].get<std::vector<double>>();
  options.linear_gamma = given.value("projection_gamma", 0.0);
  options.low = bounds(given, 0);
  options.high = bounds(given, 1);
  options.cell = given["pool"];
  options.full = true;
  const auto joint = [&](const Model& in) {
    return as_reference(explain_pair(in, x1, x2, options).joint, options, x1, x2);
  };
  return std::map<std::string, Tensor>{{"expected", joint(model)},
                                       {"expected_f64", joint(model.to(at::kDouble))}};
}

}  // namespace limn::golden
