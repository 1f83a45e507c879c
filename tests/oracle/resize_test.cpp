// Resize and Upsample against the procedure of the specification: one axis after the other, each
// output place from its nearest neighbors on the edge-padded input.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;
using Line = std::vector<double>;

struct Recipe {
  std::string mode = "nearest", coordinate = "half_pixel", nearest = "round_prefer_floor";
  double cubic = -0.75;
  bool exclude = false, antialias = false;
  double outside = 0;
};

double kernel(const Recipe& recipe, double x) {
  x = std::abs(x);
  if (recipe.mode == "linear") return std::max(0.0, 1 - x);
  const double a = recipe.cubic;
  if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}

double position(const Recipe& recipe, double at, double in, double out, double scale, double begin,
                double end) {
  const std::string& mode = recipe.coordinate;
  if (mode == "half_pixel") return (at + 0.5) / scale - 0.5;
  if (mode == "pytorch_half_pixel") return out > 1 ? (at + 0.5) / scale - 0.5 : 0;
  if (mode == "align_corners") return out > 1 ? at * (in - 1) / (out - 1) : 0;
  if (mode == "asymmetric") return at / scale;
  if (mode == "tf_half_pixel_for_nn") return (at + 0.5) / scale;
  if (mode == "half_pixel_symmetric") {
    return in / 2 * (1 - out / (scale * in)) + (at + 0.5) / scale - 0.5;
  }
  if (out > 1) return begin * (in - 1) + at * (end - begin) * (in - 1) / (out - 1);
  return 0.5 * (begin + end) * (in - 1);
}

double value_at(const Recipe& recipe, const Line& line, double at, double scale) {
  const auto size = static_cast<std::int64_t>(line.size());
  if (recipe.coordinate == "tf_crop_and_resize" && (at < 0 || at > static_cast<double>(size - 1))) {
    return recipe.outside;
  }
  const auto edge = [&](std::int64_t place) {
    return line[static_cast<std::size_t>(std::clamp(place, std::int64_t{0}, size - 1))];
  };
  if (recipe.mode == "nearest") {
    const double low = std::floor(at), high = std::ceil(at);
    if (recipe.nearest == "floor") return edge(static_cast<std::int64_t>(low));
    if (recipe.nearest == "ceil") return edge(static_cast<std::int64_t>(high));
    const bool middle = at - low == 0.5;
    const bool up = middle ? recipe.nearest == "round_prefer_ceil" : at - low > 0.5;
    return edge(static_cast<std::int64_t>(up ? high : low));
  }
  const double stretch = recipe.antialias ? std::min(scale, 1.0) : 1;
  double sum = 0, weights = 0;
  for (std::int64_t place = -6 * size - 20; place < 7 * size + 20; ++place) {
    if (recipe.exclude && (place < 0 || place >= size)) continue;
    const double weight = kernel(recipe, (static_cast<double>(place) - at) * stretch);
    sum += weight * edge(place);
    weights += weight;
  }
  return sum / weights;
}

/// Resizes axis after axis; with tf_crop_and_resize any axis outside gives the outside value.
Tensor resize_loop(const Recipe& recipe, Tensor x, const Sizes& out, const Line& scale,
                   const Line& region) {
  const std::size_t rank = out.size();
  Tensor inside = at::ones(out, at::kDouble);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    Sizes sizes = x.sizes().vec();
    const std::int64_t in = sizes[axis];
    sizes[axis] = out[axis];
    const Box from(x), to(sizes);
    const bool crop = recipe.coordinate == "tf_crop_and_resize";
    for_each_index(sizes, [&](const Sizes& at) {
      Line line;
      Sizes read = at;
      for (read[axis] = 0; read[axis] < in; ++read[axis]) line.push_back(from.at(read));
      const double where = position(recipe, static_cast<double>(at[axis]), static_cast<double>(in),
                                    static_cast<double>(out[axis]), scale[axis],
                                    crop ? region[axis] : 0, crop ? region[rank + axis] : 1);
      to.at(at) = value_at(recipe, line, where, scale[axis]);
      if (crop && (where < 0 || where > static_cast<double>(in - 1))) {
        inside.select(static_cast<std::int64_t>(axis), at[axis]).zero_();
      }
    });
    x = to.tensor();
  }
  return at::where(inside == 0, at::full({}, recipe.outside, at::kDouble), x);
}

Attributes attributes_of(const Recipe& recipe) {
  Attributes attributes;
  attributes.set("mode", recipe.mode);
  attributes.set("coordinate_transformation_mode", recipe.coordinate);
  attributes.set("nearest_mode", recipe.nearest);
  attributes.set("cubic_coeff_a", recipe.cubic);
  attributes.set("exclude_outside", std::int64_t{recipe.exclude});
  attributes.set("antialias", std::int64_t{recipe.antialias});
  attributes.set("extrapolation_value", recipe.outside);
  return attributes;
}

Tensor scales_tensor(const Line& scales) { return at::tensor(scales, at::kDouble); }
Tensor sizes_tensor(const Sizes& sizes) { return at::tensor(sizes, at::kLong); }

const std::vector<std::string> kCoordinates = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};

TEST(Resize, EqualsTheSpecificationInEveryModeByScales) {
  at::manual_seed(41);
  const Tensor x = random_tensor({2, 1, 5, 6});
  const Line region{0, 0, -0.25, 0.25, 1, 1, 1, 1.25};
  for (const std::string& coordinate : kCoordinates) {
    for (const std::string mode : {"nearest", "linear", "cubic"}) {
      for (const Line& scale :
           {Line{1, 1, 2, 2}, Line{1, 1, 0.625, 1.75}, Line{1, 1, 3, 0.5}, Line{1, 1, 0.25, 1}}) {
        for (const bool exclude : {false, true}) {
          if (coordinate == "tf_half_pixel_for_nn" && mode != "nearest") continue;
          Recipe recipe;
          recipe.mode = mode;
          recipe.coordinate = coordinate;
          recipe.exclude = exclude;
          recipe.outside = 7.5;
          recipe.cubic = exclude ? -0.5 : -0.75;
          SCOPED_TRACE(concat(mode, " ", coordinate, " scale ", scale[2], " ", scale[3],
                              " exclude ", exclude));
          Sizes out;
          for (std::size_t axis = 0; axis < 4; ++axis) {
            out.push_back(static_cast<std::int64_t>(std::floor(
                scale[axis] * static_cast<double>(x.size(static_cast<std::int64_t>(axis))))));
          }
          const Graph graph = one_node("Resize", 19, attributes_of(recipe), 3);
          const Tensors in{x, scales_tensor(region), scales_tensor(scale)};
          const Node& node = graph.nodes()[0];
          ASSERT_LT(relative_error(node.spec->forward(node, in)[0],
                                   resize_loop(recipe, x, out, scale, region)),
                    kExact);
          expect_view(node, in, 0);
          ASSERT_FALSE(HasFailure());
        }
      }
    }
  }
}

TEST(Resize, EveryNearestModeRoundsAsNamed) {
  at::manual_seed(42);
  const Tensor x = random_tensor({1, 1, 4, 7});
  for (const std::string nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
    for (const Line& scale : {Line{1, 1, 2, 2}, Line{1, 1, 0.5, 0.5}, Line{1, 1, 4, 3}}) {
      Recipe recipe;
      recipe.nearest = nearest;
      const Graph graph = one_node("Resize", 13, attributes_of(recipe), 3);
      const Tensors in{x, Tensor(), scales_tensor(scale)};
      const Sizes out{1, 1, static_cast<std::int64_t>(4 * scale[2]),
                      static_cast<std::int64_t>(7 * scale[3])};
      EXPECT_LT(relative_error(graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0],
                               resize_loop(recipe, x, out, scale, {})),
                kExact)
          << nearest;
      expect_view(graph.nodes()[0], in, 0);
    }
  }
}

TEST(Resize, AntialiasStretchesTheKernel) {
  at::manual_seed(43);
  const Tensor x = random_tensor({1, 2, 9, 8});
  for (const std::string mode : {"linear", "cubic"}) {
    for (const bool exclude : {false, true}) {
      for (const Sizes& out : {Sizes{1, 2, 4, 3}, Sizes{1, 2, 12, 5}}) {
        Recipe recipe;
        recipe.mode = mode;
        recipe.antialias = true;
        recipe.exclude = exclude;
        const Graph graph = one_node("Resize", 18, attributes_of(recipe), 4);
        const Tensors in{x, Tensor(), Tensor(), sizes_tensor(out)};
        const Line scale{1, 1, static_cast<double>(out[2]) / 9, static_cast<double>(out[3]) / 8};
        EXPECT_LT(relative_error(graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0],
                                 resize_loop(recipe, x, out, scale, {})),
                  kExact);
        expect_view(graph.nodes()[0], in, 0);
      }
    }
  }
}

TEST(Resize, KeepsTheAspectRatioWhereAsked) {
  at::manual_seed(44);
  const Tensor x = random_tensor({1, 1, 4, 6});
  // Axes given out of order; 7 / 4 = 1.75 and 8 / 6 = 1.333.
  for (const auto& [policy, out, scale] :
       {std::tuple{"not_larger", Sizes{1, 1, 5, 8}, 8.0 / 6},
        std::tuple{"not_smaller", Sizes{1, 1, 7, 11}, 7.0 / 4}}) {
    Recipe recipe;
    recipe.mode = "linear";
    Attributes attributes = attributes_of(recipe);
    attributes.set("keep_aspect_ratio_policy", std::string(policy));
    attributes.set("axes", Sizes{3, -2});
    const Graph graph = one_node("Resize", 18, attributes, 4);
    const Tensors in{x, Tensor(), Tensor(), sizes_tensor({8, 7})};
    EXPECT_LT(relative_error(graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0],
                             resize_loop(recipe, x, out, {1, 1, scale, scale}, {})),
              kExact)
        << policy;
    expect_view(graph.nodes()[0], in, 0);
  }
}

TEST(Resize, OneAndThreeSpatialAxes) {
  at::manual_seed(45);
  for (const Sizes& sizes : {Sizes{2, 2, 5}, Sizes{1, 2, 3, 4, 2}}) {
    for (const std::string mode : {"nearest", "linear", "cubic"}) {
      Recipe recipe;
      recipe.mode = mode;
      Line scale(sizes.size(), 1.5);
      scale[0] = scale[1] = 1;
      Sizes out;
      for (std::size_t i = 0; i < sizes.size(); ++i) {
        out.push_back(static_cast<std::int64_t>(scale[i] * static_cast<double>(sizes[i])));
      }
      const Graph graph = one_node("Resize", 13, attributes_of(recipe), 3);
      const Tensors in{random_tensor(sizes), Tensor(), scales_tensor(scale)};
      EXPECT_LT(relative_error(graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0],
                               resize_loop(recipe, in[0], out, scale, {})),
                kExact);
      expect_view(graph.nodes()[0], in, 0);
    }
  }
}

/// Opset 11 brought the coordinate modes and an obligatory roi; 13 made roi and scales optional.
TEST(Resize, Opsets11And12ReadScalesOrSizes) {
  at::manual_seed(47);
  const Tensor x = random_tensor({2, 1, 4, 5});
  const Line scale{1, 1, 2.5, 0.8}, region{0, 0, 0.25, 0, 1, 1, 0.75, 1};
  const Sizes out{2, 1, 10, 4};
  for (const int opset : {11, 12}) {
    for (const std::string& coordinate : kCoordinates) {
      // Of opset 19.
      if (coordinate == "half_pixel_symmetric") continue;
      for (const std::string mode : {"nearest", "linear", "cubic"}) {
        if (coordinate == "tf_half_pixel_for_nn" && mode != "nearest") continue;
        SCOPED_TRACE(concat("opset ", opset, " ", mode, " ", coordinate));
        Recipe recipe;
        recipe.mode = mode;
        recipe.coordinate = coordinate;
        recipe.outside = 0.5;
        Attributes attributes = attributes_of(recipe);
        attributes.erase("antialias");
        const Tensor want = resize_loop(recipe, x, out, scale, region);
        const Graph by_scales = one_node("Resize", opset, attributes, 3),
                    by_sizes = one_node("Resize", opset, attributes, 4);
        const Tensors scaled{x, scales_tensor(region), scales_tensor(scale)},
            sized{x, scales_tensor(region), scales_tensor({}), sizes_tensor(out)};
        for (const auto& [graph, in] : {std::pair{&by_scales, &scaled}, {&by_sizes, &sized}}) {
          const Node& node = graph->nodes()[0];
          EXPECT_LT(relative_error(node.spec->forward(node, *in)[0], want), kExact);
          expect_view(node, *in, 0);
        }
      }
    }
  }
}

TEST(Upsample, OldFormsReadScalesAndUseAsymmetricPositions) {
  at::manual_seed(46);
  const Tensor x = random_tensor({2, 2, 3, 4});
  const Line scale{1, 1, 2, 1.5};
  for (const std::string mode : {"nearest", "linear"}) {
    Recipe recipe;
    recipe.mode = mode;
    recipe.coordinate = "asymmetric";
    recipe.nearest = "floor";
    const Tensor want = resize_loop(recipe, x, {2, 2, 6, 6}, scale, {});
    Attributes attributes;
    attributes.set("mode", mode);
    const Graph nine = one_node("Upsample", 9, attributes, 2),
                ten = one_node("Resize", 10, attributes, 2);
    attributes.set("scales", scale);
    const Graph seven = one_node("Upsample", 7, attributes, 1);
    const Tensors in{x, scales_tensor(scale)}, alone{x};
    EXPECT_LT(relative_error(nine.nodes()[0].spec->forward(nine.nodes()[0], in)[0], want), kExact);
    EXPECT_LT(relative_error(ten.nodes()[0].spec->forward(ten.nodes()[0], in)[0], want), kExact);
    EXPECT_LT(relative_error(seven.nodes()[0].spec->forward(seven.nodes()[0], alone)[0], want),
              kExact);
    expect_view(nine.nodes()[0], in, 0);
    expect_view(seven.nodes()[0], alone, 0);
  }
}

TEST(Resize, RefusesUnknownWords) {
  Attributes attributes;
  attributes.set("coordinate_transformation_mode", std::string("center"));
  EXPECT_THROW(one_node("Resize", 13, attributes, 3), Error);
  attributes.set("coordinate_transformation_mode", std::string("tf_half_pixel_for_nn"));
  EXPECT_NO_THROW(one_node("Resize", 13, attributes, 3));
  attributes.set("mode", std::string("linear"));
  EXPECT_THROW(one_node("Resize", 13, attributes, 3), Error);
}

TEST(Resize, RefusesScalesThatNoMachineHolds) {
  const Tensor x = random_tensor({1, 1, 64, 64});
  for (const double scale : {1e4, 1e30}) {
    for (const std::string mode : {"nearest", "linear", "cubic"}) {
      Recipe recipe;
      recipe.mode = mode;
      const Graph graph = one_node("Resize", 13, attributes_of(recipe), 3);
      const Tensors in{x, Tensor(), scales_tensor({1, 1, scale, scale})};
      EXPECT_THROW(graph.nodes()[0].spec->forward(graph.nodes()[0], in), Error) << mode;
    }
  }
}

}  // namespace
}  // namespace limn::testing
