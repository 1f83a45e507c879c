// See permutohedral.h.
#include "metrics/permutohedral.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "limn/error.h"

namespace limn {
namespace {

constexpr std::int64_t kGrain = 4096;

/// Lattice vertices by their first d coordinates, numbered in the order they are met.
class VertexTable {
 public:
  explicit VertexTable(std::int64_t dimensions)
      : dimensions_(static_cast<std::size_t>(dimensions)), slots_(1 << 12, -1) {}

  std::int32_t size() const { return count_; }
  const std::int32_t* key(std::int32_t vertex) const {
    return keys_.data() + static_cast<std::size_t>(vertex) * dimensions_;
  }
  /// -1 where the lattice has no such vertex.
  std::int32_t find(const std::int32_t* key) const { return slots_[slot_of(key)]; }
  std::int32_t find_or_add(const std::int32_t* key) {
    const std::size_t slot = slot_of(key);
    if (slots_[slot] >= 0) return slots_[slot];
    slots_[slot] = count_++;
    keys_.insert(keys_.end(), key, key + dimensions_);
    const std::int32_t added = slots_[slot];
    if (static_cast<std::size_t>(count_) * 2 > slots_.size()) grow();
    return added;
  }

 private:
  std::size_t slot_of(const std::int32_t* key) const {
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < dimensions_; ++i) {
      hash = (hash + static_cast<std::uint32_t>(key[i])) * 0x9E3779B97F4A7C15ULL;
      hash ^= hash >> 29;
    }
    std::size_t slot = hash & (slots_.size() - 1);
    while (slots_[slot] >= 0 && !std::equal(key, key + dimensions_, this->key(slots_[slot]))) {
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return slot;
  }
  void grow() {
    slots_.assign(slots_.size() * 2, -1);
    for (std::int32_t vertex = 0; vertex < count_; ++vertex) slots_[slot_of(key(vertex))] = vertex;
  }

  std::size_t dimensions_;
  std::int32_t count_ = 0;
  std::vector<std::int32_t> keys_, slots_;
};

/// The simplex of one point: its corner of color 0, how the differences to it rank, and the
/// barycentric coordinates. Arrays have d + 1 entries, `barycentric` d + 2.
struct Simplex {
  std::vector<double> elevated, barycentric;
  std::vector<std::int32_t> corner, rank;

  explicit Simplex(std::size_t d)
      : elevated(d + 1), barycentric(d + 2), corner(d + 1), rank(d + 1) {}

  void find(const double* feature) {
    elevate(feature);
    const auto d = static_cast<std::int32_t>(elevated.size()) - 1;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < elevated.size(); ++i) {
      const auto nearest = static_cast<std::int32_t>(std::lround(elevated[i] / (d + 1)));
      corner[i] = nearest * (d + 1);
      sum += nearest;
      rank[i] = 0;
    }
    for (std::size_t i = 0; i < elevated.size(); ++i) {
      for (std::size_t j = i + 1; j < elevated.size(); ++j) {
        const bool less = elevated[i] - corner[i] < elevated[j] - corner[j];
        ++rank[less ? i : j];
      }
    }
    // Rounding can leave the plane of sum 0: the entries rounded farthest go the other way.
    for (std::size_t i = 0; i < elevated.size(); ++i) {
      rank[i] += sum;
      const std::int32_t turn = rank[i] < 0 ? 1 : rank[i] > d ? -1 : 0;
      rank[i] += turn * (d + 1);
      corner[i] += turn * (d + 1);
    }
    std::fill(barycentric.begin(), barycentric.end(), 0);
    for (std::size_t i = 0; i < elevated.size(); ++i) {
      const double share = (elevated[i] - corner[i]) / (d + 1);
      const auto place = static_cast<std::size_t>(d - rank[i]);
      barycentric[place] += share;
      barycentric[place + 1] -= share;
    }
    barycentric[0] += 1 + barycentric[elevated.size()];
  }

 private:
  /// Into the plane of d + 1 dimensions where all coordinates sum to 0.
  void elevate(const double* feature) {
    const std::size_t d = elevated.size() - 1;
    double sum = 0;
    for (std::size_t i = d; i > 0; --i) {
      const auto n = static_cast<double>(i);
      const double scaled = feature[i - 1] * static_cast<double>(d + 1) * std::sqrt(2.0 / 3.0) /
                            std::sqrt(n * (n + 1));
      elevated[i] = sum - n * scaled;
      sum += scaled;
    }
    elevated[0] = sum;
  }
};

}  // namespace

Permutohedral::Permutohedral(const Tensor& features) {
  if (features.dim() != 2 || features.numel() == 0 || features.size(1) > 16) {
    fail(ErrorCode::BadInput, "features are [n, d] with n >= 1 and 1 <= d <= 16, not ",
         features.sizes());
  }
  points_ = features.size(0);
  dimensions_ = features.size(1);
  const Tensor plain = features.to(at::kCPU, at::kDouble).contiguous();
  // Lattice coordinates are 32 bits; the largest is below d + 1 times the feature's.
  if (!(plain.abs().max().item<double>() < 1e7)) {
    fail(ErrorCode::Numerical, "features must be finite and below 1e7");
  }
  if (points_ * (dimensions_ + 1) > std::numeric_limits<std::int32_t>::max()) {
    fail(ErrorCode::BadInput, points_, " points are too many for a lattice of ", dimensions_,
         " dimensions; give a smaller picture");
  }
  add_points(plain);
  collect_splats();
}

void Permutohedral::add_points(const Tensor& features) {
  const auto d = static_cast<std::size_t>(dimensions_);
  corner_.resize(static_cast<std::size_t>(points_) * (d + 1));
  weight_.resize(corner_.size());
  VertexTable table(dimensions_);
  Simplex simplex(d);
  std::vector<std::int32_t> key(d);
  const auto turn = static_cast<std::int32_t>(d + 1);
  for (std::int64_t point = 0; point < points_; ++point) {
    simplex.find(features.data_ptr<double>() + point * dimensions_);
    for (std::int32_t color = 0; color < turn; ++color) {
      // Corner number `color` adds it to every coordinate; those of high rank wrap around.
      for (std::size_t i = 0; i < d; ++i) {
        key[i] = simplex.corner[i] + color - (simplex.rank[i] > turn - 1 - color ? turn : 0);
      }
      const auto entry =
          static_cast<std::size_t>(point) * (d + 1) + static_cast<std::size_t>(color);
      corner_[entry] = table.find_or_add(key.data());
      weight_[entry] = static_cast<float>(simplex.barycentric[static_cast<std::size_t>(color)]);
    }
  }
  vertices_ = table.size();
  neighbor_.resize(static_cast<std::size_t>(vertices_) * (d + 1) * 2);
  for (std::size_t axis = 0; axis <= d; ++axis) {
    for (std::int32_t vertex = 0; vertex < table.size(); ++vertex) {
      for (const std::int32_t side : {-1, 1}) {
        for (std::size_t i = 0; i < d; ++i) key[i] = table.key(vertex)[i] + side;
        if (axis < d) key[axis] -= side * turn;
        const std::int32_t found = table.find(key.data());
        neighbor_[(axis * static_cast<std::size_t>(vertices_) + static_cast<std::size_t>(vertex)) *
                      2 +
                  (side > 0 ? 1 : 0)] = found >= 0 ? found : table.size();
      }
    }
  }
}

void Permutohedral::collect_splats() {
  first_.assign(static_cast<std::size_t>(vertices_) + 1, 0);
  for (const std::int32_t vertex : corner_) ++first_[static_cast<std::size_t>(vertex) + 1];
  for (std::size_t v = 1; v < first_.size(); ++v) first_[v] += first_[v - 1];
  std::vector<std::int32_t> next(first_.begin(), first_.end() - 1);
  splat_point_.resize(corner_.size());
  splat_weight_.resize(corner_.size());
  const auto corners = static_cast<std::size_t>(dimensions_ + 1);
  for (std::size_t entry = 0; entry < corner_.size(); ++entry) {
    const auto place = static_cast<std::size_t>(next[static_cast<std::size_t>(corner_[entry])]++);
    splat_point_[place] = static_cast<std::int32_t>(entry / corners);
    splat_weight_[place] = weight_[entry];
  }
}

Tensor Permutohedral::filter(const Tensor& values) const {
  if (values.dim() != 2 || values.size(0) != points_) {
    fail(ErrorCode::BadInput, "values are [", points_, ", L], not ", values.sizes());
  }
  const Tensor plain = values.to(at::kCPU, at::kFloat).contiguous();
  const auto labels = static_cast<std::size_t>(plain.size(1));
  const float* in = plain.data_ptr<float>();
  // A last row of zeros stands for vertices that do not exist.
  std::vector<float> from(static_cast<std::size_t>(vertices_ + 1) * labels, 0), to(from.size(), 0);
  at::parallel_for(0, vertices_, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (auto v = static_cast<std::size_t>(begin); v < static_cast<std::size_t>(end); ++v) {
      float* row = from.data() + v * labels;
      for (auto entry = first_[v]; entry < first_[v + 1]; ++entry) {
        const auto place = static_cast<std::size_t>(entry);
        const float* value = in + static_cast<std::size_t>(splat_point_[place]) * labels;
        for (std::size_t l = 0; l < labels; ++l) row[l] += splat_weight_[place] * value[l];
      }
    }
  });
  for (std::int64_t axis = 0; axis <= dimensions_; ++axis) {
    const std::int32_t* neighbors = neighbor_.data() + axis * vertices_ * 2;
    at::parallel_for(0, vertices_, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (auto v = static_cast<std::size_t>(begin); v < static_cast<std::size_t>(end); ++v) {
        const float* here = from.data() + v * labels;
        const float* left = from.data() + static_cast<std::size_t>(neighbors[2 * v]) * labels;
        const float* right = from.data() + static_cast<std::size_t>(neighbors[2 * v + 1]) * labels;
        float* row = to.data() + v * labels;
        for (std::size_t l = 0; l < labels; ++l) row[l] = here[l] + .5F * (left[l] + right[l]);
      }
    });
    std::swap(from, to);
  }
  // Brings [1/2 1 1/2] along d + 1 directions, which are not independent, to the weight 1 at 0.
  const float scale = 1 / (1 + std::exp2(-static_cast<float>(dimensions_)));
  Tensor out = at::empty({points_, plain.size(1)}, at::kFloat);
  float* result = out.data_ptr<float>();
  const auto corners = static_cast<std::size_t>(dimensions_ + 1);
  at::parallel_for(0, points_, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (auto point = static_cast<std::size_t>(begin); point < static_cast<std::size_t>(end);
         ++point) {
      float* row = result + point * labels;
      std::fill(row, row + labels, 0.F);
      for (std::size_t entry = point * corners; entry < (point + 1) * corners; ++entry) {
        const float* value = from.data() + static_cast<std::size_t>(corner_[entry]) * labels;
        for (std::size_t l = 0; l < labels; ++l) row[l] += scale * weight_[entry] * value[l];
      }
    }
  });
  return out;
}

}  // namespace limn
