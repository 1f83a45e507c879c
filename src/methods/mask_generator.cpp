// See mask_generator.h. All pixels of a block see the same window, so a block is a row of the
// products v [blocks, pixels, window], which are made in pieces and never stored as a whole.
#include "methods/mask_generator.h"

#include <ATen/Parallel.h>

namespace limn {
namespace {

constexpr double kColdness = 20;
/// Numbers of v made at once: about what a core's cache holds, or enough to fill a GPU.
constexpr std::int64_t kCpuPiece = 1 << 17, kOtherPiece = 1 << 24;

std::int64_t ceil_of(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Runs rows first .. first + count - 1 in pieces, on all threads of a CPU.
void in_pieces(const Tensor& rows, std::int64_t numbers_per_row,
               const std::function<void(std::int64_t, std::int64_t)>& run) {
  const bool cpu = rows.device().is_cpu();
  const std::int64_t piece =
      std::max<std::int64_t>(1, (cpu ? kCpuPiece : kOtherPiece) / numbers_per_row);
  const auto some = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += piece) {
      run(first, std::min(piece, end - first));
    }
  };
  if (cpu) {
    at::parallel_for(0, rows.size(0), piece, some);
  } else {
    some(0, rows.size(0));
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
  // Distances from the pixels of block 0 to the centers of its window.
  const Tensor pixels = at::arange(step, at::kDouble).unsqueeze(1);
  const Tensor centers = margin_ + step * (at::arange(side_, at::kDouble) - padding_).unsqueeze(0);
  const Tensor squares = (pixels - centers).square();  // [step, side], the same both ways
  const Tensor distance =
      (squares.view({step, 1, side_, 1}) + squares.view({1, step, 1, side_})).sqrt();
  const Tensor beyond = (distance / static_cast<double>(sigma) - 0.5).clamp_min(0);
  weights_ = (-2 * beyond.square()).exp().reshape({step * step, side_ * side_}).to(like);
}

Tensor MaskGenerator::windows(const Tensor& parameters) const {
  const Tensor columns = at::im2col(parameters.unsqueeze(1), {side_, side_}, {1, 1},
                                    {padding_, padding_}, {1, 1});  // [A, window, blocks]
  return columns.transpose(1, 2).reshape({-1, 1, side_ * side_}).contiguous();
}

Tensor MaskGenerator::full(const Tensor& parameters) const {
  const Tensor rows = windows(parameters);
  const Tensor values = at::empty({rows.size(0), step_ * step_}, rows.options());
  in_pieces(rows, weights_.numel(), [&](std::int64_t first, std::int64_t count) {
    const Tensor v = rows.narrow(0, first, count) * weights_;
    values.narrow(0, first, count).copy_((v * at::softmax(kColdness * v, 2)).sum(2));
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
  const Tensor rows = windows(parameters);
  const Tensor by_pixel = at::constant_pad_nd(gradient, {0, step_ - 1, 0, step_ - 1})
                              .reshape({-1, blocks_[0], step_, blocks_[1], step_})
                              .transpose(2, 3)
                              .reshape({-1, step_ * step_, 1});
  const Tensor out = at::empty({rows.size(0), side_ * side_}, rows.options());
  in_pieces(rows, weights_.numel(), [&](std::int64_t first, std::int64_t count) {
    const Tensor v = rows.narrow(0, first, count) * weights_;
    const Tensor share = at::softmax(kColdness * v, 2);
    const Tensor m = (v * share).sum(2, true);
    // dm / dv_k = s_k (1 + 20 (v_k - m))
    const Tensor slope = share * (1 + kColdness * (v - m)) * weights_;
    out.narrow(0, first, count).copy_((by_pixel.narrow(0, first, count) * slope).sum(1));
  });
  const Tensor columns =
      out.reshape({-1, blocks_[0] * blocks_[1], side_ * side_}).transpose(1, 2).contiguous();
  return at::col2im(columns, {cells_[0], cells_[1]}, {side_, side_}, {1, 1}, {padding_, padding_},
                    {1, 1})
      .squeeze(1);
}

}  // namespace limn
