// See picture_space.h.
#include "concepts/picture_space.h"

#include <ATen/ATen.h>

#include "limn/error.h"

namespace limn {
namespace {

constexpr std::int64_t kMostPixels = std::int64_t{1} << 24;

/// [1, C, 1, 1] from one value for all channels or one each.
Tensor by_channel(const std::vector<double>& values, std::int64_t channels, const char* name) {
  const bool equal =
      std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
  const auto count = static_cast<std::int64_t>(values.size());
  if (values.empty() || (!equal && count != channels)) {
    fail(ErrorCode::InvalidArgument, "preprocessing has ", count, " values of ", name,
         ", the model's input ", channels, " channel", channels == 1 ? "" : "s");
  }
  const Tensor all = at::tensor(values, at::kDouble);
  return (equal ? all.slice(0, 0, 1).expand({channels}) : all).reshape({1, channels, 1, 1});
}

}  // namespace

PictureSpace::PictureSpace(const Model& model, const std::vector<std::int64_t>& size)
    : options_(at::TensorOptions().dtype(model.dtype()).device(model.device())) {
  const ValueInfo& declared = model.graph().value(model.input()).info;
  const std::vector<std::int64_t> shape = model.input_shape();
  channels_ = shape[0] < 0 ? 3 : shape[0];
  if ((declared.has_shape && declared.shape.size() != 4) || (channels_ != 1 && channels_ != 3)) {
    fail(ErrorCode::Unsupported, "the model's input ", at::IntArrayRef(declared.shape),
         " is no picture of 1 or 3 channels, so that there is nothing to look at");
  }
  const Preprocessing& how = model.preprocessing();
  if (!size.empty() && size.size() != 2) {
    fail(ErrorCode::InvalidArgument, "size has ", size.size(), " numbers; give height and width");
  }
  std::int64_t* const sides[] = {&height_, &width_};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t fixed = shape[axis + 1];
    if (how.size.size() == 2) *sides[axis] = how.size[axis];
    if (fixed > 0) *sides[axis] = fixed;
    if (size.empty()) continue;
    if (fixed > 0 && size[axis] != fixed) {
      fail(ErrorCode::InvalidArgument, "a size of ", size[0], " x ", size[1],
           " does not fit the model's input of ", shape[1], " x ", shape[2],
           " (height x width); leave the size out");
    }
    *sides[axis] = size[axis];
  }
  if (height_ < 1 || width_ < 1 || height_ > kMostPixels / width_) {
    fail(ErrorCode::InvalidArgument, "a picture of ", height_, " x ", width_,
         " cannot be made; give a size of 1 x 1 to ", kMostPixels >> 20, " million pixels");
  }
  if (how.channel_order != "rgb" && how.channel_order != "bgr") {
    fail(ErrorCode::InvalidArgument, "channel order \"", how.channel_order,
         "\" is not known; legal: rgb|bgr");
  }
  scale_ = how.scale;
  blue_first_ = channels_ == 3 && how.channel_order == "bgr";
  mean_ = by_channel(how.mean, channels_, "mean").to(options_);
  std_ = by_channel(how.std, channels_, "std").to(options_);
}

Tensor PictureSpace::input_of(const Tensor& pictures) const {
  const Tensor ordered = blue_first_ ? pictures.flip({1}) : pictures;
  return (ordered * scale_ - mean_) / std_;
}

Tensor PictureSpace::picture_of(const Tensor& x) const {
  const Tensor pictures = (x.to(options_) * std_ + mean_) / scale_;
  return blue_first_ ? pictures.flip({1}) : pictures;
}

Tensor PictureSpace::finished(const Tensor& picture) {
  return picture.detach().to(at::kCPU, at::kFloat).clamp(0, 1).contiguous();
}

}  // namespace limn
