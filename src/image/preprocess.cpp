// From a picture to the input tensor, with the way back. Reference: torchvision's Resize,
// CenterCrop, ToTensor and Normalize on PIL pictures; letterbox as Megvii-BaseDetection/YOLOX.
#include <cmath>

#include "limn/error.h"
#include "limn/image.h"

namespace limn {
namespace {

struct Placed {
  Tensor pixels;
  Geometry geometry;
};

double ratio(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

std::int64_t python_round(double value) {
  return static_cast<std::int64_t>(std::nearbyint(value));  // half to even
}

Placed place(const Tensor& pixels, const Preprocessing& how, std::int64_t height,
             std::int64_t width) {
  const std::int64_t original_height = pixels.size(0), original_width = pixels.size(1);
  Placed out;
  out.geometry = {height, width, original_height, original_width, 1, 1, 0, 0};
  Geometry& geometry = out.geometry;
  if (how.resize == "direct") {
    out.pixels = resize_picture(pixels, height, width);
    geometry.scale_y = ratio(original_height, height);
    geometry.scale_x = ratio(original_width, width);
  } else if (how.resize == "short-side") {
    const std::int64_t side = how.short_side > 0 ? how.short_side : std::max(height, width);
    const bool tall = original_height > original_width;
    const std::int64_t other = side * std::max(original_height, original_width) /
                               std::min(original_height, original_width);
    const std::int64_t tall_side = tall ? other : side, wide_side = tall ? side : other;
    if (tall_side < height || wide_side < width) {
      fail(ErrorCode::InvalidArgument, "short-side resize to ", side, " leaves ", wide_side, " x ",
           tall_side, " pixels, too few for the input of ", width, " x ", height,
           "; raise short_side or use --resize direct");
    }
    const std::int64_t top = python_round(static_cast<double>(tall_side - height) / 2);
    const std::int64_t left = python_round(static_cast<double>(wide_side - width) / 2);
    out.pixels =
        resize_picture(pixels, tall_side, wide_side).narrow(0, top, height).narrow(1, left, width);
    geometry.scale_y = ratio(original_height, tall_side);
    geometry.scale_x = ratio(original_width, wide_side);
    geometry.offset_y = static_cast<double>(top) * geometry.scale_y;
    geometry.offset_x = static_cast<double>(left) * geometry.scale_x;
  } else if (how.resize == "letterbox") {
    if (height > kMaxPixels / width) {
      fail(ErrorCode::InvalidArgument, "cannot letterbox a picture into ", width, " x ", height,
           " pixels; limn takes at most ", kMaxPixels / 1'000'000, " million");
    }
    const double factor = std::min(ratio(height, original_height), ratio(width, original_width));
    const auto fit = [&](std::int64_t size, std::int64_t limit) {
      return std::clamp<std::int64_t>(
          static_cast<std::int64_t>(static_cast<double>(size) * factor + 1e-9), 1, limit);
    };
    const std::int64_t inner_height = fit(original_height, height);
    const std::int64_t inner_width = fit(original_width, width);
    out.pixels = at::full({height, width, 3}, std::lround(how.pad_value * 255), at::kByte);
    out.pixels.narrow(0, 0, inner_height)
        .narrow(1, 0, inner_width)
        .copy_(resize_picture(pixels, inner_height, inner_width));
    geometry.scale_y = ratio(original_height, inner_height);
    geometry.scale_x = ratio(original_width, inner_width);
  } else {
    fail(ErrorCode::InvalidArgument, "resize \"", how.resize,
         "\" is not known; legal: direct|short-side|letterbox");
  }
  return out;
}

/// [1, C, 1, 1] from one value for all channels or one each.
Tensor per_channel(const std::vector<double>& values, std::int64_t channels, const char* name) {
  std::vector<double> all = values;
  if (all.size() == 1) all.assign(static_cast<std::size_t>(channels), values[0]);
  // The default of three equal values also serves gray models.
  const bool equal = std::all_of(all.begin(), all.end(), [&](double v) { return v == all[0]; });
  if (channels == 1 && equal && !all.empty()) all.resize(1);
  if (static_cast<std::int64_t>(all.size()) != channels) {
    fail(ErrorCode::InvalidArgument, "preprocessing has ", values.size(), " values of ", name,
         " but the model's input has ", channels, channels == 1 ? " channel" : " channels");
  }
  return at::tensor(all, at::kDouble).view({1, channels, 1, 1});
}

bool blue_first(const Preprocessing& how) {
  if (how.channel_order == "rgb") return false;
  if (how.channel_order == "bgr") return true;
  fail(ErrorCode::InvalidArgument, "channel order \"", how.channel_order,
       "\" is not known; legal: rgb|bgr");
}

}  // namespace

PreparedInput preprocess(const Picture& picture, const Preprocessing& how,
                         const std::vector<std::int64_t>& shape) {
  const std::int64_t channels = shape.size() == 3 && shape[0] > 0 ? shape[0] : 3;
  if ((!shape.empty() && shape.size() != 3) || (channels != 1 && channels != 3)) {
    fail(ErrorCode::BadInput, "the model's input is ", at::IntArrayRef(shape),
         " (channels, height, width), which no picture fits; give a .npy tensor [N,C,H,W] instead");
  }
  if (!how.size.empty() && how.size.size() != 2) {
    fail(ErrorCode::InvalidArgument, "preprocessing size has ", how.size.size(),
         " values; give height and width");
  }
  std::array<std::int64_t, 2> size = {picture.height(), picture.width()};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t fixed = shape.size() == 3 ? shape[axis + 1] : -1;
    if (!how.size.empty()) {
      size[axis] = how.size[axis];
      if (fixed > 0 && fixed != size[axis]) {
        fail(ErrorCode::InvalidArgument, "the preprocessing's size ", how.size[0], " x ",
             how.size[1], " does not fit the model's input ", shape[1], " x ", shape[2],
             " (height x width); leave --size out");
      }
    } else if (fixed > 0) {
      size[axis] = fixed;
    }
    if (size[axis] < 1) fail(ErrorCode::InvalidArgument, "an input size must be at least 1");
  }
  Placed placed = place(picture.pixels, how, size[0], size[1]);
  Tensor x = placed.pixels.permute({2, 0, 1}).unsqueeze(0).to(at::kDouble);
  if (channels == 1) {
    // PIL's integer weights for "L".
    x = ((x.select(1, 0) * 19595 + x.select(1, 1) * 38470 + x.select(1, 2) * 7471 + 32768) / 65536)
            .floor()
            .unsqueeze(1);
  } else if (blue_first(how)) {
    x = x.flip({1});
  }
  x = (x / 255 * how.scale - per_channel(how.mean, channels, "mean")) /
      per_channel(how.std, channels, "std");
  return {x.to(at::kFloat).contiguous(), placed.geometry, placed.pixels.contiguous()};
}

Tensor picture_of_input(const Tensor& x, const Preprocessing& how) {
  Tensor image = x.detach().to(at::kCPU, at::kDouble);
  const std::int64_t channels = image.size(0);
  if (how.known && (channels == 1 || channels == 3)) {
    image = image * per_channel(how.std, channels, "std")[0] +
            per_channel(how.mean, channels, "mean")[0];
    image = image / how.scale;
    if (channels == 3 && blue_first(how)) image = image.flip({0});
  } else {
    if (channels != 3) image = image.mean(0, true);
    const double low = image.min().item<double>(), high = image.max().item<double>();
    image = (image - low) / (high > low ? high - low : 1);
  }
  if (image.size(0) == 1) image = image.expand({3, -1, -1});
  return (image.clamp(0, 1) * 255).round().to(at::kByte).permute({1, 2, 0}).contiguous();
}

}  // namespace limn
