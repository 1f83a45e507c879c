// The page of an audit: one self-contained HTML file without scripts.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "limn/audit.h"
#include "limn/image.h"
#include "limn/render.h"
#include "limn/version.h"
#include "render/html_parts.h"

namespace limn {
namespace {

using render::escaped;

constexpr const char* kHead =
#include "evaluation/audit_page.inc"
    ;
/// Pictures shown of a class, and the width at which they are stored.
constexpr std::size_t kShown = 6, kShownWhenPassed = 3;
constexpr std::int64_t kWidth = 220;

std::string answer_cell(AuditAnswer answer) {
  const bool measured = answer != AuditAnswer::NotMeasured;
  return fmt::format("<td class=\"answer {}\">{}</td>",
                     measured ? audit_answer_name(answer) : "none", audit_answer_name(answer));
}

std::string findings_table(const Audit& audit) {
  std::string out =
      "<section><h2>All checks</h2><table><tr><th>check</th><th>of</th><th>answer</th>"
      "<th>what was found</th></tr>\n";
  for (const auto& one : audit.findings) {
    out += fmt::format("<tr><td>{}</td><td>{}</td>{}<td>{}", one.check, escaped(one.subject),
                       answer_cell(one.answer), escaped(one.words));
    if (!one.advice.empty()) out += "<small>" + escaped(one.advice) + "</small>";
    out += "</td></tr>\n";
  }
  return out + "</table></section>\n";
}

std::string figure(const Tensor& pixels, const std::string& caption) {
  return fmt::format("<figure><img src=\"{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>",
                     render::png_url(pixels), escaped(caption), escaped(caption));
}

Tensor narrowed(const Tensor& pixels) {
  if (pixels.size(1) <= kWidth) return pixels;
  return resize_picture(pixels, std::max<std::int64_t>(1, pixels.size(0) * kWidth / pixels.size(1)),
                        kWidth);
}

Tensor with_window(const Tensor& pixels, const AuditSpot& spot, const Tensor& seen) {
  const double y = static_cast<double>(pixels.size(0)) / static_cast<double>(seen.size(0));
  const double x = static_cast<double>(pixels.size(1)) / static_cast<double>(seen.size(1));
  const BoxMark mark{.box = {x * static_cast<double>(spot.left), y * static_cast<double>(spot.top),
                             x * static_cast<double>(spot.left + spot.width),
                             y * static_cast<double>(spot.top + spot.height)},
                     .text = {},
                     .is_strong = true};
  return draw_boxes(pixels, {mark});
}

/// The picture as the model gets it with the spot covered.
Tensor covered_picture(const AuditCase& one, const AuditSpot& spot) {
  const Tensor x = one.seen.permute({2, 0, 1}).unsqueeze(0).to(at::kDouble);
  return cover_window(x, spot.top, spot.left, spot.height, spot.width)[0]
      .clamp(0, 255)
      .round()
      .to(at::kByte)
      .permute({1, 2, 0})
      .contiguous();
}

std::string clusters_part(const AuditClass& found) {
  std::string out = "<h3>Mean maps of the groups</h3><div class=\"pictures cells\">";
  for (const auto& cluster : found.spray->clusters) {
    const auto side = std::llround(std::sqrt(static_cast<double>(cluster.mean.numel())));
    const Tensor mean = cluster.mean.view({side, side}).to(at::kFloat);
    out += figure(color_map(mean, style_map(mean, false)),
                  fmt::format("{} maps", cluster.members.size()));
  }
  return out + "</div>\n";
}

std::string examples_part(const Audit& audit, const AuditClass& found, std::size_t most) {
  std::string out =
      "<h3>Where the maps are strongest, and the pictures with that covered</h3>"
      "<div class=\"pictures\">";
  const std::size_t count = std::min(most, found.covers.size());
  for (std::size_t i = 0; i < count; ++i) {
    const AuditCover& cover = found.covers[i * found.covers.size() / count];
    const AuditSpot& spot = found.spots[cover.spot];
    const AuditCase& one = audit.cases[spot.number];
    const Tensor map = audit.maps[audit.lead].maps[spot.number].to(at::kFloat);
    const Tensor overlay =
        overlay_figure(one.seen, map, style_map(map, map.min().item<double>() < 0));
    out += "<div>" + figure(narrowed(with_window(overlay, spot, one.seen)),
                            fmt::format("{}: probability {:.2f}", one.picture, cover.before));
    out += figure(narrowed(covered_picture(one, spot)),
                  fmt::format("covered: {:.2f}", cover.covered)) +
           "</div>";
  }
  return out + "</div>\n";
}

std::string class_part(const Audit& audit, const AuditClass& found) {
  const AuditFinding finding = judge_cheating(found);
  std::string out = fmt::format(
      "<section><h2>{}{} <span class=\"answer {}\">{}</span></h2>", found.pooled ? "" : "Class ",
      escaped(found.name), audit_answer_name(finding.answer), audit_answer_name(finding.answer));
  out += "<p>" + escaped(finding.words) + "</p>";
  if (!finding.advice.empty()) out += "<p><b>" + escaped(finding.advice) + "</b></p>";
  const bool passed = finding.answer == AuditAnswer::Passed;
  std::string pictures = examples_part(audit, found, passed ? kShownWhenPassed : kShown);
  if (found.spray) pictures += clusters_part(found);
  if (passed) {
    pictures = "<details><summary>pictures</summary>" + pictures + "</details>";
  }
  return out + pictures + "</section>\n";
}

std::string sanity_part(const Audit& audit) {
  std::vector<PlotLine> lines;
  for (std::size_t m = 0; m < audit.sanity.size(); ++m) {
    std::vector<double> sums;
    double maps = 0;
    for (const auto& one : audit.sanity[m]) {
      if (one.constant || one.stages.empty()) continue;
      sums.resize(one.stages.size());
      for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += one.stages[k].spearman;
      ++maps;
    }
    if (maps == 0) continue;
    PlotLine line{.name = audit.maps[m].method, .x = {0}, .y = {1}};
    for (std::size_t k = 0; k < sums.size(); ++k) {
      line.x.push_back(static_cast<double>(k + 1) / static_cast<double>(sums.size()));
      line.y.push_back(sums[k] / maps);
    }
    lines.push_back(std::move(line));
  }
  if (lines.empty()) return "";
  const Tensor plot = line_plot(lines, {.title = "What is left of the maps",
                                        .x_label = "share of layers with random weights",
                                        .y_label = "rank correlation"});
  return "<section><h2>Sanity</h2><figure class=\"plot\"><img alt=\"rank correlation with the true "
         "map as layers are randomized\" src=\"" +
         render::png_url(plot) +
         "\"><figcaption>Layers get random weights from the output down. A map that shows what the "
         "model has learned falls.</figcaption></figure></section>\n";
}

std::string agreement_part(const Audit& audit) {
  const auto found = std::find_if(audit.findings.begin(), audit.findings.end(),
                                  [](const auto& one) { return one.check == "agreement"; });
  if (found == audit.findings.end() || found->numbers.empty()) return "";
  std::string out = "<section><h2>Agreement of methods</h2><table class=\"pairs\"><tr><th></th>";
  for (const auto& maps : audit.maps) out += "<th>" + escaped(maps.method) + "</th>";
  out += "</tr>";
  for (const auto& row : audit.maps) {
    out += "<tr><td>" + escaped(row.method) + "</td>";
    for (const auto& column : audit.maps) {
      auto number = found->numbers.find(row.method + " ~ " + column.method);
      if (number == found->numbers.end()) {
        number = found->numbers.find(column.method + " ~ " + row.method);
      }
      out += number == found->numbers.end() ? "<td></td>"
                                            : fmt::format("<td>{:.2f}</td>", number->second);
    }
    out += "</tr>";
  }
  return out + "</table></section>\n";
}

/// The summary where no class is flagged.
std::string calm_words(const Audit& audit, std::size_t unclear) {
  const std::size_t examined = audit.classes.size();
  if (examined == 0) {
    return fmt::format("No class has {} usable maps, so cheating was not looked for.", kLeastMaps);
  }
  if (audit.classes.front().pooled) {
    return fmt::format("No class has {} maps of its own; in those of all classes together {}.",
                       kLeastMaps,
                       unclear > 0 ? "something is unusual, but nothing that the score hangs on"
                                   : "nothing speaks for cheating");
  }
  if (unclear > 0) {
    return fmt::format(
        "In {} of {} classes something is unusual, but nothing that the score hangs "
        "on.",
        unclear, examined);
  }
  return fmt::format("Nothing speaks for cheating in {} class{}.", examined,
                     examined == 1 ? "" : "es");
}

}  // namespace

std::string audit_summary(const Audit& audit) {
  std::string cheating, others;
  std::size_t unclear = 0;
  for (const auto& one : audit.findings) {
    if (one.check == "cheating") unclear += one.answer == AuditAnswer::Unclear ? 1 : 0;
    if (one.answer != AuditAnswer::Flagged) continue;
    if (one.check == "cheating") {
      cheating += (cheating.empty() ? "" : " ") + one.words + " " + one.advice;
    } else {
      others += (others.empty() ? "" : ", ") + one.check + " of " + one.subject;
    }
  }
  std::string out = cheating.empty() ? calm_words(audit, unclear) : cheating;
  if (!others.empty()) out += " Also flagged: " + others + ".";
  return out;
}

std::string audit_page(const Audit& audit, const std::string& title,
                       const std::vector<std::string>& facts) {
  std::string out = kHead;
  render::replace(out, "@TITLE@", escaped(title));
  out += "<body><header><h1>" + escaped(title) + "</h1>\n";
  for (const auto& fact : facts) out += "<p>" + escaped(fact) + "</p>\n";
  out += "</header><main><section><p class=\"summary\">" + escaped(audit_summary(audit)) +
         "</p></section>\n" + findings_table(audit);
  for (const bool passed : {false, true}) {
    for (const auto& one : audit.classes) {
      if (judge_cheating(one).answer == AuditAnswer::NotMeasured) continue;
      if ((judge_cheating(one).answer == AuditAnswer::Passed) == passed)
        out += class_part(audit, one);
    }
  }
  out += sanity_part(audit) + agreement_part(audit);
  return out + "</main><footer>Made by limn " + kVersion +
         ". This page is complete in itself: it loads nothing. An audit finds what it looks for: "
         "passed checks are no proof.</footer></body></html>\n";
}

}  // namespace limn
