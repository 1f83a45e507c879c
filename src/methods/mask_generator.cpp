// See mask_generator.h. All pixels of a block see the same window. The products v
// [window, blocks, pixels] are made in pieces of blocks and never stored as a whole; the window
// comes first as in the authors' code, so that sums round alike: the area term sorts masks, whose
// many equal values would else change places.
#include "methods/mask_generator.h"

#include <ATen/Parallel.h>

#include "limn/error.h"

namespace limn {
namespace {

constexpr double kColdness = 20;
/// Numbers of v made at once: about what a core's cache holds, or enough to fill a GPU.
constexpr std::int64_t kCpuPiece = 1 << 17, kOtherPiece = 1 << 24;

std::int64_t ceil_of(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Calls `run(first, count)` for pieces of all blocks, on all threads of a CPU.
void in_pieces(const Tensor& columns, std::int64_t numbers_per_block,
               const std::function<void(std::int64_t, std::int64_t)>& run) {
  const bool cpu = columns.device().is_cpu();
  const std::int64_t piece =
      std::max<std::int64_t>(1, (cpu ? kCpuPiece : kOtherPiece) / numbers_per_block);
  const auto some = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += piece) {
      run(first, std::min(piece, end - first));
    }
  };
  if (cpu) {
    at::parallel_for(0, columns.size(1), piece, some);
  } else {
    some(0, columns.size(1));
  }
}

}  // namespace

MaskGenerator::MaskGenerator(std::int64_t height, std::int64_t width, std::int64_t step,
                             std::int64_t sigma, const at::TensorOptions& like)
    : step_(step), margin_(sigma), size_{height, width} {
  padding_ = 1 + ceil_of(margin_ + sigma, step);
  const std::int64_t radius = 1 + ceil_of(sigma, step);
  side_ = 2 * radius + 1;
  for (std::size_t i = 0; i < 2; ++i) {
    cells_[i] = ceil_of(size_[i], step);
    blocks_[i] = cells_[i] + 2 * padding_ - side_ + 1;
    full_[i] = step * blocks_[i] - step + 1;
  }
  if (full_[0] < margin_ + height || full_[1] < margin_ + width) {
    fail(ErrorCode::InvalidArgument, "masks with step=", step, " and sigma=", sigma,
         " do not reach the border; take a multiple of the step, as sigma=",
         step * std::max<std::int64_t>(1, sigma / step));
  }
  // Distances from the pixels of block 0 to the centers of its window.
  const Tensor pixels = at::arange(step, like).unsqueeze(1);
  const Tensor centers = margin_ + step * (at::arange(side_, like) - padding_).unsqueeze(0);
  const Tensor squares = (pixels - centers).square().t();  // [side, step], the same both ways
  const Tensor distance =
      (squares.reshape({side_, 1, step, 1}) + squares.reshape({1, side_, 1, step})).sqrt();
  const Tensor beyond = (distance / static_cast<double>(sigma) - 0.5).clamp_min(0);
  weights_ = (-2 * beyond.square()).exp().reshape({side_ * side_, 1, step * step});
}

Tensor MaskGenerator::windows(const Tensor& parameters) const {
  const Tensor columns = at::im2col(parameters.unsqueeze(1), {side_, side_}, {1, 1},
                                    {padding_, padding_}, {1, 1});  // [A, window, blocks]
  return columns.transpose(0, 1).reshape({side_ * side_, -1, 1}).contiguous();
}

Tensor MaskGenerator::full(const Tensor& parameters) const {
  const Tensor columns = windows(parameters);
  const Tensor values = at::empty({columns.size(1), step_ * step_}, columns.options());
  in_pieces(columns, weights_.numel(), [&](std::int64_t first, std::int64_t count) {
    const Tensor v = columns.narrow(1, first, count) * weights_;
    values.narrow(0, first, count).copy_((v * at::softmax(kColdness * v, 0)).sum(0));
  });
  return values.clamp(0, 1)
      .reshape({-1, blocks_[0], blocks_[1], step_, step_})
      .transpose(2, 3)
      .reshape({-1, blocks_[0] * step_, blocks_[1] * step_})
      .slice(1, 0, full_[0])
      .slice(2, 0, full_[1])
      .contiguous();
}

Tensor MaskGenerator::cropped(const Tensor& full) const {
  return full.narrow(1, margin_, size_[0]).narrow(2, margin_, size_[1]);
}

Tensor MaskGenerator::pull(const Tensor& parameters, const Tensor& gradient) const {
  const Tensor columns = windows(parameters);
  const Tensor by_pixel = at::constant_pad_nd(gradient, {0, step_ - 1, 0, step_ - 1})
                              .reshape({-1, blocks_[0], step_, blocks_[1], step_})
                              .transpose(2, 3)
                              .reshape({-1, step_ * step_});
  const Tensor out = at::empty({side_ * side_, columns.size(1)}, columns.options());
  in_pieces(columns, weights_.numel(), [&](std::int64_t first, std::int64_t count) {
    const Tensor v = columns.narrow(1, first, count) * weights_;
    const Tensor share = at::softmax(kColdness * v, 0);
    const Tensor m = (v * share).sum(0);
    // dm / dv_k = s_k (1 + 20 (v_k - m))
    const Tensor slope = share * (1 + kColdness * (v - m)) * weights_;
    out.narrow(1, first, count).copy_((by_pixel.narrow(0, first, count) * slope).sum(2));
  });
  const Tensor by_window =
      out.reshape({side_ * side_, -1, blocks_[0] * blocks_[1]}).transpose(0, 1).contiguous();
  return at::col2im(by_window, {cells_[0], cells_[1]}, {side_, side_}, {1, 1}, {padding_, padding_},
                    {1, 1})
      .squeeze(1);
}

}  // namespace limn
