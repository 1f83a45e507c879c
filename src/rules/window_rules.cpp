// Max pooling by windows: ties share equally, or the whole window does.
// Source: sebastian-lapuschkin/lrp_toolbox@1c9efda, JindongGu/Contrastive-LRP@751c263.
#include <limits>

#include "limn/error.h"
#include "rules/basic_rules.h"

namespace limn {
namespace {

/// The geometry of a two-dimensional MaxPool with explicit pads.
struct Windows {
  std::vector<std::int64_t> kernel, stride, dilation, pads, padded;

  Windows(const Node& node, const Tensor& x, const Tensor& z) {
    if (node.op != "MaxPool" || x.dim() != 4) {
      fail(ErrorCode::Unsupported, "this rule is for two-dimensional MaxPool");
    }
    if (node.attributes.text("auto_pad", "NOTSET") != "NOTSET") {
      fail(ErrorCode::Unsupported, "auto_pad is not supported by this rule; export explicit pads");
    }
    kernel = node.attributes.integers("kernel_shape");
    stride = node.attributes.integers("strides", {1, 1});
    dilation = node.attributes.integers("dilations", {1, 1});
    pads = node.attributes.integers("pads", {0, 0, 0, 0});
    for (std::size_t d = 0; d < 2; ++d) {
      // ceil_mode reaches past the declared padding: the last window decides.
      const auto axis = static_cast<std::int64_t>(d) + 2;
      const std::int64_t reach = (z.size(axis) - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1;
      padded.push_back(std::max(reach, x.size(axis) + pads[d]));
    }
  }

  /// [N, C, window, places] with `fill` outside of x.
  Tensor unfold(const Tensor& x, double fill) const {
    const Tensor padded_x = at::constant_pad_nd(
        x.contiguous(),
        {pads[1], padded[1] - x.size(3) - pads[1], pads[0], padded[0] - x.size(2) - pads[0]}, fill);
    const Tensor columns = at::im2col(padded_x, kernel, dilation, {0, 0}, stride);
    return columns.reshape({x.size(0), x.size(1), kernel[0] * kernel[1], -1});
  }

  /// The transpose of unfold, cropped to x.
  Tensor fold(const Tensor& columns, const Tensor& x) const {
    const Tensor image = at::col2im(columns.reshape({columns.size(0), -1, columns.size(-1)}),
                                    padded, kernel, dilation, {0, 0}, stride);
    return image.slice(2, pads[0], pads[0] + x.size(2)).slice(3, pads[1], pads[1] + x.size(3));
  }
};

Rule window_rule(std::string name, bool ties) {
  return {std::move(name), [ties](const Step& step, const Tensors& r_out) {
            const Tensor &x = step.in(0), &z = step.out();
            const Windows windows(step.node, x, z);
            const double outside = -std::numeric_limits<double>::infinity();
            const Tensor columns = windows.unfold(x, outside);
            const Tensor places = z.contiguous().reshape({z.size(0), z.size(1), 1, -1});
            const Tensor shares =
                (ties ? columns == places : columns > outside).to(x.scalar_type());
            const Tensor weights = shares / shares.sum(2, true);
            Tensors seeds;
            for (std::int64_t s = 0; s < r_out.front().size(0); ++s) {
              const Tensor r = r_out.front()[s].contiguous().reshape(places.sizes());
              seeds.push_back(windows.fold(weights * r, x));
            }
            return only(step, over_targets(seeds));
          }};
}

}  // namespace

Rule tied_maximum_rule() { return window_rule("max(ties share)", true); }
Rule flat_window_rule() { return window_rule("max(window shares)", false); }

}  // namespace limn
