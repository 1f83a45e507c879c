// See sanity_cases.h.
#include "golden/sanity_cases.h"

#include <ATen/ATen.h>

#include "limn/method.h"
#include "limn/npy.h"
#include "limn/sanity.h"
#include "limn/spray.h"

namespace limn::golden {
namespace {

using nlohmann::json;
using Results = std::map<std::string, Tensor>;

/// [N, 1, H, W]: each picture's map for its class.
Tensor maps_of(const std::string& model_path, const Tensor& x, const json& classes) {
  const Model model = Model::from_onnx(model_path);
  const auto method = make_method("input-x-gradient");
  Tensors maps;
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    const std::int64_t kind = classes[static_cast<std::size_t>(n)];
    maps.push_back(method->explain(model, x.narrow(0, n, 1), Target::of_class(kind)).map());
  }
  return at::stack(maps);
}

/// The randomized networks are given, the original comes first.
Results randomization(const std::filesystem::path& folder, const json& golden_case) {
  std::vector<std::string> models = {golden_case["model"]};
  for (const auto& stage : golden_case["expected_values"]["stages"]) {
    models.push_back(stage["model"]);
  }
  const Tensor x = read_npy((folder / "input.npy").string());
  Tensors maps, similarities;
  for (const auto& model : models) {
    maps.push_back(maps_of((folder / model).string(), x, golden_case["target"]));
    std::vector<double> row;
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      row.push_back(map_similarity(maps.front()[n][0], maps.back()[n][0]).spearman);
    }
    similarities.push_back(at::tensor(row, at::kDouble));
  }
  return {{"expected", at::stack(similarities)}, {"expected_maps", at::stack(maps)}};
}

Results spectral_analysis(const std::filesystem::path& folder, const json& golden_case) {
  const json& options = golden_case["options"];
  SprayOptions how;
  how.side = 0;
  how.preprocessing = "spectral";
  const Tensor rows = spray_features(read_npy((folder / "input.npy").string()), how);
  Results out;
  out["expected_distance"] = pairwise_distances(rows);
  out["expected_affinity"] = neighbor_affinity(out["expected_distance"], options["neighbours"]);
  out["expected_laplacian"] = normalized_affinity(out["expected_affinity"]);
  out["expected_rbf_affinity"] = gaussian_affinity(out["expected_distance"], options["rbf_sigma"]);
  // The reference keeps the largest |lambda|, negative ones too, and lists 1 - lambda falling.
  const Spectrum all = laplacian_spectrum(out["expected_laplacian"], rows.size(0));
  const Tensor strongest = (1 - all.values).abs().argsort(0, true);
  const std::int64_t kept = options["eigenvalues"];
  const Tensor chosen = std::get<0>(strongest.narrow(0, 0, kept).sort(0, true));
  const Tensor vectors = all.vectors.index_select(1, chosen);
  out["expected_eigenvalues"] = all.values.index_select(0, chosen);
  out["expected_projector"] = at::mm(vectors, vectors.t());
  return out;
}

}  // namespace

std::optional<Results> run_sanity(const std::filesystem::path& folder, const json& golden_case) {
  const std::string metric = golden_case.value("metric", "");
  if (metric == "sanity_randomisation") return randomization(folder, golden_case);
  if (metric == "spray") return spectral_analysis(folder, golden_case);
  return std::nullopt;
}

}  // namespace limn::golden
