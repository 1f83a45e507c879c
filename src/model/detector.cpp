// See detector.h.
#include "limn/detector.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "limn/error.h"
#include "limn/model.h"

namespace limn {
namespace {

[[noreturn]] void does_not_fit(const Model& model, const Tape& tape, const std::string& why = "") {
  std::string shapes, layouts;
  for (const ValueId id : model.graph().outputs()) {
    shapes += concat(shapes.empty() ? "" : ", ", "\"", model.graph().value(id).name, "\" ");
    shapes += tape.has(id) ? concat(tape[id].sizes()) : "not kept";
  }
  for (const auto& name : Detector::layouts()) layouts += (layouts.empty() ? "" : ", ") + name;
  fail(ErrorCode::Unsupported, "the outputs ", shapes, " do not fit the detector layout \"",
       model.detector().layout, "\"", why, "; layouts: ", layouts,
       " (`detector` in <model>.limn.json, or --detector)");
}

/// Centers and sizes to corners.
Tensor corners(const Tensor& center, const Tensor& size) {
  return at::cat({center - size / 2, center + size / 2}, -1);
}

/// The grids of all strides one after the other: x, y of each cell [n, 2] and its stride [n, 1].
std::pair<Tensor, Tensor> grids(const Detector& how, std::int64_t height, std::int64_t width,
                                const at::TensorOptions& like) {
  Tensors cells, strides;
  for (const std::int64_t stride : how.strides) {
    const std::int64_t rows = height / stride, columns = width / stride;
    const Tensor y = at::arange(rows, like).view({-1, 1}).expand({rows, columns});
    const Tensor x = at::arange(columns, like).view({1, -1}).expand({rows, columns});
    cells.push_back(at::stack({x, y}, 2).view({-1, 2}));
    strides.push_back(at::full({rows * columns, 1}, stride, like));
  }
  return {at::cat(cells), at::cat(strides)};
}

Proposals read_grid(const Model& model, const Tape& tape, std::int64_t height, std::int64_t width) {
  const Detector& how = model.detector();
  if (!tape.has(model.logits())) does_not_fit(model, tape);
  const Tensor& out = tape[model.logits()];
  const bool channels_first = how.layout == "yolov8";
  if (out.dim() != 3 || out.size(channels_first ? 1 : 2) < (channels_first ? 5 : 6)) {
    does_not_fit(model, tape);
  }
  const Tensor rows = channels_first ? out.transpose(1, 2) : out;
  const auto classes = static_cast<std::size_t>(rows.size(2) - (channels_first ? 4 : 5));
  if (!model.labels().empty() && model.labels().size() != classes) {
    does_not_fit(model, tape,
                 concat(" (", classes, " classes, where ", model.labels().size(), " have labels)"));
  }
  Tensor center = rows.slice(2, 0, 2), size = rows.slice(2, 2, 4);
  if (how.layout == "yolox") {
    const auto [cells, strides] = grids(how, height, width, out.options());
    if (cells.size(0) != out.size(1)) does_not_fit(model, tape);
    center = (center + cells) * strides;
    size = size.exp() * strides;
  }
  Proposals all;
  all.boxes = corners(center, size);
  all.objectness = channels_first ? at::ones_like(rows.select(2, 0)) : rows.select(2, 4);
  all.classes = rows.slice(2, channels_first ? 4 : 5);
  const auto [best, label] = all.classes.max(2);
  all.scores = all.objectness * best;
  all.labels = label;
  return all;
}

Proposals read_triple(const Model& model, const Tape& tape) {
  Tensor boxes, scores, labels;
  for (const ValueId id : model.graph().outputs()) {
    if (!tape.has(id)) continue;
    const Tensor& out = tape[id];
    const bool is_boxes = out.dim() >= 2 && out.size(-1) == 4 && out.is_floating_point();
    // Where names do not tell scores from labels, whole numbers are labels.
    const std::string& name = model.graph().value(id).name;
    const bool named_label =
        name.find("label") != std::string::npos || name.find("class") != std::string::npos;
    if (is_boxes && !boxes.defined()) {
      boxes = out.reshape({-1, 4});
    } else if (!out.is_floating_point() || named_label) {
      labels = out.flatten().to(at::kLong);
    } else {
      scores = out.flatten();
    }
  }
  if (!boxes.defined() || !scores.defined() || !labels.defined() ||
      scores.numel() != boxes.size(0) || labels.numel() != boxes.size(0)) {
    does_not_fit(model, tape);
  }
  // The rest of each score is spread over the other classes.
  const std::int64_t last = labels.numel() > 0 ? labels.max().item<std::int64_t>() + 1 : 1;
  const std::int64_t count =
      std::max({last, static_cast<std::int64_t>(model.labels().size()), std::int64_t{2}});
  const Tensor rest = (1 - scores) / static_cast<double>(count - 1);
  Tensor classes = rest.unsqueeze(1).expand({-1, count}).contiguous();
  classes.scatter_(1, labels.unsqueeze(1), scores.unsqueeze(1));
  return {boxes.unsqueeze(0), at::ones_like(scores).unsqueeze(0), classes.unsqueeze(0),
          scores.unsqueeze(0), labels.unsqueeze(0)};
}

}  // namespace

std::vector<std::string> Detector::layouts() {
  return {"yolox", "yolov5", "yolov8", "boxes-scores-labels"};
}

Proposals read_proposals(const Model& model, const Tape& tape) {
  const std::string& layout = model.detector().layout;
  if (layout.empty()) {
    fail(ErrorCode::Unsupported, "the model is not described as a detector; give \"detector\" in ",
         "<model>.limn.json, or --detector yolox");
  }
  if (layout == "boxes-scores-labels") return read_triple(model, tape);
  const auto shape =
      tape.has(model.input()) ? tape[model.input()].sizes().slice(1).vec() : model.input_shape();
  return read_grid(model, tape, shape[1], shape[2]);
}

Tensor box_iou(const Tensor& a, const Tensor& b) {
  const auto area = [](const Tensor& box) {
    return (box.select(-1, 2) - box.select(-1, 0)).clamp_min(0) *
           (box.select(-1, 3) - box.select(-1, 1)).clamp_min(0);
  };
  const Tensor low = at::maximum(a.slice(-1, 0, 2), b.slice(-1, 0, 2));
  const Tensor high = at::minimum(a.slice(-1, 2, 4), b.slice(-1, 2, 4));
  const Tensor sides = (high - low).clamp_min(0);
  const Tensor shared = sides.select(-1, 0) * sides.select(-1, 1);
  const Tensor all = area(a) + area(b) - shared;
  return at::where(all > 0, shared / all, at::zeros_like(all));
}

std::vector<Detection> detections(const Model& model, const Proposals& proposals, std::int64_t n) {
  const Detector& how = model.detector();
  const Tensor boxes = proposals.boxes[n].to(at::kCPU, at::kDouble).contiguous();
  const Tensor score = proposals.scores[n].to(at::kCPU, at::kDouble);
  const Tensor labels = proposals.labels[n].cpu();
  const Tensor order = score.argsort(0, true);
  const auto place = order.accessor<std::int64_t, 1>();
  const auto scores = score.accessor<double, 1>();
  const auto box = boxes.accessor<double, 2>();
  std::vector<Detection> kept;
  for (std::int64_t i = 0; i < place.size(0) && scores[place[i]] >= how.score; ++i) {
    const std::int64_t p = place[i];
    Detection one{
        {box[p][0], box[p][1], box[p][2], box[p][3]}, scores[p], labels[p].item<std::int64_t>(), p};
    const auto covers = [&](const Detection& other) {
      if (how.layout == "boxes-scores-labels" || other.label != one.label) return false;
      return box_iou(boxes[p], boxes[other.proposal]).item<double>() > how.iou;
    };
    if (std::none_of(kept.begin(), kept.end(), covers)) kept.push_back(one);
  }
  return kept;
}

}  // namespace limn
