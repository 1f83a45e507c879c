// NormGrad: how much each place of a layer would move the layer's weights: the norm of the place's
// share of the weight gradient. With A the layer's values and g the gradient there,
// conv1x1: S = |g| |A| (a virtual 1x1 convolution behind the layer), conv3x3: S = |g| |patch of A|,
// selective: S = |max(A g, 0)| (a virtual scaling), layer: S = |g_o x patch of A_in| of the
// convolution that makes the layer, norms over channels. Source: Rebuffi, Fong, Ji, Vedaldi,
// "There and Back Again: Revisiting Backpropagation Saliency Methods", 2020;
// ruthcfong/TorchRay@832524e (norm_grad.py).
#include "methods/sampling.h"
#include "rules/composites.h"

namespace limn {
namespace {

struct NormGradOptions {
  std::string kind = "conv1x1";
  std::string layer;
};

const MethodInfo& info() {
  static const MethodInfo value{
      .name = "normgrad",
      .title = "NormGrad",
      .family = "gradient",
      .summary = "The norm of each place's share of a layer's weight gradient.",
      .formula = "S(u) = |g(u)| |A(u)|, norms over the channels of a layer",
      .paper =
          "Rebuffi, Fong, Ji, Vedaldi: There and Back Again: Revisiting Backpropagation "
          "Saliency Methods, 2020",
      .aliases = {"norm-grad"},
      .needs_layer = true};
  return value;
}

Fields fields(NormGradOptions& o) {
  return {choice_field("kind", o.kind, {"conv1x1", "conv3x3", "selective", "layer"},
                       "whose weights: a virtual 1x1 or 3x3 convolution, a virtual scaling, or "
                       "the layer's own convolution"),
          text_field("layer", o.layer,
                     "the layer to read; empty: the last convolution block's output (kind=layer: "
                     "the last convolution's)")
              .also({"saliency-layer", "target-layer"})};
}

bool is_spatial(const Tensor& value) { return value.defined() && value.dim() == 4; }

NodeId last_convolution(const Pass& pass) {
  const auto& nodes = pass.model.graph().nodes();
  for (std::size_t n = nodes.size(); n-- > 0;) {
    const Tensor& out = pass.tape[nodes[n].outputs.front()];
    if (is_convolution(nodes[n]) && is_spatial(out) && out.size(2) * out.size(3) > 1) {
      return {static_cast<int>(n)};
    }
  }
  fail(ErrorCode::Unsupported,
       "the model has no convolution with spatial extent; take kind=conv1x1 and a layer "
       "(`limn inspect` lists the values)");
}

ValueId chosen_layer(const NormGradOptions& o, const Pass& pass) {
  const Graph& graph = pass.model.graph();
  if (o.layer.empty()) {
    return o.kind == "layer" ? graph.node(last_convolution(pass)).outputs.front()
                             : default_cam_layer(pass.model, pass.tape);
  }
  const ValueId id = graph.at(o.layer);
  if (!is_spatial(pass.tape[id])) {
    fail(ErrorCode::InvalidArgument, "layer \"", o.layer, "\" has shape ", pass.tape[id].sizes(),
         "; NormGrad needs [N, C, h, w]: give a layer with spatial extent (`limn inspect` lists "
         "the values)");
  }
  const NodeId producer = graph.value(id).producer;
  if (o.kind == "layer" && (!producer || !is_convolution(graph.node(producer)))) {
    fail(ErrorCode::InvalidArgument, "layer \"", o.layer,
         "\" is not made by a convolution; name "
         "a convolution's output, or take kind=conv1x1");
  }
  return id;
}

/// For each output channel and place, the sum of the squares that its kernel sees: with g^2 it
/// gives the norm of the weight gradient's share, groups and dilation included.
Tensor seen_squares(const Pass& pass, ValueId layer) {
  const Graph& graph = pass.model.graph();
  const NodeId id = graph.value(layer).producer;
  const Facts facts(graph, pass.model.logits());
  const std::vector<bool> wanted(graph.node(id).inputs.size(), false);
  const Step step{pass.model, facts, pass.tape, id, graph.node(id), wanted};
  const auto view = step.view();
  return view->apply(step.x().square(), at::ones_like(view->weight()), {});
}

Tensor map_of(const std::string& kind, const Tensor& a, const Tensor& g, const Tensor& seen) {
  if (kind == "selective") return (a * g).clamp_min(0).square().sum(1, true).sqrt();
  const Tensor gradient = g.square();
  if (kind == "layer") return (gradient * seen).sum(1, true).sqrt();
  Tensor squares = a.square().sum(1, true);
  // The sum over a zero-padded 3x3 window.
  if (kind == "conv3x3") squares = at::avg_pool2d(squares, {3, 3}, {1, 1}, {1, 1}, false, true, 1);
  return (gradient.sum(1, true) * squares).sqrt();
}

std::vector<Explanation> explain(const NormGradOptions& o, const Call& call) {
  std::vector<std::string> needed;
  if (!o.layer.empty()) needed.push_back(o.layer);
  // A convolution that a batch norm is folded into is another layer than the file's.
  const Pass pass(call, o.kind == "layer" ? BatchNorm::Keep : BatchNorm::Free, needed);
  const ValueId layer = chosen_layer(o, pass);
  const WalkResult result = pass.walk_from(call, gradient_book(), pass.gradients(call), {layer});
  const Tensor seen = o.kind == "layer" ? seen_squares(pass, layer) : Tensor();
  auto all = pass.explanations(call, result, layer, info());
  for (std::size_t s = 0; s < all.size(); ++s) {
    const Tensor g = result.relevance.at(layer)[static_cast<std::int64_t>(s)];
    Explanation& one = all[s];
    one.relevance = map_of(o.kind, pass.tape[layer], g, seen);
    one.at = pass.model.graph().value(pass.model.input()).name;
    one.layer = pass.model.graph().value(layer).name;
    one.notes.clear();
    note_fallbacks(one, result);
    note_degenerate(one);
  }
  return all;
}

}  // namespace

MethodEntry method_normgrad() {
  return define_method<NormGradOptions>(info(), fields, explain, "kind");
}

}  // namespace limn
