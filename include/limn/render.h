// Maps as pictures: color maps, heat maps with a color bar, overlays, comparison grids.
#pragma once
#include <string>
#include <vector>

#include "limn/tensor.h"

namespace limn {

/// `red-blue` (default for signed maps), `seismic`, `bwr`, `coldnhot`; `inferno` (default for
/// others), `viridis`, `magma`, `cividis`, `turbo`, `jet`, `gray`. One sentence each.
struct ColormapInfo {
  std::string name, summary;
  bool diverging = false;  ///< its middle means zero
};
const std::vector<ColormapInfo>& colormaps();
/// uint8 [256, 3]; throws NotFound with the nearest names.
Tensor colormap_table(const std::string& name);

/// How the values of one map become colors.
struct MapStyle {
  std::string colormap;
  std::string rule;  ///< `max`, `p99.5` or a number: what `high` was chosen by
  double low = 0;    ///< -high where the map is signed; else 0, or the lowest value above 0 where
                     ///< that exceeds a fifth of `high`, as `words` then says
  double high = 1;   ///< values beyond are drawn as the last color; the raw map is never changed
  bool clipped = false;
  /// What a reader must be told: a constant map, only negative values, values that are not numbers,
  /// colors that do not start at zero.
  std::string words;
  bool constant = false;
};

/// Chooses colors for `map` [h, w]. An empty `colormap` is `red-blue` for signed maps and `inferno`
/// for others (a map with negative values counts as signed). `rule`: `max` of |map|, `p` and a
/// percentile of |map| in (0, 100], or a number above 0. Throws InvalidArgument, NotFound.
MapStyle style_map(const Tensor& map, bool is_signed, const std::string& colormap = "",
                   const std::string& rule = "p99.5");

/// uint8 [h, w, 3].
Tensor color_map(const Tensor& map, const MapStyle& style);
/// uint8 [h, w, 4] for overlays: the stronger the value the more opaque. Weak values get a full
/// hue.
Tensor color_layer(const Tensor& map, const MapStyle& style);
/// The map with a color bar and numbers; small maps are enlarged to be readable.
Tensor heatmap_figure(const Tensor& map, const MapStyle& style);
/// A box on a picture, in its pixels.
struct BoxMark {
  std::array<double, 4> box = {};  ///< x1, y1, x2, y2
  std::string text;                ///< stands at its upper left corner
  bool is_strong = false;          ///< thick and bright: what is explained
};
/// The map over the picture (uint8 [h, w, 3], same size), drawn the stronger the larger |value|;
/// `opacity` 0..1. Small pictures are enlarged. Marks stand on top.
Tensor overlay_figure(const Tensor& picture, const Tensor& map, const MapStyle& style,
                      const std::vector<BoxMark>& marks = {}, double opacity = 0.85);

/// One cell of a comparison.
struct GridCell {
  Tensor map;  ///< [h, w], same size as the row's picture; undefined leaves the cell empty
  MapStyle style;
  std::string caption;
};
/// One row: a picture, its label, and a cell per column.
struct GridRow {
  Tensor picture;
  std::string label;
  std::vector<GridCell> cells;
};
struct GridOptions {
  std::int64_t cell = 224;  ///< width of a cell in pixels
  bool overlay = false;     ///< draw maps over the picture
  double opacity = 0.85;
};
/// Inputs (and targets) down, methods across, with one color bar for each color map in use.
Tensor comparison_grid(const std::vector<std::string>& columns, const std::vector<GridRow>& rows,
                       const GridOptions& options = {});

/// uint8 [H, W, 3] with the boxes drawn, strong ones on top.
Tensor draw_boxes(const Tensor& picture, const std::vector<BoxMark>& boxes);

struct PlotLine {
  std::string name;
  std::vector<double> x, y;
  std::vector<double> low = {}, high = {};  ///< a band around y, as many values; or empty
  bool reference = false;                   ///< drawn gray and thin, behind the others
};
struct PlotOptions {
  std::string title, x_label, y_label;
  std::int64_t width = 720, height = 480;
};
/// Lines on common axes, uint8 [height, width, 3], with markers where a line has few points; both
/// axes end at round numbers. Throws InvalidArgument where there is no point, or a line's values
/// differ in number.
Tensor line_plot(const std::vector<PlotLine>& lines, const PlotOptions& options);

/// Share of |map| that lies in the strongest `share` of its pixels (0.001: one in a thousand).
double concentration(const Tensor& map, double share = 0.001);

}  // namespace limn
