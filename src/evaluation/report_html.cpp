// A report as one HTML page without scripts; the page's frame lies in report_page.inc. All names
// are escaped where they enter.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "evaluation/report_words.h"
#include "limn/error.h"
#include "limn/image.h"
#include "limn/version.h"
#include "render/html_parts.h"

namespace limn {
namespace {

using render::escaped;
using render::jpeg_url;
using render::png_url;
using render::replace;

constexpr std::string_view kPage =
#include "evaluation/report_page.inc"
    ;
constexpr double kBarWidth = 96, kBarHeight = 9;
/// Of an example: the grid shows it at 150 to 200 pixels.
constexpr std::int64_t kExampleWidth = 240;
constexpr int kExampleQuality = 80;

std::string element(const char* tag, const std::string& text, const char* kind = "") {
  const std::string attribute = *kind ? fmt::format(" class=\"{}\"", kind) : "";
  return fmt::format("<{}{}>{}</{}>\n", tag, attribute, text, tag);
}

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += element("li", escaped(item));
  return items.empty() ? "" : element("ul", out);
}

std::string warnings(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += element("p", "Warning: " + escaped(text), "warn");
  return out;
}

/// What intervals of a column span.
Interval span_of(const Table& table, std::size_t column) {
  Interval span;
  for (const auto& row : table.rows) {
    const Estimate& one = row.cells[column].estimate;
    for (const double value : {one.value, one.interval.low, one.interval.high}) {
      if (!std::isfinite(value)) continue;
      span.low = std::isnan(span.low) ? value : std::min(span.low, value);
      span.high = std::isnan(span.high) ? value : std::max(span.high, value);
    }
  }
  return span;
}

/// The interval as a line, the value as a dot, on the column's common scale.
std::string bar(const TableCell& cell, const Interval& span) {
  const Interval& interval = cell.estimate.interval;
  if (!std::isfinite(interval.low) || !std::isfinite(interval.high) || !(span.high > span.low)) {
    return "";
  }
  const auto x = [&](double value) {
    return 4 + (kBarWidth - 8) * (value - span.low) / (span.high - span.low);
  };
  const char* color = cell.best ? "#b2182b" : "#5b6472";
  return fmt::format(
      "<svg width=\"{0}\" height=\"{1}\" role=\"img\" aria-label=\"interval\">"
      "<line x1=\"0\" x2=\"{0}\" y1=\"{2}\" y2=\"{2}\" stroke=\"#e6e8ec\"/>"
      "<line x1=\"{3:.1f}\" x2=\"{4:.1f}\" y1=\"{2}\" y2=\"{2}\" stroke=\"{6}\" "
      "stroke-width=\"2\"/><circle cx=\"{5:.1f}\" cy=\"{2}\" r=\"3\" fill=\"{6}\"/></svg>",
      kBarWidth, kBarHeight, kBarHeight / 2, x(interval.low), x(interval.high),
      x(cell.estimate.value), color);
}

/// What the pointer shows.
std::string hint(const TableCell& cell) {
  std::string text =
      fmt::format("{} cases in {} pictures, {} skipped", cell.cases, cell.pictures, cell.skipped);
  if (!std::isnan(cell.p_best)) {
    text += fmt::format("; against the best: p = {:.2g} (Holm)", cell.p_best);
  }
  for (const auto& control : cell.not_above) text += "; not shown to beat " + control;
  return text;
}

std::string cell_html(const TableCell& cell, const TableColumn& of, const Interval& span) {
  const MetricColumn& column = of.what;
  if (std::isnan(cell.estimate.value)) {
    return fmt::format("<td title=\"{0}\">–<span class=\"interval\">{0}</span></td>\n",
                       escaped(cell.reason));
  }
  std::string value = column_number(cell.estimate.value, column);
  if (cell.best) value = "<b>" + value + "</b>";
  std::string marks = cell.like_best ? kLikeBest : "";
  if (!cell.not_above.empty()) marks += kNotAbove;
  if (!marks.empty()) value += "<sup>" + marks + "</sup>";
  const std::string interval = interval_text(cell.estimate.interval, column);
  if (!interval.empty()) value += "<span class=\"interval\">" + interval + "</span>";
  if (const std::string verdict = verdict_words(cell, of); !verdict.empty()) {
    value += fmt::format("<span class=\"verdict {0}\">{0}</span>", verdict);
  }
  value += bar(cell, span);
  for (const auto& [theirs, source] : cell.theirs) {
    value += fmt::format("<span class=\"theirs\">theirs {} ({})</span>",
                         column_number(theirs, column), source + 1);
  }
  return fmt::format("<td{} title=\"{}\">{}</td>\n", cell.best ? " class=\"best\"" : "",
                     escaped(hint(cell)), value);
}

std::string table_head(const Table& table, std::size_t begin, std::size_t last) {
  std::string top = "<th rowspan=\"2\">method</th>", bottom;
  for (std::size_t column = begin; column < last;) {
    const TableColumn& first = table.columns[column];
    std::size_t end = column;
    for (; end < last && table.columns[end].metric == first.metric; ++end) {
      const MetricColumn& what = table.columns[end].what;
      bottom += fmt::format("<th title=\"{}\">{} {}<small>{}</small></th>", escaped(what.help),
                            escaped(what.name), arrow(what.better), range_text(what));
    }
    top += fmt::format("<th class=\"group\" colspan=\"{}\">{}</th>", end - column,
                       escaped(first.title));
    column = end;
  }
  return element("thead", element("tr", top) + element("tr", bottom));
}

std::string block_html(const Table& table, std::size_t first, std::size_t last) {
  std::string body;
  bool controls = false;
  for (const auto& row : table.rows) {
    std::string cells =
        fmt::format("<th title=\"{}\">{}{}</th>\n", escaped(row.method.spec),
                    escaped(row.method.name), row.method.control ? "<small>control</small>" : "");
    for (std::size_t column = first; column < last; ++column) {
      cells += cell_html(row.cells[column], table.columns[column], span_of(table, column));
    }
    const char* kind = !row.method.control ? "" : controls ? "control" : "control first-control";
    controls = controls || row.method.control;
    body += element("tr", cells, kind);
  }
  const std::string head = table_head(table, first, last);
  return element("div", element("table", head + element("tbody", body)), "scroll");
}

std::string table_html(const Table& table, const RunFacts& run, std::size_t number) {
  std::string out =
      fmt::format("<section id=\"table-{}\"><h2>{}</h2>\n", number, escaped(table_title(table)));
  std::string caption = escaped(table_caption(table, run));
  const auto add_identity = [&](const std::string& name,
                                const std::map<std::string, std::string>& known) {
    const auto found = known.find(name);
    if (found != known.end()) caption += "<br>" + escaped(name + ": " + found->second);
  };
  add_identity(table.model, run.models);
  add_identity(table.data, run.data);
  out += element("p", caption, "caption");
  if (table.rows.empty()) return out + element("p", "No case counts.") + "</section>\n";
  for (const auto& [first, last] : column_blocks(table)) out += block_html(table, first, last);
  for (const auto& text : table.skipped) {
    out += element("p", "Skipped: " + escaped(text) + ".", "small");
  }
  return out + warnings(table.warnings) + "</section>\n";
}

/// A page holds hundreds of maps: smaller, as JPEG, they take a tenth. What is no picture stays as
/// it is.
std::string small_url(const std::string& bytes) {
  try {
    Tensor pixels = decode_picture(bytes).pixels;
    if (pixels.size(1) > kExampleWidth) {
      const std::int64_t height = pixels.size(0) * kExampleWidth / pixels.size(1);
      pixels = resize_picture(pixels, std::max<std::int64_t>(1, height), kExampleWidth);
    }
    return jpeg_url(encode_jpeg(pixels, kExampleQuality));
  } catch (const Error&) {
    return png_url(std::string_view(bytes));
  }
}

/// A picture and the maps of it, side by side.
std::string examples_html(const BenchReport& report) {
  if (report.run.examples.empty()) return "";
  std::map<std::string, std::string> names;
  for (const auto& method : report.methods) names[method.spec] = method.name;
  const auto figure = [](const std::string& bytes, const std::string& caption) {
    return fmt::format("<figure><img src=\"{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>\n",
                       small_url(bytes), escaped(caption), escaped(caption));
  };
  std::string out = "<section id=\"examples\"><h2>Examples</h2>\n" +
                    element("p",
                            "Made smaller for this page; examples/ beside it holds them as "
                            "they are.",
                            "small");
  for (const auto& example : report.run.examples) {
    std::string row = example.picture.empty() ? "" : figure(example.picture, "picture");
    for (const auto& map : example.maps) {
      const auto name = names.find(map.method);
      row += figure(map.bytes, name == names.end() ? map.method : name->second);
    }
    out += element("h3", escaped(example.caption)) + element("div", row, "maps");
  }
  return out + "</section>\n";
}

/// Sixteen shades of each channel, black and white among them: lines and text look the same, and a
/// PNG of them takes half the bytes.
Tensor fewer_colors(const Tensor& pixels) {
  return pixels.to(at::kFloat).div(17).round().mul(17).to(at::kByte);
}

std::string figures_html(const BenchReport& report) {
  std::string out;
  for (const auto& curve : report.curves) {
    out += fmt::format("<figure><img src=\"{}\" alt=\"{}\">{}</figure>\n",
                       png_url(fewer_colors(curve.pixels)), escaped(curve.title),
                       element("figcaption", escaped(curve.title + ". " + curve.words)));
  }
  if (!out.empty()) {
    out = "<section id=\"curves\"><h2>Curves</h2>\n" + out + "</section>\n";
  }
  return out + examples_html(report);
}

std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::string out;
  for (const auto& [name, text] : rows) {
    out += element("tr", element("th", escaped(name)) + "<td class=\"wrap\">" + text + "</td>");
  }
  return element("table", element("tbody", out));
}

std::string legend_html(const BenchReport& report) {
  std::string out = "<section id=\"metrics\"><h2>Metrics</h2>\n";
  for (const auto& metric : metric_words(report)) {
    out += element("h3", escaped(metric.title));
    out += element("p", escaped(metric.text) + "<br><code>" + escaped(metric.spec) + "</code>",
                   "small");
    out += list(metric.columns);
  }
  out += "</section>\n<section id=\"methods\"><h2>Methods</h2>\n";
  std::vector<std::pair<std::string, std::string>> methods;
  for (const auto& method : report.methods) {
    methods.emplace_back(method.name + (method.control ? " (control)" : ""),
                         "<code>" + escaped(method.spec) + "</code>");
  }
  return out + two_columns(methods) + "</section>\n";
}

std::string published_html(const BenchReport& report) {
  if (report.sources.empty() && report.published_else.empty()) return "";
  std::string out = "<section id=\"theirs\"><h2>Published figures</h2>\n";
  for (std::size_t i = 0; i < report.sources.size(); ++i) {
    out += element("p", fmt::format("({}) {}", i + 1, escaped(report.sources[i])), "theirs");
  }
  if (!report.published_else.empty()) {
    out += element("h3", "Without one of ours beside them");
    std::vector<std::string> items;
    for (const auto& figure : report.published_else) {
      items.push_back(published_words(figure) + " (" + figure.source + ")");
    }
    out += list(items);
  }
  return out + "</section>\n";
}

std::string run_html(const BenchReport& report) {
  if (report.run.about.empty()) return "";
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& [name, words] : report.run.about) rows.emplace_back(name, escaped(words));
  return "<section id=\"run\"><h2>The run</h2>\n" + two_columns(rows) + "</section>\n";
}

std::string navigation(const BenchReport& report) {
  if (report.tables.size() < 2) return "";
  std::string out;
  for (std::size_t i = 0; i < report.tables.size(); ++i) {
    out += fmt::format("<a href=\"#table-{}\">{}</a>\n", i, escaped(table_title(report.tables[i])));
  }
  return element("nav", out);
}

}  // namespace

std::string report_html(const BenchReport& report) {
  std::string main = warnings(run_warnings(report));
  for (std::size_t i = 0; i < report.tables.size(); ++i) {
    main += table_html(report.tables[i], report.run, i);
  }
  if (report.tables.empty()) main += element("p", "There is no result yet.");
  main += "<section id=\"reading\"><h2>How to read this</h2>\n" + list(reading_words(report)) +
          "</section>\n";
  main += figures_html(report) + legend_html(report) + published_html(report) + run_html(report);
  const std::string title = report.run.title.empty() ? "Benchmark report" : report.run.title;
  std::string page(kPage);
  replace(page, "@TITLE@", escaped(title));
  replace(page, "@HEADING@", escaped(title));
  replace(page, "@SUBTITLE@",
          fmt::format("{} measurements, {} methods, {} metrics.", report.lines,
                      report.methods.size(), report.metrics.size()));
  replace(page, "@NAVIGATION@", navigation(report));
  replace(page, "@VERSION@", kVersion);
  replace(page, "@MAIN@", main);
  return page;
}

}  // namespace limn
