// The page of a dissection; its own text lies in concepts_page.inc. Names of people's files and
// classes are escaped.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "limn/concepts.h"
#include "limn/image.h"
#include "limn/version.h"
#include "render/html_parts.h"
#include "render/unit_tile.h"

namespace limn {
namespace {

using render::escaped;

constexpr std::string_view kPage =
#include "render/concepts_page.inc"
    ;
constexpr std::int64_t kTile = 132;
/// Units below describe nothing well; the bound is that of network dissection.
constexpr double kDetects = 0.04;

std::string jpeg_url(const Tensor& pixels) {
  return "data:image/jpeg;base64," + render::base64(encode_jpeg(pixels));
}

/// The page with each @NAME@ in place; what is put in is not looked through again.
std::string filled(std::string_view page, const std::map<std::string, std::string>& parts) {
  std::string out;
  while (!page.empty()) {
    const std::size_t mark = std::min(page.find('@'), page.size());
    out += page.substr(0, mark);
    page.remove_prefix(mark);
    const std::size_t end = page.find('@', 1);
    if (end == std::string_view::npos) return out.append(page);
    const auto part = parts.find(std::string(page.substr(1, end - 1)));
    out += part == parts.end() ? "@" : part->second;
    page.remove_prefix(part == parts.end() ? 1 : end + 1);
  }
  return out;
}

std::string bars(const Dissection& dissection) {
  std::vector<std::pair<int, std::size_t>> counts;
  for (std::size_t c = 0; c < dissection.concepts.size(); ++c) counts.emplace_back(0, c);
  for (const auto& unit : dissection.units) {
    if (unit.found.single_iou > kDetects) {
      ++counts[static_cast<std::size_t>(unit.found.single)].first;
    }
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string out;
  for (const auto& [count, c] : counts) {
    if (count == 0) break;
    out +=
        fmt::format("<div>{} <em>{}</em></div><span>{}</span><i style=\"width:{:.1f}%\"></i>\n",
                    escaped(dissection.concepts[c].name), escaped(dissection.concepts[c].category),
                    count, 100.0 * count / counts.front().first);
  }
  return out.empty() ? "<div>none</div>" : out;
}

std::string row(const Dissection& dissection, const UnitDissection& unit,
                const ExamplePictures& pictures) {
  const UnitFormula& found = unit.found;
  const PixelSet holds = formula_pixels(found.formula, dissection.concept_pixels);
  std::string tiles, single = "-";
  for (const auto number : unit.examples) {
    const ExamplePicture& picture = pictures.at(number);
    const Tensor tile = render::unit_tile(picture.pixels, dissection.grid(unit.pixels, number),
                                          dissection.grid(holds, number), kTile);
    tiles += fmt::format("<img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{}\" title=\"{}\">",
                         jpeg_url(tile), tile.size(1), tile.size(0), escaped(picture.name),
                         escaped(picture.name));
  }
  if (found.single >= 0) {
    const auto& best = dissection.concepts[static_cast<std::size_t>(found.single)];
    single = fmt::format("{}<small>{}, IoU {:.3f}</small>", escaped(best.name),
                         escaped(best.category), found.single_iou);
  }
  const double all = static_cast<double>(dissection.pictures) *
                     static_cast<double>(dissection.mask_height * dissection.mask_width);
  return fmt::format(
      "<tr><td class=\"number\">{}</td><td class=\"number\">{:.3f}</td><td class=\"formula\">"
      "<b>{}</b></td><td>{}</td><td class=\"number\">{:.2f} %<small>{} picture{}</small></td>"
      "<td class=\"tiles\">{}</td></tr>\n",
      unit.unit, found.iou, escaped(finding(dissection, unit)), single,
      100 * static_cast<double>(unit.pixels.count()) / all, unit.pixels.pictures().size(),
      unit.pixels.pictures().size() == 1 ? "" : "s", tiles);
}

}  // namespace

std::string dissection_page(const Dissection& dissection, const ExamplePictures& pictures,
                            const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string rows, list;
  for (const auto u : strongest_first(dissection)) {
    rows += row(dissection, dissection.units[u], pictures);
  }
  for (const auto& [name, value] : facts) {
    list += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
  }
  return filled(kPage, {{"TITLE", "Concepts of the units of " + escaped(dissection.layer)},
                        {"VERSION", kVersion},
                        {"BARS", bars(dissection)},
                        {"FACTS", list},
                        {"ROWS", rows}});
}

}  // namespace limn
