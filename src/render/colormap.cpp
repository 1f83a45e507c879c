// Color maps and the choice of a map's colors. seismic and bwr have matplotlib's stops, coldnhot
// Zennit's; red-blue runs through ColorBrewer's 11-class RdBu, whose ends are equally dark.
#include <charconv>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "limn/error.h"
#include "limn/render.h"
#include "render/text.h"

namespace limn {
namespace {

struct Stop {
  double at;
  std::array<double, 3> color;
};

/// Diverging maps use 255 of their 256 entries, so that zero falls on one entry and is white.
constexpr int kLastDiverging = 254;

/// An unsigned map whose lowest value lies above this share of the scale would be bright all over
/// (RISE's maps are): its colors start at that value.
constexpr double kFarAboveZero = 0.2;

std::vector<Stop> even_stops(const std::vector<std::uint32_t>& colors) {
  std::vector<Stop> stops;
  for (std::size_t i = 0; i < colors.size(); ++i) {
    stops.push_back({static_cast<double>(i) / static_cast<double>(colors.size() - 1),
                     {(colors[i] >> 16 & 255) / 255.0, (colors[i] >> 8 & 255) / 255.0,
                      (colors[i] & 255) / 255.0}});
  }
  return stops;
}

/// `last` is the entry that the last stop falls on.
Tensor interpolate(const std::vector<Stop>& stops, int last = kLastDiverging) {
  Tensor table = at::empty({256, 3}, at::kByte);
  auto* out = table.data_ptr<std::uint8_t>();
  for (int i = 0; i < 256; ++i) {
    const double place = std::min(1.0, static_cast<double>(i) / last);
    std::size_t k = 1;
    while (k + 1 < stops.size() && stops[k].at < place) ++k;
    const double share = (place - stops[k - 1].at) / (stops[k].at - stops[k - 1].at);
    for (std::size_t c = 0; c < 3; ++c) {
      const double value =
          stops[k - 1].color[c] + share * (stops[k].color[c] - stops[k - 1].color[c]);
      *out++ = static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 1.0) * 255));
    }
  }
  return table;
}

Tensor opencv_table(int map) {
  cv::Mat ramp(256, 1, CV_8U), colors;
  for (int i = 0; i < 256; ++i) ramp.at<unsigned char>(i) = static_cast<unsigned char>(i);
  cv::applyColorMap(ramp, colors, map);
  Tensor table = at::empty({256, 3}, at::kByte);
  cv::Mat view(256, 1, CV_8UC3, table.data_ptr());
  cv::cvtColor(colors, view, cv::COLOR_BGR2RGB);
  return table;
}

double percentile(const Tensor& magnitudes, double percent) {
  const std::int64_t count = magnitudes.numel();
  const auto rank =
      static_cast<std::int64_t>(std::ceil(percent / 100 * static_cast<double>(count)));
  return std::get<0>(magnitudes.flatten().kthvalue(std::clamp<std::int64_t>(rank, 1, count)))
      .item<double>();
}

}  // namespace

const std::vector<ColormapInfo>& colormaps() {
  static const std::vector<ColormapInfo> list = {
      {"red-blue",
       "red for, blue against, white at zero (ColorBrewer RdBu); default of signed maps", true},
      {"seismic", "red for, blue against, dark ends (matplotlib); the maps of RAP, RSP and AE",
       true},
      {"bwr", "pure red for, pure blue against, white at zero", true},
      {"coldnhot", "yellow and red for, blue and cyan against, black at zero (Zennit)", true},
      {"inferno", "black to yellow, evenly perceived; default of unsigned maps", false},
      {"viridis", "violet to yellow, evenly perceived", false},
      {"magma", "black to pink white, evenly perceived", false},
      {"cividis", "blue to yellow, the same for color-blind readers", false},
      {"turbo", "rainbow with even brightness steps", false},
      {"jet", "the rainbow of many CAM papers; it shows edges where there are none", false},
      {"gray", "black to white", false}};
  return list;
}

Tensor colormap_table(const std::string& name) {
  if (name == "red-blue") {
    return interpolate(even_stops({0x053061, 0x2166ac, 0x4393c3, 0x92c5de, 0xd1e5f0, 0xffffff,
                                   0xfddbc7, 0xf4a582, 0xd6604d, 0xb2182b, 0x67001f}));
  }
  if (name == "seismic") {
    return interpolate(
        {{0, {0, 0, .3}}, {.25, {0, 0, 1}}, {.5, {1, 1, 1}}, {.75, {1, 0, 0}}, {1, {.5, 0, 0}}});
  }
  if (name == "bwr") return interpolate(even_stops({0x0000ff, 0xffffff, 0xff0000}));
  if (name == "coldnhot") {
    return interpolate(even_stops({0x00ffff, 0x0000ff, 0x000000, 0xff0000, 0xffff00}));
  }
  if (name == "gray") return interpolate(even_stops({0x000000, 0xffffff}), 255);
  static const std::map<std::string, int> kOfOpencv = {
      {"inferno", cv::COLORMAP_INFERNO}, {"viridis", cv::COLORMAP_VIRIDIS},
      {"magma", cv::COLORMAP_MAGMA},     {"cividis", cv::COLORMAP_CIVIDIS},
      {"turbo", cv::COLORMAP_TURBO},     {"jet", cv::COLORMAP_JET}};
  const auto found = kOfOpencv.find(name);
  if (found != kOfOpencv.end()) return opencv_table(found->second);
  std::vector<std::string> names;
  for (const auto& info : colormaps()) names.push_back(info.name);
  fail(ErrorCode::NotFound, "no color map \"", name, "\"; did you mean ",
       nearest_names(name, names), "?");
}

MapStyle style_map(const Tensor& map, bool is_signed, const std::string& colormap,
                   const std::string& rule) {
  const Tensor values = map.to(at::kCPU, at::kDouble);
  MapStyle style;
  style.rule = rule;
  double fixed = 0, percent = 0;
  const char* const end = rule.data() + rule.size();
  const bool is_percentile = rule.size() > 1 && rule[0] == 'p' &&
                             std::from_chars(rule.data() + 1, end, percent).ptr == end &&
                             percent > 0 && percent <= 100;
  const bool is_fixed = !is_percentile && std::from_chars(rule.data(), end, fixed).ptr == end &&
                        fixed > 0 && std::isfinite(fixed);
  if (rule != "max" && !is_percentile && !is_fixed) {
    fail(ErrorCode::InvalidArgument, "map scale \"", rule,
         "\" is not known; legal: max, p and a percentile (p99.5), or a number above 0");
  }
  if (values.numel() == 0 || !values.isfinite().all().item<bool>()) {
    style.constant = true;
    style.colormap = colormap.empty() ? "red-blue" : colormap;
    style.words = "not drawn: the map holds values that are not finite";
    return style;
  }
  const double low = values.min().item<double>(), high = values.max().item<double>();
  const double largest = std::max(std::abs(low), std::abs(high));
  style.high = is_fixed ? fixed : largest;
  if (is_percentile) {
    style.high = percentile(values.abs(), percent);
    if (style.high == 0) style.high = largest;
  }
  const bool two_sided = is_signed || low < 0;
  style.clipped = largest > style.high;
  style.low = two_sided ? -style.high : 0;
  if (!two_sided && low < high) {
    // Places that the input never covered are 0 and do not count.
    const double lowest = values.masked_select(values > 0).min().item<double>();
    if (lowest > kFarAboveZero * style.high && lowest < style.high) style.low = lowest;
  }
  style.colormap = colormap.empty() ? (two_sided ? "red-blue" : "inferno") : colormap;
  colormap_table(style.colormap);
  if (low == high) {
    style.constant = true;
    style.words = "constant map: every value is " + render::short_number(low);
    if (style.high == 0) style.high = 1;
  } else if (high <= 0) {
    style.words = "evidence against only: no positive value";
  } else if (style.low > 0) {
    style.words = "colors start at " + render::short_number(style.low) + ", the lowest value";
  }
  return style;
}

Tensor color_map(const Tensor& map, const MapStyle& style) {
  const Tensor table = colormap_table(style.colormap);
  if (style.constant) {
    return at::full({map.size(0), map.size(1), 3}, 224, at::kByte);
  }
  const Tensor place = (map.to(at::kCPU, at::kDouble) - style.low) / (style.high - style.low);
  const int last = style.low < 0 ? kLastDiverging : 255;
  const Tensor index = (place * last).round().clamp(0, 255).to(at::kLong);
  return table.index_select(0, index.flatten()).view({map.size(0), map.size(1), 3});
}

Tensor color_layer(const Tensor& map, const MapStyle& style) {
  const Tensor values = map.to(at::kCPU, at::kDouble);
  Tensor strength = at::zeros({map.size(0), map.size(1)}, at::kDouble);
  Tensor colors = color_map(map, style);
  if (!style.constant) {
    const double zero = std::max(style.low, 0.0);
    const Tensor relative = ((values - zero) / (style.high - zero)).clamp(zero > 0 ? 0 : -1, 1);
    // Weak values get a full hue and little of it: pale colors would only veil the picture.
    constexpr double kLift = 0.4;
    MapStyle unit = style;
    unit.high = 1;
    unit.low = style.low < 0 ? -1 : 0;
    colors = color_map(relative.sign() * kLift + (1 - kLift) * relative, unit);
    strength = relative.abs().pow(0.7);
  }
  const Tensor alpha = (strength * 255).round().to(at::kByte).unsqueeze(2);
  return at::cat({colors, alpha}, 2);
}

double concentration(const Tensor& map, double share) {
  const Tensor magnitudes = map.to(at::kCPU, at::kDouble).abs().flatten();
  const double total = magnitudes.sum().item<double>();
  if (!(total > 0)) return 0;
  const auto count = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(share * static_cast<double>(magnitudes.numel())));
  return std::get<0>(magnitudes.topk(count)).sum().item<double>() / total;
}

}  // namespace limn
