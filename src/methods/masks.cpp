// See masks.h.
#include "methods/masks.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/counter_random.h"
#include "base/mirrored_rows.h"
#include "limn/error.h"

namespace limn {

RandomMasks::RandomMasks(MaskOptions options, std::int64_t height, std::int64_t width)
    : options_(std::move(options)) {
  const auto [down, across] = options_.cells;
  if (down > height || across > width) {
    fail(ErrorCode::InvalidArgument, "masks of ", down, " x ", across,
         " cells do not fit the input of ", height, " x ", width, "; give fewer cells");
  }
  const std::int64_t padding = std::max(height / down, width / across);
  axes_ = {axis_of(height, down, padding), axis_of(width, across, padding)};
}

RandomMasks::Axis RandomMasks::axis_of(std::int64_t size, std::int64_t cells,
                                       std::int64_t padding) const {
  Axis axis;
  axis.size = size;
  if (options_.growth == "nearest") {
    axis.shifts = padding + 1;
    const Tensor one_hot = at::eye(cells, at::kDouble).unsqueeze(0);
    axis.growth = at::upsample_nearest1d(one_hot, {size + padding})[0].t().contiguous();
    return axis;
  }
  const std::int64_t cell = (size + cells - 1) / cells;
  axis.shifts = cell;
  if (options_.growth == "torchray") {
    const std::int64_t grown = size + cell;
    const std::int64_t larger = (grown + cells - 1) / cells;
    axis.growth = mirrored_rows(grown, cells, 1 / static_cast<double>(larger));
  } else {
    const std::int64_t grown = (cells + 1) * cell;
    axis.growth =
        mirrored_rows(grown, cells, static_cast<double>(cells) / static_cast<double>(grown));
  }
  return axis;
}

Tensor RandomMasks::from_cells(const Tensor& cells, const Tensor& shifts) const {
  Tensors rows;
  for (std::int64_t axis = 0; axis < 2; ++axis) {
    const Axis& of = axes_[static_cast<std::size_t>(axis)];
    const Tensor places = shifts.select(1, axis).unsqueeze(1) + at::arange(of.size, at::kLong);
    rows.push_back(of.growth.to(cells.options())
                       .index_select(0, places.flatten().to(cells.device()))
                       .view({cells.size(0), of.size, -1}));
  }
  return at::bmm(at::bmm(rows[0], cells), rows[1].transpose(1, 2));
}

Tensor RandomMasks::make(std::int64_t first, std::int64_t count,
                         const at::TensorOptions& like) const {
  const auto [down, across] = options_.cells;
  const std::int64_t size = down * across;
  Tensor cells = at::empty({count, size}, at::kFloat);
  Tensor shifts = at::empty({count, 2}, at::kLong);
  auto* cell = cells.data_ptr<float>();
  auto* shift = shifts.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t number = first + i;
    const std::int64_t drawn = options_.antithetic ? number / 2 : number;
    const bool opposite = options_.antithetic && number % 2 == 1;
    const std::uint64_t key = mix(mix(options_.seed) ^ static_cast<std::uint64_t>(drawn));
    for (std::int64_t c = 0; c < size; ++c) {
      const bool kept = unit(draw(key, static_cast<std::uint64_t>(c))) < options_.p;
      cell[i * size + c] = kept != opposite ? 1.0F : 0.0F;
    }
    for (std::int64_t axis = 0; axis < 2; ++axis) {
      const double u = unit(draw(key, static_cast<std::uint64_t>(size + axis)));
      const auto places = static_cast<double>(axes_[static_cast<std::size_t>(axis)].shifts);
      shift[2 * i + axis] = static_cast<std::int64_t>(u * places);
    }
  }
  return from_cells(cells.view({count, down, across}).to(like), shifts);
}

Tensor RandomMasks::covariance(int axis) const {
  const Axis& of = axes_[static_cast<std::size_t>(axis)];
  Tensor sum = at::zeros({of.size, of.size}, at::kDouble);
  for (std::int64_t shift = 0; shift < of.shifts; ++shift) {
    const Tensor rows = of.growth.slice(0, shift, shift + of.size);
    sum += at::mm(rows, rows.t());
  }
  return sum / static_cast<double>(of.shifts);
}

}  // namespace limn
