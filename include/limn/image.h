// Pictures: decoding with limits, and the way from a picture to a model's input tensor.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "limn/heatmap.h"
#include "limn/model.h"
#include "limn/tensor.h"

namespace limn {

/// A decoded picture: uint8 [H, W, 3], red first, upright (the camera's orientation is applied).
struct Picture {
  Tensor pixels;
  std::int64_t height() const { return pixels.size(0); }
  std::int64_t width() const { return pixels.size(1); }
};

/// Larger pictures are refused from their header, before anything is decoded.
constexpr std::int64_t kMaxPixels = 100'000'000;

/// JPEG, PNG, BMP, TIFF, WebP and PNM. Gray becomes three equal channels, alpha is dropped (as
/// PIL's `convert("RGB")`), 16 bits keep their upper 8. Throws NotFound, Io, and BadInput for
/// anything else, truncated data, or more than kMaxPixels pixels.
Picture read_picture(const std::string& path);
/// The same from memory; `name` stands in error messages.
Picture decode_picture(std::string_view bytes, const std::string& name = "picture");
/// True where the name ends like a picture that read_picture accepts.
bool is_picture_name(std::string_view path);

/// uint8 [H, W, 3] or [H, W, 4] (red first) as PNG.
std::string encode_png(const Tensor& pixels);
/// uint8 [H, W, 3] as JPEG of this quality (1..100).
std::string encode_jpeg(const Tensor& pixels, int quality = 90);

/// uint8 [H, W, C] resized with PIL's antialiased bilinear filter, bit for bit (triangle filter of
/// support max(1, scale), 22-bit weights, horizontal pass first, rounded to 8 bits between passes).
Tensor resize_picture(const Tensor& pixels, std::int64_t height, std::int64_t width);

/// An input ready to run and the way back to the picture.
struct PreparedInput {
  Tensor x;  ///< float32 [1, C, H, W]
  Geometry geometry;
  Tensor seen;  ///< uint8 [H, W, 3]: the picture as the model sees it
};

/// Turns a picture into the input of a model whose input is [C, H, W] = `input_shape` (-1 where
/// open). The size is `preprocessing.size`, else the model's, else the picture's.
/// - `direct`: both sides resized, the aspect is not kept.
/// - `short-side`: the short side to `short_side` (0: the size), then the center is cut out, with
///   torchvision's rounding (`Resize`, `CenterCrop`).
/// - `letterbox`: fits inside, at the top left, the rest is `pad_value` (as YOLOX).
/// One-channel models get luminance (.299 R + .587 G + .114 B, as PIL's "L").
/// Throws InvalidArgument where the preprocessing contradicts the model.
PreparedInput preprocess(const Picture& picture, const Preprocessing& preprocessing,
                         const std::vector<std::int64_t>& input_shape);

/// The picture that an input tensor [C, H, W] shows: preprocessing undone where it is known, else
/// its range stretched to 0..255. uint8 [H, W, 3]; channels other than 1 and 3 are averaged.
Tensor picture_of_input(const Tensor& x, const Preprocessing& preprocessing);

}  // namespace limn
