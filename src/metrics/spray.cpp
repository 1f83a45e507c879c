// See limn/spray.h. The graph and its spectrum as virelay/corelay@2ae0941 (pipeline/spectral.py)
// makes them.
#include "limn/spray.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "limn/error.h"
#include "metrics/metric_base.h"

namespace limn {
namespace {

constexpr double kNothing = 1e-9;

void check(const SprayOptions& o) {
  if (o.preprocessing != "absspectral" && o.preprocessing != "spectral") {
    fail(ErrorCode::InvalidArgument, "preprocessing is \"", o.preprocessing,
         "\"; legal: absspectral, spectral");
  }
  if (o.side < 0 || o.side > 4096 || o.neighbors < 1 || o.clusters < 0 || o.most_clusters < 2) {
    fail(ErrorCode::InvalidArgument, "side=", o.side, ", neighbors=", o.neighbors,
         ", clusters=", o.clusters, ", most_clusters=", o.most_clusters,
         ": give a side of 0 to 4096, 1 neighbor or more, and look for 2 clusters or more");
  }
}

/// [n, h, w] at side x side: averages of what falls into a cell, or bilinear where cells are
/// smaller than the map's.
Tensor resized(const Tensor& maps, std::int64_t side) {
  if (side == 0) return maps;
  const Tensor planes = maps.unsqueeze(1);
  if (maps.size(1) >= side && maps.size(2) >= side) {
    return at::adaptive_avg_pool2d(planes, {side, side}).squeeze(1);
  }
  return at::upsample_bilinear2d(planes, {side, side}, false).squeeze(1);
}

bool signs_cancel(const Tensor& map) {
  const Tensor wide = map.to(at::kDouble);
  return std::abs(wide.sum().item<double>()) < 1e-6 * wide.abs().sum().item<double>();
}

void check_map(const Tensor& map, const SprayOptions& o, std::int64_t number) {
  if (!map.isfinite().all().item<bool>()) {
    fail(ErrorCode::Numerical, "map ", number, " holds NaN or infinity");
  }
  if (map.min().equal(map.max())) {
    fail(ErrorCode::BadInput, "map ", number,
         " is constant: it has no place to compare; leave it out");
  }
  if (o.preprocessing == "spectral" && signs_cancel(map)) {
    fail(ErrorCode::BadInput, "the signs of map ", number,
         " cancel, so it cannot be divided by its sum; take preprocessing=absspectral");
  }
}

}  // namespace

Tensor spray_features(const Tensor& maps, const SprayOptions& options) {
  check(options);
  if ((maps.dim() != 3 && maps.dim() != 4) || maps.numel() == 0) {
    fail(ErrorCode::BadInput, "maps are [n, h, w] or [n, C, h, w], not ", maps.sizes());
  }
  Tensor planes = maps.to(at::kCPU, at::kDouble);
  if (planes.dim() == 4) planes = planes.sum(1);
  // Strength is taken before cells are averaged, so that signs do not cancel within a cell.
  const bool strength = options.preprocessing == "absspectral";
  for (std::int64_t i = 0; i < planes.size(0); ++i) check_map(planes[i], options, i);
  const Tensor rows = resized(strength ? planes.abs() : planes, options.side).flatten(1);
  return rows / rows.sum(1, true);
}

Tensor pairwise_distances(const Tensor& rows) {
  if (rows.dim() != 2) fail(ErrorCode::InvalidArgument, "rows are [n, d], not ", rows.sizes());
  const Tensor wide = rows.to(at::kCPU, at::kDouble);
  // 2: differences are squared and summed, exact zeros for equal rows.
  return at::cdist(wide, wide, 2, 2);
}

Tensor neighbor_affinity(const Tensor& distances, std::int64_t neighbors) {
  const std::int64_t count = distances.size(0);
  if (neighbors < 1 || neighbors >= count) {
    fail(ErrorCode::InvalidArgument, neighbors, " neighbors among ", count,
         " maps; give from 1 to ", count - 1);
  }
  Tensor others = distances.to(at::kCPU, at::kDouble).clone();
  others.fill_diagonal_(kInfinity);
  const Tensor order = std::get<1>(others.sort(true, 1, false)).narrow(1, 0, neighbors);
  const Tensor nearest = at::zeros_like(others).scatter_(1, order, 1);
  return (nearest + nearest.t()) / 2;
}

Tensor gaussian_affinity(const Tensor& distances, double sigma) {
  if (!(sigma > 0)) fail(ErrorCode::InvalidArgument, "sigma is ", sigma, "; give one above 0");
  return at::exp(-distances.square() / (2 * sigma * sigma));
}

Tensor normalized_affinity(const Tensor& affinity) {
  const Tensor degree = affinity.sum(1);
  if (!(degree > 0).all().item<bool>()) {
    fail(ErrorCode::InvalidArgument, "a map has no neighbor at all in the graph");
  }
  const Tensor root = degree.rsqrt();
  return root.unsqueeze(1) * affinity * root.unsqueeze(0);
}

Spectrum laplacian_spectrum(const Tensor& normalized, std::int64_t count) {
  if (count < 1 || count > normalized.size(0)) {
    fail(ErrorCode::InvalidArgument, count, " eigenvalues of a matrix ", normalized.sizes());
  }
  auto [lambda, vectors] = at::linalg_eigh(normalized, "L");
  Spectrum out;
  out.values = (1 - lambda).flip(0).narrow(0, 0, count).clamp(0, 2).contiguous();
  out.vectors = vectors.flip(1).narrow(1, 0, count).clone();
  // The sign of an eigenvector is nobody's choice: without a rule, pictures would flip.
  for (std::int64_t k = 0; k < count; ++k) {
    const Tensor column = out.vectors.select(1, k);
    const Tensor seen = (column.abs() > 1e-6).nonzero();
    if (seen.size(0) > 0 && column[seen[0][0].item<std::int64_t>()].item<double>() < 0) {
      column.neg_();
    }
  }
  return out;
}

Eigengap find_eigengap(const Tensor& values, std::int64_t most) {
  const Tensor data = values.to(at::kCPU, at::kDouble).contiguous();
  const auto* value = data.data_ptr<double>();
  Eigengap best;
  for (std::int64_t j = 1; j <= most && j < data.numel(); ++j) {
    const double step = value[j] - value[j - 1];
    if (step > best.size) best = {.clusters = j, .size = step};
  }
  return best;
}

double separation(const Tensor& values, std::int64_t most) {
  const Tensor data = values.to(at::kCPU, at::kDouble).contiguous();
  const auto* value = data.data_ptr<double>();
  double best = 0;
  for (std::int64_t j = 2; j <= most && j < data.numel(); ++j) {
    // Below kNothing eigenvalues are rounding of 0: steps between them mean nothing.
    best = std::max(best, (value[j] - value[j - 1]) / (value[j] + kNothing));
  }
  return std::clamp(best, 0.0, 1.0);
}

namespace {

std::vector<SprayCluster> clusters_of(const Tensor& rows, const std::vector<std::int64_t>& cluster,
                                      std::int64_t count) {
  std::vector<SprayCluster> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    out[static_cast<std::size_t>(cluster[i])].members.push_back(static_cast<std::int64_t>(i));
  }
  // Fewer distinct points than clusters leave some empty.
  std::erase_if(out, [](const SprayCluster& one) { return one.members.empty(); });
  for (auto& one : out) {
    const Tensor own = rows.index_select(0, at::tensor(one.members, at::kLong));
    one.mean = own.mean(0);
    const Tensor order = (own - one.mean).square().sum(1).argsort();
    std::vector<std::int64_t> sorted;
    for (std::int64_t i = 0; i < order.size(0); ++i) {
      sorted.push_back(one.members[static_cast<std::size_t>(order[i].item<std::int64_t>())]);
    }
    one.members = std::move(sorted);
  }
  return out;
}

/// The first two principal axes of points [n, k], which do not depend on how the k axes are turned;
/// the largest entry of each is positive.
Tensor on_two_axes(const Tensor& points) {
  const Tensor centered = points - points.mean(0);
  const Tensor axes = std::get<1>(at::linalg_eigh(centered.t().matmul(centered)));
  const std::int64_t last = points.size(1) - 1;
  Tensor out = centered.matmul(axes.index_select(1, at::tensor({last, last - 1}, at::kLong)));
  for (std::int64_t axis = 0; axis < 2; ++axis) {
    Tensor column = out.select(1, axis);
    const Tensor strongest = column[column.abs().argmax()];
    if (strongest.item<double>() < 0) column.neg_();
  }
  return out.contiguous();
}

/// Rows of the first `count` eigenvectors, scaled to length 1.
Tensor unit_rows(const Spectrum& spectrum, std::int64_t count) {
  const Tensor first = spectrum.vectors.narrow(1, 0, count);
  return first / first.norm(2, {1}, true).clamp_min(1e-300);
}

}  // namespace

SprayAnalysis analyze_maps(const Tensor& rows, const SprayOptions& options) {
  check(options);
  const std::int64_t count = rows.dim() == 2 ? rows.size(0) : 0;
  if (count < options.neighbors + 2) {
    fail(ErrorCode::BadInput, count, " maps are too few for ", options.neighbors,
         " neighbors each; give at least ", options.neighbors + 2, " maps, or fewer neighbors");
  }
  if (options.clusters > count) {
    fail(ErrorCode::InvalidArgument, options.clusters, " clusters of ", count,
         " maps; give at most ", count, " clusters, or more maps");
  }
  SprayAnalysis out;
  const Tensor normalized =
      normalized_affinity(neighbor_affinity(pairwise_distances(rows), options.neighbors));
  const std::int64_t wanted =
      std::max({options.most_clusters + 1, options.clusters, std::int64_t{3}});
  out.spectrum = laplacian_spectrum(normalized, std::min(wanted, count));
  out.gap = find_eigengap(out.spectrum.values, options.most_clusters);
  out.score = separation(out.spectrum.values, options.most_clusters);
  const std::int64_t clusters = options.clusters > 0 ? options.clusters : out.gap.clusters;
  out.cluster = k_means(unit_rows(out.spectrum, clusters), clusters, options.seed);
  out.clusters = clusters_of(rows.to(at::kCPU, at::kDouble), out.cluster, clusters);
  out.layout = on_two_axes(unit_rows(out.spectrum, std::max<std::int64_t>(clusters, 3)));
  return out;
}

std::string_view spray_verdict(double score) {
  return score >= kSprayFlagged ? "several strategies" : "one strategy";
}

namespace {

constexpr const char* kMap = "map";

Fields fields(SprayOptions& o) {
  return {integer_field("side", o.side, 2, 256, "maps are brought to side x side cells"),
          choice_field("preprocessing", o.preprocessing, {"absspectral", "spectral"},
                       "|map| / sum |map|, or map / sum of the map"),
          integer_field("neighbors", o.neighbors, 1, 1000, "of each map in the graph"),
          integer_field("most-clusters", o.most_clusters, 2, 100, "the eigengap's range")};
}

Measurement measure(const SprayOptions& o, const MetricCase& one) {
  if (one.map.min().equal(one.map.max())) return {.skipped = "the map is constant"};
  if (o.preprocessing == "spectral" && signs_cancel(one.map)) {
    return {.skipped = "the map's signs cancel: preprocessing=absspectral"};
  }
  const Tensor row = spray_features(one.map.unsqueeze(0), o)[0].contiguous();
  const auto* values = row.data_ptr<double>();
  return {.values = {{"maps", 1}}, .curves = {{kMap, {values, values + row.numel()}}}};
}

/// Classes with enough maps; NaN where there is none.
std::vector<double> summarize(const SprayOptions& o, const std::vector<MetricRow>& rows) {
  std::map<int, Tensors> classes;
  for (const auto& row : rows) {
    const auto found = row.measurement.curves.find(kMap);
    if (found != row.measurement.curves.end()) {
      classes[row.label].push_back(at::tensor(found->second, at::kDouble));
    }
  }
  double score = 0, largest = 0, clusters = 0, count = 0;
  for (const auto& [label, maps] : classes) {
    if (static_cast<std::int64_t>(maps.size()) < o.neighbors + 2) continue;
    const SprayAnalysis analysis = analyze_maps(at::stack(maps), o);
    score += analysis.score;
    largest = std::max(largest, analysis.score);
    clusters += static_cast<double>(analysis.clusters.size());
    ++count;
  }
  if (count == 0) return std::vector<double>(4, std::numeric_limits<double>::quiet_NaN());
  return {score / count, largest, clusters / count, count};
}

}  // namespace

MetricEntry metric_spray() {
  return define_metric<SprayOptions>(
      {.name = "spray",
       .title = "Spectral relevance analysis",
       .summary = "Whether the maps of a class fall into groups, as they do where a model uses "
                  "several strategies.",
       .formula =
           "largest (next - value) / next among the smallest eigenvalues, from the second on, "
           "of the normalized Laplacian of a nearest-neighbor graph of maps",
       .paper = "Lapuschkin et al.: Unmasking Clever Hans predictors, 2019",
       .columns = {{.name = "score",
                    .better = Better::Neither,
                    .help = "mean over classes; the higher the likelier several strategies"},
                   {.name = "largest",
                    .better = Better::Neither,
                    .help = "the same of the class with the highest"},
                   {.name = "clusters",
                    .better = Better::Neither,
                    .low = 1,
                    .high = kInfinity,
                    .help = "eigenvalues below the eigengap, mean over classes"},
                   {.name = "classes",
                    .better = Better::Neither,
                    .low = 0,
                    .high = kInfinity,
                    .help = "classes with at least neighbors + 2 maps"}}},
      fields, measure, summarize);
}

}  // namespace limn
