// D-RISE: RISE for a detection. Random masks hide parts of the input; a mask weighs as much as the
// detector still finds the object behind it, w = max_j s(t, j) over its proposals j with
// s = IoU * o_t o_j * cos(p_t, p_j); S(u) = mean(w) + cov(w, M(u)) / p. Proposals count before
// overlaps are removed; all boxes share the passes. Flavor vision-explanation-methods
// (microsoft@357c98c): cells without interpolation, sum(w M) - mean(w) sum(M) stretched to 0..1.
// Source: Petsiuk, Jain, Manjunatha, Morariu, Mehra, Ordonez, Saenko, "Black-box Explanation of
// Object Detectors via Saliency Maps", 2021.
#include "methods/detection_similarity.h"
#include "methods/mask_estimate.h"
#include "methods/sampling.h"

namespace limn {

Tensor detection_similarity(const Tensor& target_boxes, const Tensor& target_objectness,
                            const Tensor& target_classes, const Tensor& boxes,
                            const Tensor& objectness, const Tensor& classes) {
  const Tensor iou =
      box_iou(target_boxes.unsqueeze(0).unsqueeze(2), boxes.unsqueeze(1));  // [M, T, n]
  const auto unit = [](const Tensor& rows) {
    return rows / rows.norm(2, {-1}, true).clamp_min(1e-12);
  };
  const Tensor cosine = at::matmul(unit(target_classes), unit(classes).transpose(1, 2));
  return iou * target_objectness.view({1, -1, 1}) * objectness.unsqueeze(1) * cosine;
}

namespace {

struct DRiseOptions {
  MaskSampling masks;
  std::string flavor = "paper";

  DRiseOptions() {
    masks.n = 5000;
    masks.cells = {16};
    masks.estimator = "centered";
  }
  bool reference() const { return flavor != "paper"; }
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "d-rise",
      .title = "D-RISE",
      .family = "perturbation",
      .summary =
          "Where a detector must see to find one object: how far it still finds it behind "
          "random masks; with its standard error.",
      .formula = "S(u) = mean(w) + cov(w, M(u)) / p, w = max_j IoU * o_t o_j * cos(p_t, p_j)",
      .paper =
          "Petsiuk, Jain, Manjunatha, Morariu, Mehra, Ordonez, Saenko: Black-box Explanation "
          "of Object Detectors via Saliency Maps, 2021",
      .aliases = {"drise"},
      .deterministic = false,
      .anytime = true,
      .extra_maps = {"standard-error"}};
  return value;
}

Fields fields(DRiseOptions& o) {
  Fields all = mask_fields(o.masks);
  all.push_back(choice_field("flavor", o.flavor, {"paper", "vision-explanation-methods"},
                             "whose masks and scale"));
  return all;
}

/// The explained detections of one sample.
struct Found {
  Tensor boxes, objectness, classes, labels;  ///< [T, 4], [T], [T, C], [T]
};

Found found_in(const Proposals& all, const std::vector<Objective>& objectives, std::int64_t n) {
  Tensors boxes, objectness, classes;
  std::vector<std::int64_t> labels;
  for (const auto& objective : objectives) {
    const Detection& of = objective.detected[static_cast<std::size_t>(n)];
    boxes.push_back(all.boxes[n][of.proposal]);
    objectness.push_back(all.objectness[n][of.proposal]);
    classes.push_back(all.classes[n][of.proposal]);
    labels.push_back(of.label);
  }
  return {at::stack(boxes), at::stack(objectness), at::stack(classes),
          at::tensor(labels, at::kLong).to(boxes.front().device())};
}

/// Weighs masks for one sample and counts under how many the object vanished.
class Watcher {
 public:
  Watcher(const Call& call, const Model& model, const Tensor& x, Found found)
      : call_(call),
        model_(model),
        x_(x),
        found_(std::move(found)),
        vanished_(at::zeros({found_.labels.size(0)}, at::kDouble)) {}

  /// [T, m] for masks [m, H, W].
  Tensor weights(const Tensor& masks) {
    const Tensor masked = x_ * masks.unsqueeze(1);
    if (model_.detector().layout != "boxes-scores-labels") {
      return weigh(read_proposals(
          model_, model_.run_from({{model_.input(), masked}}, call_.options.bfloat16)));
    }
    // Their number of boxes depends on the picture: one by one.
    Tensors columns;
    for (std::int64_t m = 0; m < masked.size(0); ++m) {
      const Tape tape = model_.run(masked.slice(0, m, m + 1), Keep::Outputs);
      columns.push_back(weigh(read_proposals(model_, tape)));
    }
    return at::cat(columns, 1);
  }
  /// Share of masks, per target.
  Tensor vanished(std::int64_t used) const { return vanished_ / static_cast<double>(used); }

 private:
  Tensor weigh(const Proposals& all) {
    const std::int64_t targets = found_.labels.size(0), masks = all.boxes.size(0);
    if (all.boxes.size(1) == 0) {
      vanished_ += static_cast<double>(masks);
      return at::zeros({targets, masks}, x_.options());
    }
    const auto classes = std::min(found_.classes.size(1), all.classes.size(2));
    const Tensor similarity =
        detection_similarity(found_.boxes, found_.objectness, found_.classes.slice(1, 0, classes),
                             all.boxes, all.objectness, all.classes.slice(2, 0, classes));
    // Still there: a detection of the class that overlaps by half.
    const Tensor iou = box_iou(found_.boxes.unsqueeze(0).unsqueeze(2), all.boxes.unsqueeze(1));
    const Tensor same = all.labels.unsqueeze(1) == found_.labels.view({1, -1, 1});
    const Tensor strong = (all.scores >= model_.detector().score).unsqueeze(1);
    const Tensor there = ((iou >= 0.5) & same & strong).any(2);
    vanished_ += (~there).sum(0).to(at::kCPU, at::kDouble);
    return similarity.amax(2).t().to(x_.options());
  }

  const Call& call_;
  const Model& model_;
  Tensor x_;
  Found found_;
  Tensor vanished_;
};

/// [N, 1, H, W] stretched to 0..1 per sample.
Tensor stretched(const Tensor& map) {
  const Tensor lifted = map - map.amin({2, 3}, true);
  const Tensor highest = lifted.amax({2, 3}, true);
  return lifted / highest.masked_fill(highest == 0, 1);
}

/// One forward pass and its detections, whatever the layout.
struct Detected {
  Model model;
  Tape tape;
  Proposals proposals;
  std::vector<Objective> objectives;

  explicit Detected(const Call& call)
      : model(call.model.folded()),
        tape(model.run(call.x)),
        proposals(read_proposals(model, tape)),
        objectives(bind_targets(model, tape, call.targets, call.options.score)) {
    if (objectives.empty()) fail(ErrorCode::InvalidArgument, "no target given");
  }
};

std::vector<Explanation> explain(const DRiseOptions& o, const Call& call) {
  if (call.x.dim() != 4) {
    fail(ErrorCode::InvalidArgument, "the input has shape ", call.x.sizes(),
         ", and masks need [N, C, H, W]");
  }
  const Detected first(call);
  const Tensor& x = first.tape[first.model.input()];
  const std::int64_t batch = inner_batch(first.model, first.tape, call.options);
  const std::int64_t samples = x.size(0);
  std::vector<MaskEstimate> estimates;
  Tensors vanished;
  for (std::int64_t n = 0; n < samples; ++n) {
    Watcher watcher(call, first.model, x[n], found_in(first.proposals, first.objectives, n));
    ExplainOptions options = call.options;
    options.progress = progress_of_sample(call.options, n, samples);
    estimates.push_back(estimate_with_masks(
        o.masks, o.reference() ? "nearest" : "original", x.size(2), x.size(3), x.options(), batch,
        options, [&](const Tensor& masks) { return watcher.weights(masks); }));
    vanished.push_back(watcher.vanished(estimates.back().used));
  }
  std::vector<Explanation> all;
  for (std::size_t s = 0; s < first.objectives.size(); ++s) {
    const Objective& of = first.objectives[s];
    Explanation one;
    one.target = of.name;
    one.classes = of.classes;
    one.detected = of.detected;
    one.score = of.score;
    one.probability = of.confidence;
    one.at = first.model.graph().value(first.model.input()).name;
    put_estimates(one, estimates, o.masks, s);
    one.bfloat16 = call.options.bfloat16 && first.model.detector().layout != "boxes-scores-labels";
    if (o.reference()) one.relevance = stretched(one.relevance);
    Tensors gone;
    for (const auto& share : vanished) gone.push_back(share[static_cast<std::int64_t>(s)]);
    one.inner["vanished"] = at::stack(gone);
    const double share = one.inner["vanished"].mean().item<double>();
    one.notes.push_back(concat("the object vanished under ", std::round(1000 * share) / 10,
                               " % of the masks",
                               share > 0.98 ? ": hardly any mask leaves it, raise p" : ""));
    note_degenerate(one);
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

MethodEntry method_d_rise() {
  return with_bare_until(define_method<DRiseOptions>(info(), fields, explain));
}

}  // namespace limn
