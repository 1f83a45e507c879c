// See metric_cases.h.
#include "golden/metric_cases.h"

#include <ATen/ATen.h>

#include "limn/insertion_deletion.h"
#include "limn/model.h"
#include "limn/npy.h"

namespace limn::golden {
namespace {

using nlohmann::json;
using Results = std::map<std::string, Tensor>;

Results pixel_curves(const std::filesystem::path& folder, const json& golden_case, bool inserts) {
  const Model model = Model::from_onnx((folder / golden_case["model"].get<std::string>()).string());
  const Tensor x = read_npy((folder / "input.npy").string());
  const Tensor map = read_npy((folder / "map.npy").string());
  PixelCurveOptions options;
  options.step = golden_case["options"]["step_pixels"];
  options.blur = golden_case["options"]["flavour"];
  Results results;
  Tensors areas;
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    const json& target = golden_case["target"];
    const std::int64_t kind = target.is_array() ? target[static_cast<std::size_t>(n)] : target;
    const auto run = inserts ? insertion : deletion;
    const PixelCurve curve =
        run(model, x.slice(0, n, n + 1), map.dim() == 3 ? map[n] : map, kind, options);
    results["expected"] = at::tensor(curve.probability, at::kDouble);
    areas.push_back(at::tensor(curve.area, at::kDouble));
  }
  results["expected_auc"] = results["auc"] = at::stack(areas);
  results["expected_blurred_input"] = blurred_start(x, options.blur);
  return results;
}

}  // namespace

std::optional<Results> run_metric(const std::filesystem::path& folder, const json& golden_case) {
  const std::string metric = golden_case.value("metric", "");
  if (metric == "deletion") return pixel_curves(folder, golden_case, false);
  if (metric == "insertion") return pixel_curves(folder, golden_case, true);
  if (metric == "blur_kernel") {
    const json& options = golden_case["options"];
    return Results{{"expected", rise_kernel(options["size"], options["sigma"])}};
  }
  return std::nullopt;
}

}  // namespace limn::golden
