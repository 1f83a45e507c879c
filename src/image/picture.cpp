// Decoding and encoding of pictures with OpenCV's codecs, after limn has checked the header.
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "image/file.h"
#include "image/jpeg_damage.h"
#include "image/picture_header.h"
#include "limn/error.h"
#include "limn/image.h"

namespace limn {
namespace {

/// The bytes of `pixels` with red and blue exchanged, as OpenCV wants them.
cv::Mat to_mat(const Tensor& pixels) {
  const Tensor data = pixels.to(at::kCPU, at::kByte).contiguous();
  const int channels = static_cast<int>(data.size(2));
  const cv::Mat view(static_cast<int>(data.size(0)), static_cast<int>(data.size(1)),
                     CV_MAKETYPE(CV_8U, channels), data.data_ptr());
  cv::Mat out;
  cv::cvtColor(view, out, channels == 4 ? cv::COLOR_RGBA2BGRA : cv::COLOR_RGB2BGR);
  return out;
}

std::string encode(const Tensor& pixels, const char* extension, const std::vector<int>& options) {
  std::vector<unsigned char> bytes;
  if (!cv::imencode(extension, to_mat(pixels), bytes, options)) {
    fail(ErrorCode::Io, "cannot encode a picture of ", pixels.size(1), " x ", pixels.size(0),
         " pixels as ", extension + 1);
  }
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Picture decode_picture(std::string_view bytes, const std::string& name) {
  const PictureHeader header = read_picture_header(bytes);
  if (header.format.empty()) {
    fail(ErrorCode::BadInput, "\"", name, "\" is not a picture that limn reads; convert it to PNG ",
         "or JPEG (BMP, TIFF, WebP and PNM are read, too)");
  }
  if (header.width <= 0 || header.height <= 0) {
    fail(ErrorCode::BadInput, "\"", name, "\": this ", header.format,
         " file says no size; it is damaged or truncated");
  }
  if (header.width > kMaxPixels / header.height) {
    fail(ErrorCode::BadInput, "\"", name, "\": its header says ", header.width, " x ",
         header.height, " pixels; limn reads at most ", kMaxPixels / 1'000'000,
         " megapixels: make it smaller first");
  }
  if (!header.complete) {
    fail(ErrorCode::BadInput, "\"", name, "\": this ", header.format,
         " file is truncated (its end is missing); copy it again");
  }
  // The decoder would fill what is missing with gray.
  const std::string damage = header.format == "JPEG" ? jpeg_damage(bytes) : "";
  if (!damage.empty()) {
    fail(ErrorCode::BadInput, "\"", name, "\": this JPEG file is damaged (", damage,
         "); copy or export it again");
  }
  cv::Mat decoded;
  try {
    // OpenCV would print what it meets; limn's error says it.
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
    decoded = cv::imdecode(raw, cv::IMREAD_COLOR);
  } catch (const cv::Exception& error) {
    fail(ErrorCode::BadInput, "\"", name, "\": cannot decode this ", header.format,
         " file: ", error.err);
  }
  if (decoded.empty()) {
    fail(ErrorCode::BadInput, "\"", name, "\": this ", header.format,
         " file is damaged; copy or export it again");
  }
  Picture picture{at::empty({decoded.rows, decoded.cols, 3}, at::kByte)};
  cv::Mat view(decoded.rows, decoded.cols, CV_8UC3, picture.pixels.data_ptr());
  cv::cvtColor(decoded, view, cv::COLOR_BGR2RGB);
  return picture;
}

Picture read_picture(const std::string& path) { return decode_picture(read_file(path), path); }

bool is_picture_name(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(path.substr(dot + 1));
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static constexpr std::array<std::string_view, 12> kEndings = {
      "jpg", "jpeg", "jpe", "jfif", "png", "bmp", "tif", "tiff", "webp", "ppm", "pgm", "pbm"};
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

std::string encode_png(const Tensor& pixels) {
  return encode(pixels, ".png", {cv::IMWRITE_PNG_COMPRESSION, 6});
}

std::string encode_jpeg(const Tensor& pixels, int quality) {
  return encode(pixels, ".jpg", {cv::IMWRITE_JPEG_QUALITY, quality});
}

}  // namespace limn
