// See picture_prior.h.
#include "concepts/picture_prior.h"

#include <ATen/ATen.h>

#include <cmath>

#include "base/counter_random.h"

namespace limn {
namespace {

constexpr double kGray = 0.5;
/// Keeps the slope of a root finite where neighbors are equal.
constexpr double kTiny = 1e-12;

}  // namespace

Tensor smoothness_price(const Tensor& pictures, double beta) {
  const std::int64_t rows = pictures.size(2) - 1, columns = pictures.size(3) - 1;
  const Tensor here = pictures.narrow(2, 0, rows).narrow(3, 0, columns);
  const Tensor down = pictures.narrow(2, 1, rows).narrow(3, 0, columns) - here;
  const Tensor right = pictures.narrow(2, 0, rows).narrow(3, 1, columns) - here;
  const Tensor squares = down.square() + right.square();
  if (beta == 2) return squares.flatten(1).sum(1);
  return (squares + (beta < 2 ? kTiny : 0)).pow(beta / 2).flatten(1).sum(1);
}

Tensor view_matrix(const ViewOptions& options, std::uint64_t seed, std::uint64_t step,
                   std::int64_t height, std::int64_t width) {
  const auto uniform = [&](std::uint64_t which) {
    return 2 * unit(draw(seed, 4 * step + which)) - 1;
  };
  const double zoom = std::pow(1 + options.scale, uniform(0));
  const double angle = options.rotation * M_PI / 180 * uniform(1);
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  const double reach = options.jitter * std::max(h, w);
  const double down = reach * uniform(2), right = reach * uniform(3);
  const double cosine = std::cos(angle) / zoom, sine = std::sin(angle) / zoom;
  return at::tensor({cosine, -sine * h / w, 2 * right / w, sine * w / h, cosine, 2 * down / h},
                    at::kDouble)
      .view({2, 3});
}

Tensor view_of(const Tensor& pictures, const Tensor& matrix) {
  const Tensor matrices = matrix.to(pictures.options()).unsqueeze(0);
  std::vector<std::int64_t> one = pictures.sizes().vec();
  one[0] = 1;
  const Tensor grid =
      at::affine_grid_generator(matrices, one, false).expand({pictures.size(0), -1, -1, -1});
  // Bilinear, zeros beyond the border: of the difference to gray.
  return at::grid_sampler(pictures - kGray, grid, 0, 0, false) + kGray;
}

}  // namespace limn
