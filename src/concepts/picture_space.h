// The pictures that a model takes, as numbers in [0, 1], and the way to its input.
#pragma once
#include <cstdint>
#include <vector>

#include "limn/model.h"
#include "limn/tensor.h"

namespace limn {

class PictureSpace {
 public:
  /// `size` {height, width}, or empty: the model's, else the preprocessing's, else 224 x 224.
  /// Throws Unsupported where the input is no picture of 1 or 3 channels, InvalidArgument for sizes
  /// that do not fit and preprocessing that does not.
  PictureSpace(const Model& model, const std::vector<std::int64_t>& size);

  std::int64_t channels() const { return channels_; }
  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  /// Of the model: its device and precision.
  const at::TensorOptions& options() const { return options_; }

  /// Pictures [N, C, H, W], red first -> inputs, differentiable.
  Tensor input_of(const Tensor& pictures) const;
  /// The way back, not clipped.
  Tensor picture_of(const Tensor& x) const;
  /// float32 [C, H, W] in [0, 1] on the CPU.
  static Tensor finished(const Tensor& picture);

 private:
  std::int64_t channels_ = 3, height_ = 224, width_ = 224;
  at::TensorOptions options_;
  double scale_ = 1;
  bool blue_first_ = false;
  Tensor mean_, std_;  ///< [1, C, 1, 1]
};

}  // namespace limn
