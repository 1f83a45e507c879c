// Detectors whose answers are known: a cell of 8 x 8 pixels is an object where it is bright, its
// class is the brightest channel, its box is the cell.
#pragma once
#include <ATen/ATen.h>

#include <string>

#include "limn/model.h"
#include "support/draft_builder.h"

namespace limn::testing {

/// Pictures [N, 3, 32, 32], 16 cells, three classes; layout yolox (stride 8), yolov5, yolov8 or
/// boxes-scores-labels.
inline Model small_detector(const std::string& layout = "yolox") {
  const bool v8 = layout == "yolov8", triple = layout == "boxes-scores-labels";
  const std::int64_t first = v8 ? 0 : 1, rows = first + 3;
  DraftBuilder b;
  const std::string input = b.input("input", {-1, 3, 32, 32});
  b.draft().inputs[0].dim_names = {"N", "", "", ""};
  // A backbone that passes brightness on, then a head.
  Tensor passing = at::zeros({3, 3, 3, 3});
  for (std::int64_t c = 0; c < 3; ++c) passing[c][c][1][1] = 1;
  const std::string features =
      b.node("Relu", {b.node("Conv", {input, b.constant(passing)},
                             {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}})});
  Tensor weight = at::zeros({rows, 3, 8, 8});
  for (std::int64_t c = 0; c < 3; ++c) {
    weight[first + c][c].fill_(8.0 / 64);
    if (first > 0) weight[0][c].fill_(6.0 / 64);
  }
  const Attribute stride = std::vector<std::int64_t>{8, 8};
  const std::string scores =
      b.node("Sigmoid",
             {b.node("Conv", {features, b.constant(weight), b.constant(at::full({rows}, -3.0F))},
                     {{"strides", stride}})});
  const std::string boxes =
      b.node("Conv", {features, b.constant(at::zeros({4, 3, 8, 8}))}, {{"strides", stride}});
  const std::string all =
      b.node("Reshape", {b.node("Concat", {boxes, scores}, {{"axis", std::int64_t{1}}}),
                         b.integers({-1, 4 + rows, 16})});
  Tensor offsets = at::zeros({1, 4 + rows, 16});
  for (std::int64_t cell = 0; cell < 16; ++cell) {
    const bool grid = layout == "yolox";
    offsets[0][0][cell] = grid ? 0.5 : 8.0 * static_cast<double>(cell % 4) + 4;
    offsets[0][1][cell] = grid ? 0.5 : 8.0 * static_cast<double>(cell / 4) + 4;
    offsets[0][2][cell] = offsets[0][3][cell] = grid ? 0 : 8;
  }
  std::string out = b.node("Add", {all, b.constant(offsets)});
  if (triple) {
    const auto row = [&](std::int64_t from, std::int64_t to) {
      return b.node("Slice", {out, b.integers({from}), b.integers({to}), b.integers({1})});
    };
    const std::string center = row(0, 2), half = b.node("Mul", {row(2, 4), b.number(0.5)});
    const std::string corners =
        b.node("Concat", {b.node("Sub", {center, half}), b.node("Add", {center, half})},
               {{"axis", std::int64_t{1}}});
    const std::string by_box =
        b.node("Transpose", {corners}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
    const std::string classes = row(5, 8);
    const Attribute axis = std::int64_t{1}, drop = std::int64_t{0};
    b.output(b.node("Reshape", {by_box, b.integers({-1, 4})}));
    b.output(b.node("Reshape", {b.node("ArgMax", {classes}, {{"axis", axis}, {"keepdims", drop}}),
                                b.integers({-1})}));
    b.output(
        b.node("Reshape", {b.node("ReduceMax", {classes},
                                  {{"axes", std::vector<std::int64_t>{1}}, {"keepdims", drop}}),
                           b.integers({-1})}));
  } else {
    if (!v8) out = b.node("Transpose", {out}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
    b.output(out);
  }
  Detector how;
  how.layout = layout;
  how.strides = {8};
  return Model(Graph(b.draft())).with_detector(how).with_labels({"red", "green", "blue"});
}

/// Dark but for cells (row, column) that are bright in one channel.
inline Tensor bright_cells(const std::vector<std::array<std::int64_t, 3>>& cells) {
  Tensor x = at::zeros({1, 3, 32, 32});
  for (const auto& [row, column, channel] : cells) {
    x[0][channel].slice(0, 8 * row, 8 * row + 8).slice(1, 8 * column, 8 * column + 8).fill_(1);
  }
  return x;
}

}  // namespace limn::testing
