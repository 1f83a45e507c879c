// Each pixel that is missing becomes the weighted mean of its eight neighbors, all at once: the
// system (D - W) u = W x, symmetric and positive definite as soon as one pixel is known. It is
// solved by a sparse Cholesky factorization L D L^T, row by row along the elimination tree (Davis,
// "Algorithm 849: a concise sparse Cholesky factorization package", 2005), pixels numbered by
// nested dissection of the grid (George, 1973), which keeps L small: about N log N entries.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "limn/error.h"
#include "limn/faithfulness.h"

namespace limn {
namespace {

struct Neighbor {
  std::int64_t down, across;
  double weight;
};
constexpr std::array<Neighbor, 8> kNeighbors = {{{-1, -1, 1.0 / 12},
                                                 {-1, 0, 1.0 / 6},
                                                 {-1, 1, 1.0 / 12},
                                                 {0, -1, 1.0 / 6},
                                                 {0, 1, 1.0 / 6},
                                                 {1, -1, 1.0 / 12},
                                                 {1, 0, 1.0 / 6},
                                                 {1, 1, 1.0 / 12}}};

/// The missing pixels of a grid, numbered for elimination.
struct Missing {
  Missing(const bool* keep, std::int64_t rows, std::int64_t columns)
      : height(rows), width(columns), number(static_cast<std::size_t>(rows * columns), -1) {
    add(keep, 0, height, 0, width);
    for (std::size_t k = 0; k < places.size(); ++k) {
      number[static_cast<std::size_t>(places[k])] = static_cast<std::int32_t>(k);
    }
  }

  /// A line of pixels splits the longer side in two halves that do not touch; it comes last.
  void add(const bool* keep, std::int64_t top, std::int64_t bottom, std::int64_t left,
           std::int64_t right) {
    const std::int64_t down = bottom - top, across = right - left;
    if (down <= 0 || across <= 0) return;
    if (std::max(down, across) <= 3) {
      for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x) {
          if (!keep[y * width + x]) places.push_back(y * width + x);
        }
      }
      return;
    }
    if (down >= across) {
      const std::int64_t line = top + down / 2;
      add(keep, top, line, left, right);
      add(keep, line + 1, bottom, left, right);
      for (std::int64_t x = left; x < right; ++x) {
        if (!keep[line * width + x]) places.push_back(line * width + x);
      }
    } else {
      const std::int64_t line = left + across / 2;
      add(keep, top, bottom, left, line);
      add(keep, top, bottom, line + 1, right);
      for (std::int64_t y = top; y < bottom; ++y) {
        if (!keep[y * width + line]) places.push_back(y * width + line);
      }
    }
  }

  /// Calls f(place, weight) for the neighbors inside the picture.
  template <typename F>
  void neighbors(std::int64_t place, const F& f) const {
    const std::int64_t y = place / width, x = place % width;
    for (const auto& next : kNeighbors) {
      const std::int64_t v = y + next.down, u = x + next.across;
      if (v >= 0 && v < height && u >= 0 && u < width) f(v * width + u, next.weight);
    }
  }

  std::int64_t height, width;
  std::vector<std::int64_t> places;  ///< by number
  std::vector<std::int32_t> number;  ///< by place; -1 where the pixel is known
};

/// D - W as L D L^T.
class Factors {
 public:
  explicit Factors(const Missing& missing) : size_(missing.places.size()) {
    plan(missing);
    factor(missing);
  }

  void solve(std::vector<double>& b) const {
    for (std::size_t k = 0; k < size_; ++k) {
      for (std::size_t p = start_[k]; p < start_[k + 1]; ++p) b[row_[p]] -= entry_[p] * b[k];
    }
    for (std::size_t k = 0; k < size_; ++k) b[k] /= diagonal_[k];
    for (std::size_t k = size_; k-- > 0;) {
      for (std::size_t p = start_[k]; p < start_[k + 1]; ++p) b[k] -= entry_[p] * b[row_[p]];
    }
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  /// The elimination tree and the length of each column.
  void plan(const Missing& missing) {
    parent_.assign(size_, kNone);
    std::vector<std::size_t> seen(size_, kNone), length(size_, 0);
    for (std::size_t k = 0; k < size_; ++k) {
      seen[k] = k;
      missing.neighbors(missing.places[k], [&](std::int64_t place, double) {
        const std::int32_t n = missing.number[static_cast<std::size_t>(place)];
        if (n < 0 || static_cast<std::size_t>(n) > k) return;
        for (auto j = static_cast<std::size_t>(n); seen[j] != k; j = parent_[j]) {
          if (parent_[j] == kNone) parent_[j] = k;
          ++length[j];
          seen[j] = k;
        }
      });
    }
    start_.assign(size_ + 1, 0);
    for (std::size_t k = 0; k < size_; ++k) start_[k + 1] = start_[k] + length[k];
  }

  void factor(const Missing& missing) {
    row_.resize(start_[size_]);
    entry_.resize(start_[size_]);
    diagonal_.resize(size_);
    std::vector<std::size_t> seen(size_, kNone), filled(start_.begin(), start_.end() - 1);
    std::vector<std::size_t> columns, path;
    std::vector<double> value(size_, 0);
    for (std::size_t k = 0; k < size_; ++k) {
      double sum = 0;
      columns.clear();
      seen[k] = k;
      missing.neighbors(missing.places[k], [&](std::int64_t place, double weight) {
        sum += weight;
        const std::int32_t n = missing.number[static_cast<std::size_t>(place)];
        if (n < 0 || static_cast<std::size_t>(n) > k) return;
        value[static_cast<std::size_t>(n)] -= weight;
        path.clear();
        for (auto j = static_cast<std::size_t>(n); seen[j] != k; j = parent_[j]) {
          seen[j] = k;
          path.push_back(j);
        }
        columns.insert(columns.end(), path.rbegin(), path.rend());
      });
      // Later paths end in earlier ones, so that from the back children come before parents.
      for (std::size_t c = columns.size(); c-- > 0;) {
        const std::size_t j = columns[c];
        const double above = value[j];
        value[j] = 0;
        for (std::size_t p = start_[j]; p < filled[j]; ++p) value[row_[p]] -= entry_[p] * above;
        const double ratio = above / diagonal_[j];
        sum -= ratio * above;
        row_[filled[j]] = static_cast<std::uint32_t>(k);
        entry_[filled[j]++] = ratio;
      }
      diagonal_[k] = sum;
    }
  }

  std::size_t size_;
  std::vector<std::size_t> parent_, start_;
  std::vector<std::uint32_t> row_;
  std::vector<double> entry_, diagonal_;
};

}  // namespace

Tensor impute_linear(const Tensor& x, const Tensor& keep) {
  if (x.dim() != 3 || !x.is_floating_point() || x.numel() == 0 || keep.dim() != 2 ||
      keep.size(0) != x.size(1) || keep.size(1) != x.size(2) || keep.scalar_type() != at::kBool) {
    fail(ErrorCode::InvalidArgument,
         "imputation takes a picture [C, H, W] and bool [H, W] of the "
         "pixels that stay, not ",
         x.sizes(), " and ", keep.sizes(), " of ", keep.scalar_type());
  }
  const Tensor kept = keep.to(at::kCPU).contiguous();
  if (!kept.any().item<bool>()) return x.mean({1, 2}, true).expand_as(x).contiguous();
  const Missing missing(kept.data_ptr<bool>(), x.size(1), x.size(2));
  if (missing.places.empty()) return x;
  const Factors factors(missing);
  Tensor out = x.to(at::kCPU, at::kDouble, false, true).contiguous();
  std::vector<double> b(missing.places.size());
  for (std::int64_t c = 0; c < out.size(0); ++c) {
    auto* plane = out.data_ptr<double>() + c * out.size(1) * out.size(2);
    for (std::size_t k = 0; k < b.size(); ++k) {
      b[k] = 0;
      missing.neighbors(missing.places[k], [&](std::int64_t place, double weight) {
        if (missing.number[static_cast<std::size_t>(place)] < 0) b[k] += weight * plane[place];
      });
    }
    factors.solve(b);
    for (std::size_t k = 0; k < b.size(); ++k) plane[missing.places[k]] = b[k];
  }
  return out.to(x.options());
}

}  // namespace limn
