// Resize and Upsample: each resized axis is one matrix product (or one selection for mode
// nearest), so that any mode is linear and its transpose is exact. libtorch's kernels do the common
// two: nearest by a whole factor, and bilinear.
#include "ops/linear_support.h"
#include "ops/op.h"
#include "ops/resize_axis.h"
#include "ops/sizes.h"
#include "ops/window.h"

namespace limn {
namespace {

struct Resize {
  ResizeOptions options;
  std::vector<ResizeAxis> axes;  ///< those that change anything
  double outside_value = 0;
};

/// Selection by `index` (mode nearest, nothing outside) or product with `matrix` [out, in].
struct AxisMap {
  ResizeAxis axis;
  Tensor index, matrix;
  Tensor inside;  ///< [out], 0 where tf_crop_and_resize looks outside; undefined where never
};

class ResizeView : public PoolView {
 public:
  ResizeView(Resize resize, const Tensor& x)
      : PoolView(x), resize_(std::move(resize)), sizes_(x.sizes().vec()) {
    const bool picture = x.dim() == 4 && resize_.axes.size() == 2 && resize_.axes[0].axis == 2 &&
                         resize_.axes[1].axis == 3;
    const std::string& coordinate = resize_.options.coordinate;
    bilinear_ = picture && resize_.options.mode == "linear" && !resize_.options.antialias &&
                (coordinate == "half_pixel" || coordinate == "align_corners");
    if (bilinear_) return;
    for (const ResizeAxis& axis : resize_.axes) maps_.push_back(map_of(axis, x));
    nearest_ = picture && std::ranges::all_of(maps_, repeats);
    Tensor inside;
    for (const AxisMap& map : maps_) {
      if (!map.inside.defined()) continue;
      Sizes shape(sizes_.size(), 1);
      shape[static_cast<std::size_t>(map.axis.axis)] = -1;
      const Tensor along = map.inside.reshape(shape);
      inside = inside.defined() ? inside * along : along;
    }
    if (inside.defined() && resize_.outside_value != 0) {
      bias_ = ((1 - inside) * resize_.outside_value);
    }
  }

  Tensor pool(const Tensor& x) const override {
    if (bilinear_) {
      return at::upsample_bilinear2d(x, out_sizes(), align_corners(), scale(0), scale(1));
    }
    if (nearest_) return at::upsample_nearest2d(x, out_sizes(), scale(0), scale(1));
    Tensor z = x;
    for (const AxisMap& map : maps_) {
      z = map.index.defined() ? z.index_select(map.axis.axis, map.index)
                              : product(map.matrix, z, map.axis.axis);
    }
    return z;
  }

  Tensor spread(const Tensor& s) const override {
    Sizes sizes = sizes_;
    if (resize_.axes.empty() || resize_.axes.front().axis != 0) sizes[0] = s.size(0);
    if (bilinear_) {
      return at::upsample_bilinear2d_backward(s, out_sizes(), sizes, align_corners(), scale(0),
                                              scale(1));
    }
    if (nearest_) {
      return at::upsample_nearest2d_backward(s, out_sizes(), sizes, scale(0), scale(1));
    }
    Tensor x = s;
    for (const AxisMap& map : maps_) {
      if (map.index.defined()) {
        Sizes wider = x.sizes().vec();
        wider[static_cast<std::size_t>(map.axis.axis)] = map.axis.in;
        x = at::zeros(wider, x.options()).index_add(map.axis.axis, map.index, x);
      } else {
        x = product(map.matrix.t(), x, map.axis.axis);
      }
    }
    return x;
  }

 private:
  AxisMap map_of(const ResizeAxis& axis, const Tensor& x) const {
    AxisMap map{axis, {}, {}, {}};
    const bool nearest = resize_.options.mode == "nearest";
    check_size({axis.out, axis.in});
    std::vector<std::int64_t> index;
    std::vector<double> inside(static_cast<std::size_t>(axis.out), 1);
    Tensor matrix = at::zeros({axis.out, axis.in}, at::kDouble);
    auto* rows = matrix.data_ptr<double>();
    bool any_outside = false;
    for (std::int64_t at = 0; at < axis.out; ++at) {
      const double position = resize_position(resize_.options, axis, at);
      index.push_back(resize_nearest(resize_.options, axis, position));
      if (resize_outside(resize_.options, axis, position)) {
        inside[static_cast<std::size_t>(at)] = 0;
        any_outside = true;
      } else if (nearest) {
        rows[at * axis.in + index.back()] = 1;
      } else {
        for (const auto& [place, weight] : resize_taps(resize_.options, axis, position)) {
          rows[at * axis.in + place] += weight;
        }
      }
    }
    if (any_outside) map.inside = at::tensor(inside, at::kDouble).to(x.options());
    if (nearest && !any_outside) {
      map.index = at::tensor(index, at::kLong).to(x.device());
    } else {
      map.matrix = matrix.to(x.options());
    }
    return map;
  }

  /// True where each input place simply repeats a whole number of times.
  static bool repeats(const AxisMap& map) {
    if (!map.index.defined() || map.axis.out % map.axis.in != 0) return false;
    const std::int64_t times = map.axis.out / map.axis.in;
    return map.axis.scale == static_cast<double>(times) &&
           at::equal(map.index, at::arange(map.axis.out, map.index.options()).div(times, "floor"));
  }

  static Tensor product(const Tensor& matrix, const Tensor& x, std::int64_t axis) {
    if (axis == x.dim() - 1) return at::matmul(x, matrix.t());
    return at::matmul(matrix, x.movedim(axis, -2)).movedim(-2, axis);
  }

  Sizes out_sizes() const { return {resize_.axes[0].out, resize_.axes[1].out}; }
  bool align_corners() const { return resize_.options.coordinate == "align_corners"; }
  c10::optional<double> scale(std::size_t i) const { return resize_.axes[i].scale; }

  Resize resize_;
  Sizes sizes_;
  bool bilinear_ = false, nearest_ = false;
  std::vector<AxisMap> maps_;
};

std::vector<double> reals_of(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const Tensor flat = tensor.to(at::kCPU, at::kDouble).reshape({-1});
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

/// floor(in * scale) in single precision as runtimes compute it: 10 * 0.7f is 7.
std::int64_t scaled_size(std::int64_t in, double scale) {
  const float size = std::floor(static_cast<float>(in) * static_cast<float>(scale));
  if (!(std::abs(size) < 1e12f)) {
    fail(ErrorCode::BadModel, "an axis of ", in, " cannot become ", scale, " times as long");
  }
  return static_cast<std::int64_t>(size);
}

/// Keeps the axes that change anything.
void add_axis(Resize& resize, const ResizeAxis& axis) {
  if (axis.out < 1 || !(axis.scale > 0)) {
    fail(ErrorCode::BadInput, "axis ", axis.axis, " of ", axis.in, " cannot become ", axis.out);
  }
  const bool crops = resize.options.coordinate == "tf_crop_and_resize" &&
                     (axis.region_begin != 0 || axis.region_end != 1);
  if (axis.out != axis.in || axis.scale != 1 || crops) resize.axes.push_back(axis);
}

std::string canonical_mode(const std::string& mode) {
  return mode == "bilinear" || mode == "trilinear" ? "linear" : mode;
}

/// Upsample, and Resize of opset 10: scales alone, positions x / scale.
Resize simple_resize(const Node& node, Inputs in) {
  Resize resize;
  resize.options.mode = canonical_mode(node.attributes.text("mode", "nearest"));
  resize.options.coordinate = "asymmetric";
  resize.options.nearest = "floor";
  const Tensor given = optional_input(in, 1);
  const std::vector<double> scales =
      given.defined() ? reals_of(given) : node.attributes.reals("scales");
  if (static_cast<std::int64_t>(scales.size()) != in[0].dim()) {
    fail(ErrorCode::BadModel, scales.size(), " scales for an input of ", in[0].dim(),
         " dimensions");
  }
  for (std::int64_t axis = 0; axis < in[0].dim(); ++axis) {
    const double scale = scales[static_cast<std::size_t>(axis)];
    add_axis(resize, {.axis = axis,
                      .in = in[0].size(axis),
                      .out = scaled_size(in[0].size(axis), scale),
                      .scale = scale});
  }
  return resize;
}

Sizes axes_of(const Node& node, std::int64_t rank) {
  Sizes axes = node.attributes.integers("axes");
  for (auto& axis : axes) axis = normalize_axis(axis, rank);
  if (axes.empty()) {
    for (std::int64_t axis = 0; axis < rank; ++axis) axes.push_back(axis);
  }
  return axes;
}

/// Output size and scale per axis from the input `sizes`; a policy other than stretch gives all
/// axes one scale.
void scale_to_sizes(const Node& node, const Sizes& wanted, std::vector<ResizeAxis>& axes) {
  const std::string policy = node.attributes.text("keep_aspect_ratio_policy", "stretch");
  double common = policy == "not_larger" ? std::numeric_limits<double>::infinity() : 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i].out = wanted[i];
    axes[i].scale = static_cast<double>(wanted[i]) / static_cast<double>(axes[i].in);
    common =
        policy == "not_larger" ? std::min(common, axes[i].scale) : std::max(common, axes[i].scale);
  }
  if (policy == "stretch") return;
  for (ResizeAxis& axis : axes) {
    axis.scale = common;
    axis.out = static_cast<std::int64_t>(std::floor(common * static_cast<double>(axis.in) + 0.5));
  }
}

/// Resize from opset 11 on: X, roi, scales, sizes.
Resize full_resize(const Node& node, Inputs in) {
  const Attributes& attributes = node.attributes;
  Resize resize;
  resize.options = {.mode = attributes.text("mode", "nearest"),
                    .coordinate = attributes.text("coordinate_transformation_mode", "half_pixel"),
                    .nearest = attributes.text("nearest_mode", "round_prefer_floor"),
                    .cubic_coefficient = attributes.real("cubic_coeff_a", -0.75),
                    .exclude_outside = attributes.integer("exclude_outside", 0) != 0,
                    .antialias = attributes.integer("antialias", 0) != 0};
  resize.outside_value = attributes.real("extrapolation_value", 0);
  const std::vector<double> region = reals_of(optional_input(in, 1));
  const std::vector<double> scales = reals_of(optional_input(in, 2));
  const Sizes wanted = integers_of(optional_input(in, 3));
  std::vector<ResizeAxis> axes;
  for (const auto axis : axes_of(node, in[0].dim())) {
    axes.push_back({.axis = axis, .in = in[0].size(axis)});
  }
  const std::size_t count = axes.size();
  if (wanted.empty() ? scales.size() != count : wanted.size() != count) {
    fail(ErrorCode::BadModel, "needs ", count, " scales or sizes, has ", scales.size(), " and ",
         wanted.size());
  }
  if (!wanted.empty()) scale_to_sizes(node, wanted, axes);
  for (std::size_t i = 0; i < count; ++i) {
    if (wanted.empty()) {
      axes[i].scale = scales[i];
      axes[i].out = scaled_size(axes[i].in, scales[i]);
    }
    if (resize.options.coordinate == "tf_crop_and_resize") {
      if (region.size() != 2 * count) {
        fail(ErrorCode::BadModel, "roi has ", region.size(), " values, needs ", 2 * count);
      }
      axes[i].region_begin = region[i];
      axes[i].region_end = region[count + i];
    }
  }
  std::ranges::sort(axes, {}, &ResizeAxis::axis);
  for (const ResizeAxis& axis : axes) add_axis(resize, axis);
  return resize;
}

Resize resize_of(const Node& node, Inputs in) {
  Resize resize =
      node.opset < 11 || node.op == "Upsample" ? simple_resize(node, in) : full_resize(node, in);
  // One axis after the other: between them a tensor has the larger sizes at most.
  Sizes largest = in[0].sizes().vec();
  for (const ResizeAxis& axis : resize.axes) {
    auto& size = largest[static_cast<std::size_t>(axis.axis)];
    size = std::max(size, axis.out);
  }
  check_size(largest, in[0].dim() > 2 ? in[0].size(0) : 1);
  return resize;
}

Tensors resize_forward(const Node& node, Inputs in) {
  const Tensor x = in[0].is_floating_point() ? in[0] : in[0].to(at::kDouble);
  const ResizeView view(resize_of(node, in), x);
  Tensor z = view.pool(x);
  if (view.bias().defined()) z = z + view.bias();
  return {z.to(in[0].scalar_type())};
}

std::unique_ptr<LinearView> resize_view(const Node& node, Inputs in, std::span<const bool>) {
  return std::make_unique<ResizeView>(resize_of(node, in), in[0]);
}

void check_choice(const Node& node, const char* name, std::initializer_list<const char*> legal) {
  const std::string value = node.attributes.text(name, *legal.begin());
  if (std::ranges::any_of(legal, [&](const char* word) { return value == word; })) return;
  std::string words;
  for (const char* word : legal) words += concat(words.empty() ? "" : ", ", word);
  fail(ErrorCode::Unsupported, name, " \"", value, "\" is none of ", words);
}

void check_resize(const Node& node) {
  if (node.op == "Upsample" || node.opset < 11) {
    check_choice(node, "mode", {"nearest", "linear", "bilinear", "trilinear"});
    return;
  }
  check_choice(node, "mode", {"nearest", "linear", "cubic"});
  check_choice(node, "nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  check_choice(node, "coordinate_transformation_mode",
               {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"});
  check_choice(node, "keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"});
  if (node.attributes.text("coordinate_transformation_mode", "") == "tf_half_pixel_for_nn" &&
      node.attributes.text("mode", "nearest") != "nearest") {
    // Its positions lie half a place off where nothing is resized, batch axis included.
    fail(ErrorCode::Unsupported, "tf_half_pixel_for_nn is for mode nearest alone; use half_pixel");
  }
}

}  // namespace

constinit const OpSpec op_Resize{.name = "Resize",
                                 .kind = OpKind::Linear,
                                 .help = "resampling by nearest, linear or cubic interpolation",
                                 .forward = resize_forward,
                                 .linear_view = resize_view,
                                 .vjp = pool_vjp,
                                 .check = check_resize,
                                 .since = 10};

constinit const OpSpec op_Upsample{.name = "Upsample",
                                   .kind = OpKind::Linear,
                                   .help = "enlargement by nearest or linear interpolation",
                                   .forward = resize_forward,
                                   .linear_view = resize_view,
                                   .vjp = pool_vjp,
                                   .check = check_resize,
                                   .since = 7};

}  // namespace limn
