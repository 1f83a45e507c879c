// See superpixels.h.
#include "methods/superpixels.h"

#include <cmath>
#include <limits>
#include <set>

namespace limn {
namespace {

/// The normal equations of so many segments take 128 MB.
constexpr std::int64_t kMostSegments = 4096;
constexpr int kRounds = 10;
constexpr double kSmallest = 0.5;  ///< of the area that a segment has on average

struct Grid {
  std::int64_t rows, columns;
};

Grid grid_of(std::int64_t height, std::int64_t width, std::int64_t n) {
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  const auto rows =
      static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(n) * h / w)));
  Grid grid{std::clamp<std::int64_t>(rows, 1, height), 1};
  grid.columns = std::clamp<std::int64_t>((n + grid.rows / 2) / grid.rows, 1, width);
  return grid;
}

/// The picture as rows of colors, and a label for each pixel.
struct Pixels {
  std::int64_t height, width, channels;
  std::vector<double> color;
  std::vector<std::int64_t> label;

  std::int64_t count() const { return height * width; }
  const double* at(std::int64_t pixel) const { return color.data() + pixel * channels; }
  double apart(std::int64_t pixel, const double* other) const {
    double sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) {
      const double d = at(pixel)[c] - other[c];
      sum += d * d;
    }
    return sum;
  }
};

Pixels pixels_of(const Tensor& picture, const Tensor& labels) {
  Tensor wide = picture.to(at::kCPU, at::kDouble);
  const double range = (wide.max() - wide.min()).item<double>();
  const auto channels = static_cast<double>(wide.size(0));
  wide = wide * (range > 0 ? 100 / (range * std::sqrt(channels)) : 0.0);
  wide = wide.permute({1, 2, 0}).contiguous();
  const auto* color = wide.data_ptr<double>();
  const auto* label = labels.data_ptr<std::int64_t>();
  return {wide.size(0),
          wide.size(1),
          wide.size(2),
          {color, color + wide.numel()},
          {label, label + labels.numel()}};
}

/// Mean colors and places of labels 0 .. count - 1; without a pixel the center stays.
void update(const Pixels& pixels, std::vector<double>& centers) {
  const auto step = static_cast<std::size_t>(pixels.channels + 2);
  std::vector<double> sums(centers.size(), 0), held(centers.size() / step, 0);
  for (std::int64_t p = 0; p < pixels.count(); ++p) {
    const auto k = static_cast<std::size_t>(pixels.label[static_cast<std::size_t>(p)]);
    double* sum = sums.data() + k * step;
    sum[0] += static_cast<double>(p / pixels.width);
    sum[1] += static_cast<double>(p % pixels.width);
    for (std::int64_t c = 0; c < pixels.channels; ++c) sum[c + 2] += pixels.at(p)[c];
    held[k] += 1;
  }
  for (std::size_t i = 0; i < centers.size(); ++i) {
    if (held[i / step] > 0) centers[i] = sums[i] / held[i / step];
  }
}

/// One round of k-means; whether a label changed.
bool assign(Pixels& pixels, const std::vector<double>& centers, const Grid& grid, double by_place) {
  const auto step = static_cast<std::size_t>(pixels.channels + 2);
  const double down = static_cast<double>(pixels.height) / static_cast<double>(grid.rows);
  const double across = static_cast<double>(pixels.width) / static_cast<double>(grid.columns);
  std::vector<double> best(static_cast<std::size_t>(pixels.count()),
                           std::numeric_limits<double>::infinity());
  const std::vector<std::int64_t> before = pixels.label;
  for (std::size_t k = 0; k < centers.size() / step; ++k) {
    const double* center = centers.data() + k * step;
    const auto from = [](double place) {
      return std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(place)));
    };
    const auto to = [](double place, std::int64_t size) {
      return std::min(size - 1, static_cast<std::int64_t>(std::floor(place)));
    };
    const std::int64_t left = from(center[1] - across),
                       right = to(center[1] + across, pixels.width);
    const std::int64_t bottom = to(center[0] + down, pixels.height);
    for (std::int64_t y = from(center[0] - down); y <= bottom; ++y) {
      const double dy = static_cast<double>(y) - center[0];
      for (std::int64_t x = left; x <= right; ++x) {
        const double dx = static_cast<double>(x) - center[1];
        const std::int64_t p = y * pixels.width + x;
        const auto i = static_cast<std::size_t>(p);
        const double d = pixels.apart(p, center + 2) + by_place * (dy * dy + dx * dx);
        if (d < best[i]) {
          best[i] = d;
          pixels.label[i] = static_cast<std::int64_t>(k);
        }
      }
    }
  }
  return pixels.label != before;
}

/// Calls `use(pixel, neighbor)` for the four around it.
template <typename Use>
void around_pixel(const Pixels& pixels, std::int64_t p, const Use& use) {
  const std::int64_t x = p % pixels.width;
  if (p >= pixels.width) use(p - pixels.width);
  if (x > 0) use(p - 1);
  if (x + 1 < pixels.width) use(p + 1);
  if (p + pixels.width < pixels.count()) use(p + pixels.width);
}

/// A connected piece of one label.
struct Piece {
  double size = 0;
  std::vector<double> color;  ///< sum
  std::set<std::size_t> neighbors;
};

/// Each label's connected pieces get labels of their own, in the order of their first pixels.
std::vector<Piece> take_apart(Pixels& pixels) {
  std::vector<Piece> pieces;
  std::vector<std::int64_t> own(pixels.label.size(), -1), open;
  for (std::int64_t first = 0; first < pixels.count(); ++first) {
    if (own[static_cast<std::size_t>(first)] >= 0) continue;
    const std::int64_t label = pixels.label[static_cast<std::size_t>(first)];
    const auto name = static_cast<std::int64_t>(pieces.size());
    Piece piece{0, std::vector<double>(static_cast<std::size_t>(pixels.channels), 0), {}};
    own[static_cast<std::size_t>(first)] = name;
    open = {first};
    while (!open.empty()) {
      const std::int64_t p = open.back();
      open.pop_back();
      piece.size += 1;
      for (std::size_t c = 0; c < piece.color.size(); ++c) piece.color[c] += pixels.at(p)[c];
      around_pixel(pixels, p, [&](std::int64_t q) {
        const auto i = static_cast<std::size_t>(q);
        if (own[i] >= 0 || pixels.label[i] != label) return;
        own[i] = name;
        open.push_back(q);
      });
    }
    pieces.push_back(std::move(piece));
  }
  pixels.label = std::move(own);
  for (std::int64_t p = 0; p < pixels.count(); ++p) {
    const auto mine = static_cast<std::size_t>(pixels.label[static_cast<std::size_t>(p)]);
    around_pixel(pixels, p, [&](std::int64_t q) {
      const auto theirs = static_cast<std::size_t>(pixels.label[static_cast<std::size_t>(q)]);
      if (mine != theirs) pieces[mine].neighbors.insert(theirs);
    });
  }
  return pieces;
}

/// Joins pieces below `smallest` to their neighbor of the nearest mean color, down to two; labels
/// without gaps.
void connect(Pixels& pixels, double smallest) {
  std::vector<Piece> pieces = take_apart(pixels);
  std::vector<std::size_t> into(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) into[i] = i;
  std::size_t left = pieces.size();
  for (std::size_t a = 0; a < pieces.size() && left > 2; ++a) {
    Piece& small = pieces[a];
    if (small.size >= smallest || small.neighbors.empty()) continue;
    std::size_t nearest = a;
    double least = std::numeric_limits<double>::infinity();
    for (const std::size_t b : small.neighbors) {
      double apart = 0;
      for (std::size_t c = 0; c < small.color.size(); ++c) {
        const double d = small.color[c] / small.size - pieces[b].color[c] / pieces[b].size;
        apart += d * d;
      }
      if (apart < least) {
        least = apart;
        nearest = b;
      }
    }
    Piece& other = pieces[nearest];
    other.size += small.size;
    for (std::size_t c = 0; c < small.color.size(); ++c) other.color[c] += small.color[c];
    for (const std::size_t b : small.neighbors) {
      pieces[b].neighbors.erase(a);
      if (b == nearest) continue;
      pieces[b].neighbors.insert(nearest);
      other.neighbors.insert(b);
    }
    into[a] = nearest;
    --left;
  }
  std::map<std::size_t, std::int64_t> names;
  for (auto& label : pixels.label) {
    auto at = static_cast<std::size_t>(label);
    while (into[at] != at) at = into[at];
    label = names.emplace(at, static_cast<std::int64_t>(names.size())).first->second;
  }
}

}  // namespace

Fields superpixel_fields(SuperpixelOptions& o) {
  return {choice_field("segments", o.segments, {"slic", "grid"},
                       "the parts: superpixels of one color each, or rectangles")
              .also({"segmentation"}),
          integer_field("n-segments", o.n_segments, 2, kMostSegments, "about how many parts")
              .also({"num-segments"}),
          real_field("compactness", o.compactness, 0, kInfinity,
                     "of slic, above 0: how much place counts against color")};
}

Tensor grid_segments(std::int64_t height, std::int64_t width, std::int64_t n) {
  const Grid grid = grid_of(height, width, n);
  const auto cell = [](std::int64_t size, std::int64_t cells) {
    return at::floor_divide(at::arange(size, at::kLong) * cells, size);
  };
  return (cell(height, grid.rows).unsqueeze(1) * grid.columns + cell(width, grid.columns))
      .contiguous();
}

Tensor slic_segments(const Tensor& picture, std::int64_t n, double compactness) {
  const std::int64_t height = picture.size(1), width = picture.size(2);
  const Grid grid = grid_of(height, width, n);
  const Tensor labels = grid_segments(height, width, n);
  Pixels pixels = pixels_of(picture, labels);
  const std::int64_t count = grid.rows * grid.columns;
  const double area = static_cast<double>(pixels.count()) / static_cast<double>(count);
  std::vector<double> centers(static_cast<std::size_t>(count * (pixels.channels + 2)));
  for (int round = 0; round < kRounds; ++round) {
    update(pixels, centers);
    if (!assign(pixels, centers, grid, compactness * compactness / area)) break;
  }
  connect(pixels, kSmallest * area);
  return at::tensor(pixels.label, at::kLong).view({height, width});
}

namespace {

/// The given segments of one sample, [H, W], checked; labels without gaps.
Tensor given_segments(const Tensor& given, std::int64_t sample, const Tensor& x) {
  const bool single = given.dim() == 2;
  const bool fits =
      (single || (given.dim() == 3 && (given.size(0) == 1 || given.size(0) == x.size(0)))) &&
      given.size(-2) == x.size(2) && given.size(-1) == x.size(3);
  if (!fits) {
    fail(ErrorCode::InvalidArgument, "the given segments have shape ", given.sizes(), "; give [",
         x.size(2), ", ", x.size(3), "], or one such map for each sample");
  }
  if (!at::isIntegralType(given.scalar_type(), false)) {
    fail(ErrorCode::InvalidArgument, "the given segments are of type ", given.scalar_type(),
         "; give whole numbers (int64), one for each segment");
  }
  const Tensor map = (single ? given : given[given.size(0) == 1 ? 0 : sample])
                         .to(at::kCPU, at::kLong)
                         .contiguous();
  const auto lowest = map.min().item<std::int64_t>();
  if (lowest < 0) {
    fail(ErrorCode::InvalidArgument, "the given segments hold ", lowest, "; number them from 0 up");
  }
  return std::get<1>(at::_unique2(map, true, true)).contiguous();
}

}  // namespace

Tensors segments_of(const SuperpixelOptions& o, const ExplainOptions& options, const Tensor& x) {
  const std::int64_t pixels = x.size(2) * x.size(3);
  if (!(o.compactness > 0) || std::isinf(o.compactness)) {
    fail(ErrorCode::InvalidArgument, "compactness is ", o.compactness,
         "; give a number above 0, as compactness=10");
  }
  if (!options.segments.defined() && o.n_segments > pixels) {
    fail(ErrorCode::InvalidArgument, "n-segments is ", o.n_segments, ", and the input has ",
         x.size(2), " x ", x.size(3),
         " pixels; give n-segments=", std::max<std::int64_t>(2, pixels), " or fewer");
  }
  Tensors all;
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    const Tensor labels = options.segments.defined() ? given_segments(options.segments, n, x)
                          : o.segments == "grid" ? grid_segments(x.size(2), x.size(3), o.n_segments)
                                                 : slic_segments(x[n], o.n_segments, o.compactness);
    const auto count = labels.max().item<std::int64_t>() + 1;
    if (count < 2) {
      fail(ErrorCode::InvalidArgument,
           "the picture is one segment, and there is nothing to compare; ",
           options.segments.defined() ? "give a map of two or more" : "raise n-segments");
    }
    if (count > kMostSegments) {
      fail(ErrorCode::InvalidArgument, count, " segments are more than ", kMostSegments,
           ", the most whose equations are solved; give fewer");
    }
    all.push_back(labels);
  }
  return all;
}

}  // namespace limn
