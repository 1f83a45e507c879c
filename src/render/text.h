// Text on pictures, drawn with OpenCV's built-in stroke font at eight times the size and averaged
// down, so that figures look the same on every machine and need no font file.
#pragma once
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace limn::render {

enum class Anchor { Left, Center, Right };

/// Width in pixels of one line of text whose capitals are `size` pixels high.
double text_width(const std::string& text, double size);
/// Draws one line; `x`, `baseline` in pixels. RGB pictures; letters beyond ASCII become the nearest
/// ASCII letter or "?".
void draw_text(cv::Mat& image, const std::string& text, double x, double baseline, double size,
               cv::Scalar color = cv::Scalar(25, 25, 25), Anchor anchor = Anchor::Left);
/// Breaks `text` at spaces (or anywhere, where a word is too long) into lines no wider than
/// `width`; the last of at most `most` lines ends in "..." where text is left out.
std::vector<std::string> wrap_text(const std::string& text, double size, double width,
                                   std::size_t most);
/// A number in at most `digits` significant digits, as a figure shows it: `0.0125`, `3.1e-07`.
std::string short_number(double value, int digits = 3);

}  // namespace limn::render
