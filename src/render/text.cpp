// See text.h.
#include "render/text.h"

#include <fmt/format.h>

#include <cmath>
#include <opencv2/imgproc.hpp>

namespace limn::render {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr int kOversampling = 8;
/// Height of Hershey capitals at scale 1, in pixels.
constexpr double kCapitals = 21;

/// Latin letters lose their accents, everything else beyond ASCII becomes "?".
std::string ascii(const std::string& text) {
  static const char* const kLatin =
      "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty";
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      out += lead < 0x20 ? ' ' : text[i];
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    char letter = '?';
    if (lead == 0xc3 && i + 1 < text.size()) {
      letter = kLatin[static_cast<unsigned char>(text[i + 1]) & 0x3f];
    } else if (lead == 0xe2 && i + 2 < text.size() && text.compare(i, 3, "\xe2\x88\x92") == 0) {
      letter = '-';
    }
    out += letter;
    i += length;
  }
  return out;
}

double font_scale(double size) { return size * kOversampling / kCapitals; }

int stroke(double size) {
  return std::max(1, static_cast<int>(std::lround(size * kOversampling * 0.125)));
}

}  // namespace

double text_width(const std::string& text, double size) {
  int baseline = 0;
  const cv::Size box =
      cv::getTextSize(ascii(text), kFont, font_scale(size), stroke(size), &baseline);
  return static_cast<double>(box.width) / kOversampling;
}

void draw_text(cv::Mat& image, const std::string& text, double x, double baseline, double size,
               cv::Scalar color, Anchor anchor) {
  const std::string line = ascii(text);
  if (line.empty()) return;
  const double width = text_width(line, size);
  if (anchor == Anchor::Center) x -= width / 2;
  if (anchor == Anchor::Right) x -= width;
  // Whole pixels across keep equal letters equal; half a pixel of margin keeps strokes whole.
  const int left = static_cast<int>(std::floor(x)), margin = 4;
  const int top = static_cast<int>(std::floor(baseline - size)) - margin;
  const int wide = static_cast<int>(std::ceil(width)) + 2 * margin;
  const int high = static_cast<int>(std::ceil(size * 1.5)) + 2 * margin;
  cv::Mat large(high * kOversampling, wide * kOversampling, CV_8U, cv::Scalar(0));
  const cv::Point origin(static_cast<int>((x - left + margin) * kOversampling),
                         static_cast<int>((baseline - top) * kOversampling));
  cv::putText(large, line, origin, kFont, font_scale(size), 255, stroke(size), cv::LINE_AA);
  cv::Mat mask;
  cv::resize(large, mask, cv::Size(wide, high), 0, 0, cv::INTER_AREA);
  for (int row = 0; row < high; ++row) {
    const int to_row = top + row;
    if (to_row < 0 || to_row >= image.rows) continue;
    for (int column = 0; column < wide; ++column) {
      const int to_column = left - margin + column;
      if (to_column < 0 || to_column >= image.cols) continue;
      const double share = mask.at<unsigned char>(row, column) / 255.0;
      auto& pixel = image.at<cv::Vec3b>(to_row, to_column);
      for (int k = 0; k < 3; ++k) {
        pixel[k] = cv::saturate_cast<unsigned char>(pixel[k] + (color[k] - pixel[k]) * share);
      }
    }
  }
}

std::vector<std::string> wrap_text(const std::string& text, double size, double width,
                                   std::size_t most) {
  std::vector<std::string> lines(1);
  const auto fits = [&](const std::string& line) { return text_width(line, size) <= width; };
  std::string rest = ascii(text);
  while (!rest.empty()) {
    const std::size_t space = rest.find(' ');
    std::string word = rest.substr(0, space);
    rest = space == std::string::npos ? "" : rest.substr(space + 1);
    if (word.empty()) continue;
    const std::string joined = lines.back().empty() ? word : lines.back() + " " + word;
    if (fits(joined)) {
      lines.back() = joined;
      continue;
    }
    if (!lines.back().empty()) lines.emplace_back();
    while (!fits(word) && word.size() > 1) {
      std::size_t count = word.size() - 1;
      while (count > 1 && !fits(word.substr(0, count))) --count;
      lines.back() = word.substr(0, count);
      lines.emplace_back();
      word = word.substr(count);
    }
    lines.back() = word;
  }
  if (lines.size() > most) {
    lines.resize(most);
    while (!lines.back().empty() && !fits(lines.back() + "...")) lines.back().pop_back();
    lines.back() += "...";
  }
  return lines;
}

std::string short_number(double value, int digits) {
  if (value == 0) return "0";
  return fmt::format("{:.{}g}", value, digits);
}

}  // namespace limn::render
