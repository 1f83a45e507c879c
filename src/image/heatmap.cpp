// Maps between resolutions and back to the geometry of the original picture.
#include "limn/heatmap.h"

#include <ATen/ops/upsample_bilinear2d.h>

#include "limn/error.h"

namespace limn {
namespace {

/// [out, in] matrix that samples an axis of `in` map cells, laid over `span` input pixels, at the
/// centers of `out` original pixels. Triangle filter as wide as one original pixel where those are
/// larger than map cells (nothing is skipped), else plain bilinear. Rows outside the input are 0.
Tensor sampling_matrix(std::int64_t in, std::int64_t out, double span, double scale,
                       double offset) {
  Tensor matrix = at::zeros({out, in}, at::kDouble);
  auto* rows = matrix.data_ptr<double>();
  const double cells = static_cast<double>(in) / span;  // map cells per input pixel
  const double reach = std::max(1.0, cells / scale);
  for (std::int64_t i = 0; i < out; ++i) {
    const double place = (static_cast<double>(i) + 0.5 - offset) / scale;
    if (place < 0 || place > span) continue;
    const double center = place * cells;
    const auto first = static_cast<std::int64_t>(std::floor(center - reach - 0.5));
    const auto last = static_cast<std::int64_t>(std::ceil(center + reach + 0.5));
    double sum = 0;
    for (std::int64_t x = first; x <= last; ++x) {
      const double weight =
          std::max(0.0, 1 - std::abs(static_cast<double>(x) + 0.5 - center) / reach);
      // Beyond the border the outermost cell goes on.
      rows[i * in + std::clamp<std::int64_t>(x, 0, in - 1)] += weight;
      sum += weight;
    }
    for (std::int64_t x = 0; x < in; ++x) rows[i * in + x] /= sum;
  }
  return matrix;
}

}  // namespace

Tensor resize_maps(const Tensor& maps, std::int64_t height, std::int64_t width) {
  if (maps.dim() != 3) {
    fail(ErrorCode::InvalidArgument, "maps are [N, h, w], not ", maps.sizes());
  }
  if (maps.size(1) == height && maps.size(2) == width) return maps;
  return at::upsample_bilinear2d(maps.unsqueeze(1), {height, width}, false).squeeze(1);
}

Tensor to_original(const Tensor& map, const Geometry& geometry) {
  if (map.dim() != 2 && map.dim() != 3) {
    fail(ErrorCode::InvalidArgument, "a map is [h, w], or some are [N, h, w], not ", map.sizes());
  }
  const bool same = map.size(-2) == geometry.original_height &&
                    map.size(-1) == geometry.original_width && geometry.offset_x == 0 &&
                    geometry.offset_y == 0 &&
                    geometry.scale_y * static_cast<double>(geometry.input_height) ==
                        static_cast<double>(geometry.original_height) &&
                    geometry.scale_x * static_cast<double>(geometry.input_width) ==
                        static_cast<double>(geometry.original_width);
  if (same) return map.contiguous();
  const Tensor down = sampling_matrix(map.size(-2), geometry.original_height,
                                      static_cast<double>(geometry.input_height), geometry.scale_y,
                                      geometry.offset_y)
                          .to(map.options());
  const Tensor across = sampling_matrix(map.size(-1), geometry.original_width,
                                        static_cast<double>(geometry.input_width), geometry.scale_x,
                                        geometry.offset_x)
                            .to(map.options());
  return at::matmul(at::matmul(down, map), across.t()).contiguous();
}

}  // namespace limn
