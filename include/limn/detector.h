// Object detectors: what their outputs mean, and the objects they find.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "limn/tensor.h"

namespace limn {

class Model;
class Tape;

/// How to read a detector's outputs. Boxes are x1, y1, x2, y2 in pixels of the model's input.
struct Detector {
  /// - `yolox`: [N, n, 4 + 1 + C]; centers and sizes still on the grids of `strides`: (xy + cell) *
  ///   stride, exp(wh) * stride; objectness and class scores after their sigmoid.
  /// - `yolov5`: [N, n, 4 + 1 + C]; centers and sizes in pixels.
  /// - `yolov8`: [N, 4 + C, n]; centers and sizes in pixels, no objectness.
  /// - `boxes-scores-labels`: three outputs [.., n, 4], [.., n], [.., n] of one picture, overlaps
  ///   already removed (torchvision's order boxes, labels, scores is told by type).
  /// Empty: a classifier.
  std::string layout;
  std::vector<std::int64_t> strides = {8, 16, 32};
  double score = 0.25;  ///< a proposal is a detection from this score on
  double iou = 0.45;    ///< of two overlapping detections of one class, the weaker one goes
  static std::vector<std::string> layouts();
};

/// All that a detector says about one batch, before overlaps are removed.
struct Proposals {
  Tensor boxes;       ///< [N, n, 4]
  Tensor objectness;  ///< [N, n]
  Tensor classes;     ///< [N, n, C] scores
  Tensor scores;      ///< [N, n]: objectness times the best class
  Tensor labels;      ///< [N, n]: that class
};

struct Detection {
  std::array<double, 4> box = {};  ///< x1, y1, x2, y2 in pixels of the model's input
  double score = 0;                ///< objectness x class
  std::int64_t label = 0;
  std::int64_t proposal = 0;  ///< which one: the place in Proposals
};

/// Reads the outputs of a forward pass. Throws Unsupported where the model is no detector or its
/// outputs do not fit the layout, with the outputs' shapes and the layouts that exist.
Proposals read_proposals(const Model& model, const Tape& tape);
/// What is detected on sample n, strongest first.
std::vector<Detection> detections(const Model& model, const Proposals& proposals, std::int64_t n);

/// Intersection over union of boxes [..., 4] and [..., 4] that broadcast.
Tensor box_iou(const Tensor& a, const Tensor& b);

}  // namespace limn
