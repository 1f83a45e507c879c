// See spray_page.h. Plots are SVG: points name their maps under the pointer, and nothing is loaded.
#include "render/spray_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "render/html_parts.h"

namespace limn::render {
namespace {

constexpr double kSide = 380, kMargin = 34;

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{0}</title>
<style>
:root {{ --ink: #1d1f24; --soft: #626976; --line: #d9dce2; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #f4f5f7; color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
header, main, footer {{ max-width: 1280px; margin: auto; padding: 12px 32px; }}
header {{ padding-top: 26px; }}
h1 {{ font-size: 24px; margin: 0 0 4px; font-weight: 650; }}
h2 {{ font-size: 18px; margin: 0 0 4px; font-weight: 650; }}
h3 {{ font-size: 15px; margin: 0; font-weight: 650; }}
header p, footer {{ margin: 0; color: var(--soft); overflow-wrap: anywhere; }}
section {{ background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 20px 24px; margin: 16px 0; }}
.plots, .pictures {{ display: flex; flex-wrap: wrap; gap: 16px; }}
.plots figure {{ margin: 0; flex: 1 1 300px; max-width: 420px; }}
figcaption {{ color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }}
svg {{ width: 100%; height: auto; border: 1px solid var(--line); }}
svg text {{ font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #626976; }}
.cluster {{ border-left: 6px solid; padding: 4px 0 4px 14px; margin: 18px 0 0; }}
.pictures figure {{ margin: 0; width: 132px; }}
.pictures img {{ width: 132px; display: block; border: 1px solid var(--line); image-rendering: pixelated; }}
table {{ border-collapse: collapse; font-size: 14px; }}
th, td {{ text-align: left; padding: 5px 18px 5px 0; border-bottom: 1px solid #eceef1; }}
.flag {{ color: #8a4b00; font-weight: 650; }}
</style></head>
<body><header><h1>{0}</h1>
)";

double at(const Tensor& points, std::int64_t row, std::int64_t column) {
  return points[row][column].item<double>();
}

std::string scatter(const SprayGroup& group, const Tensor& points, const std::string& caption) {
  const Tensor low = std::get<0>(points.min(0)), high = std::get<0>(points.max(0));
  std::string out = fmt::format(
      "<figure><svg viewBox=\"0 0 {0} {0}\" role=\"img\" aria-label=\"{1}\">", kSide, caption);
  for (std::int64_t i = 0; i < points.size(0); ++i) {
    double place[2];
    for (std::int64_t axis = 0; axis < 2; ++axis) {
      const double from = low[axis].item<double>(), to = high[axis].item<double>();
      const double share = to > from ? (at(points, i, axis) - from) / (to - from) : 0.5;
      place[axis] = kMargin / 2 + share * (kSide - kMargin);
    }
    const auto cluster =
        static_cast<std::size_t>(group.analysis.cluster[static_cast<std::size_t>(i)]);
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\" fill=\"{}\" fill-opacity=\".75\"><title>{}, "
        "cluster {}</title></circle>",
        place[0], kSide - place[1], cluster_color(cluster),
        escaped(group.maps[static_cast<std::size_t>(i)]), cluster + 1);
  }
  return out + "</svg><figcaption>" + caption + "</figcaption></figure>";
}

std::string spectrum_plot(const SprayAnalysis& analysis) {
  const Tensor& values = analysis.spectrum.values;
  const std::int64_t count = values.size(0);
  const double top = std::max(1e-9, values.max().item<double>());
  const auto x = [&](double place) {
    return kMargin + (place + 0.5) / static_cast<double>(count) * (kSide - kMargin - 8);
  };
  const auto y = [&](double value) {
    return kSide - kMargin - value / top * (kSide - 2 * kMargin);
  };
  std::string out = fmt::format(
      "<figure><svg viewBox=\"0 0 {0} {0}\" role=\"img\" aria-label=\"eigenvalues\">", kSide);
  for (const double share : {0.0, 0.5, 1.0}) {
    out += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#e4e4e4\"/><text "
        "x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.2g}</text>",
        kMargin, kSide, y(share * top), kMargin - 3, y(share * top) + 4, share * top);
  }
  const std::int64_t gap = analysis.gap.clusters;
  if (gap < count) {
    const double left = x(static_cast<double>(gap) - 1), right = x(static_cast<double>(gap));
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#ffe2a8\"/>",
        left, y(values[gap].item<double>()), right - left,
        y(values[gap - 1].item<double>()) - y(values[gap].item<double>()));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const double value = values[i].item<double>();
    out += fmt::format(
        "<circle cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"5\" fill=\"#0072b2\"><title>{2:.4g}</title>"
        "</circle><text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>",
        x(static_cast<double>(i)), y(value), value, kSide - kMargin / 2, i + 1);
  }
  return out +
         fmt::format(
             "</svg><figcaption>The smallest eigenvalues of the Laplacian; the eigengap, {:.3f} "
             "behind number {}, is marked.</figcaption></figure>",
             analysis.gap.size, gap);
}

std::string picture(const SprayPicture& one) {
  return fmt::format("<figure><img src=\"{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>",
                     png_url(one.pixels), escaped(one.name), escaped(one.name));
}

std::string cluster_part(const SprayGroup& group, std::size_t c) {
  const auto& cluster = group.analysis.clusters[c];
  std::string out = fmt::format(
      "<div class=\"cluster\" style=\"border-color:{}\"><h3>Cluster {}: {} maps "
      "({:.0f} %)</h3><div class=\"pictures\">",
      cluster_color(c), c + 1, cluster.members.size(),
      100 * static_cast<double>(cluster.members.size()) / static_cast<double>(group.maps.size()));
  if (c < group.means.size()) out += picture({"mean map", group.means[c]});
  if (c < group.examples.size()) {
    for (const auto& one : group.examples[c]) out += picture(one);
  }
  return out + "</div></div>\n";
}

std::string group_part(const SprayGroup& group) {
  std::string out = "<section><h2>" + escaped(group.name) + "</h2>\n";
  for (const auto& sentence : group.words) out += "<p>" + escaped(sentence) + "</p>\n";
  out += "<div class=\"plots\">" + spectrum_plot(group.analysis);
  if (group.tsne.defined()) out += scatter(group, group.tsne, "t-SNE layout of the maps");
  out += scatter(group, group.analysis.layout, "eigenvectors on their two principal axes") +
         "</div>\n";
  for (std::size_t c = 0; c < group.analysis.clusters.size(); ++c) out += cluster_part(group, c);
  return out + "</section>\n";
}

std::string summary_table(const std::vector<SprayGroup>& groups) {
  std::string out =
      "<section><table><tr><th>class</th><th>maps</th><th>clusters</th><th>eigengap</th>"
      "<th>score</th><th>answer</th></tr>\n";
  for (const auto& group : groups) {
    const SprayAnalysis& analysis = group.analysis;
    out += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.3f}</td><td>{:.3f}</td><td{}>{}</td></tr>\n",
        escaped(group.name), group.maps.size(), analysis.clusters.size(), analysis.gap.size,
        analysis.score, analysis.score >= kSprayFlagged ? " class=\"flag\"" : "",
        spray_verdict(analysis.score));
  }
  return out + "</table></section>\n";
}

}  // namespace

std::string cluster_color(std::size_t cluster) {
  // Okabe and Ito (2008) first, then others that stay apart from them.
  static constexpr std::array<const char*, 10> kColors = {
      "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00",
      "#56b4e9", "#6a3d9a", "#8c564b", "#7f7f7f", "#b8b800"};
  return kColors[cluster % kColors.size()];
}

std::string spray_page(const std::string& title, const std::vector<std::string>& facts,
                       const std::vector<SprayGroup>& groups, const std::string& version) {
  std::string out = fmt::format(fmt::runtime(kHead), escaped(title));
  for (const auto& fact : facts) out += "<p>" + escaped(fact) + "</p>\n";
  out += "</header><main>\n";
  if (groups.size() > 1) out += summary_table(groups);
  for (const auto& group : groups) out += group_part(group);
  return out + "</main><footer>Made by limn " + escaped(version) +
         ". This page is complete in itself: it loads nothing.</footer></body></html>\n";
}

}  // namespace limn::render
