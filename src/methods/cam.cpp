// The CAM family: each member weights a layer's channels A_k [h, w] by what the score's gradient
// g_k there says. alpha_k is the mean of g_k over places.
//   grad-cam       S = max(0, sum_k alpha_k A_k)
//   grad-cam++     alpha = g^2 / (2 g^2 + sum_v A_k(v) g^3), w_k = sum_u alpha max(g, 0)
//   xgrad-cam      w_k = sum_u g A / sum_u A
//   hires-cam      S = max(0, sum_k g_k A_k), place by place
//   layer-cam      S = max(0, sum_k max(g_k, 0) A_k)
//   cam            w_k = the class's weight in the linear layer behind a global average pool
//   eigen-cam      projection of A(u) - mean A on its first right singular vector
//   eigen-grad-cam the same of g A
// Sources: Selvaraju et al. 2017; Chattopadhyay et al. 2018; Fu et al. 2020; Draelos, Carin 2020;
// Jiang et al. 2021; Zhou et al. 2016; Muhammad, Yeasin 2020; details of
// jacobgil/pytorch-grad-cam@084273b where flavor=pytorch-grad-cam.
#include "methods/cam_base.h"
#include "methods/contrast.h"
#include "ops/op.h"
#include "rules/basic_rules.h"

namespace limn {
namespace {

Tensor summed(const Tensor& channels) { return channels.sum(1, true); }
Tensor over_places(const Tensor& t) { return t.sum({2, 3}, true); }
/// a / (b + epsilon); without epsilon 0 where b is.
Tensor ratio(const Tensor& a, const Tensor& b, double epsilon) {
  return epsilon > 0 ? a / (b + epsilon) : safe_divide(a, b);
}

Tensor grad_cam(const CamOptions&, const CamLayer& at) {
  return summed(at.g.mean({2, 3}, true) * at.a);
}

Tensor grad_cam_plus_plus(const CamOptions& o, const CamLayer& at) {
  const Tensor g2 = at.g * at.g;
  const Tensor below = 2 * g2 + over_places(at.a) * g2 * at.g;
  const Tensor alpha = ratio(g2, below, o.jacobgil() ? 1e-6 : 0) * at.g.ne(0);
  return summed(over_places(alpha * at.g.clamp_min(0)) * at.a);
}

Tensor xgrad_cam(const CamOptions& o, const CamLayer& at) {
  const Tensor w = ratio(over_places(at.g * at.a), over_places(at.a), o.jacobgil() ? 1e-7 : 0);
  return summed(w * at.a);
}

Tensor hires_cam(const CamOptions&, const CamLayer& at) { return summed(at.g * at.a); }

Tensor layer_cam(const CamOptions&, const CamLayer& at) { return summed(at.g.clamp_min(0) * at.a); }

/// Per sample, t [N, K, h, w] as places x channels, centered, on its first right singular vector;
/// of the two signs the one that agrees with the channels' sum.
Tensor first_component(const Tensor& t) {
  const Tensor places = t.flatten(2).transpose(1, 2).to(at::kDouble);
  const Tensor centered = places - places.mean(1, true);
  const Tensor vectors = std::get<2>(at::linalg_svd(centered, false));
  const Tensor map = at::matmul(centered, vectors.select(1, 0).unsqueeze(2)).squeeze(2);
  const Tensor agrees = (map * centered.sum(2)).sum(1, true).ge(0);
  return at::where(agrees, map, -map)
      .to(t.scalar_type())
      .view({t.size(0), 1, t.size(2), t.size(3)});
}

Tensor eigen_cam(const CamOptions&, const CamLayer& at) { return first_component(at.a); }
Tensor eigen_grad_cam(const CamOptions&, const CamLayer& at) {
  return first_component(at.g * at.a);
}

/// The gradient of a linear head on a global average is the class's weight over the places' number,
/// the same at every place.
Tensor cam(const CamOptions&, const CamLayer& at) { return summed(over_places(at.g) * at.a); }

/// Throws where the logits are not a linear layer on the global average of this layer.
void check_head(const Pass& pass, ValueId layer) {
  const Graph& graph = pass.model.graph();
  const auto refuse = [&](const std::string& why) {
    fail(ErrorCode::Unsupported,
         "cam reads the weights of a linear layer on a global average pool, ", why,
         "; use grad-cam, which needs neither");
  };
  ValueId id;
  try {
    id = last_layer(pass.model).input;
  } catch (const Error&) {
    refuse("and this model's logits do not come from one such layer");
  }
  const Tensor& read = pass.tape[id];
  if (read.dim() == 4 && read.size(2) * read.size(3) > 1) {
    refuse("and this model's last linear layer reads \"" + graph.value(id).name +
           "\", whose places nobody has averaged");
  }
  bool pooled = false;
  while (!(id == layer)) {
    const NodeId producer = graph.value(id).producer;
    if (!producer)
      refuse("and this model's logits do not come from layer \"" + graph.value(layer).name +
             "\" in that way");
    const Node& node = graph.node(producer);
    const Tensor& before = pass.tape[node.inputs.front()];
    const Tensor& after = pass.tape[id];
    const bool whole = before.dim() == 4 && after.numel() == after.size(0) * after.size(1);
    const bool averages =
        node.op == "GlobalAveragePool" || node.op == "AveragePool" || node.op == "ReduceMean";
    if (averages && whole) {
      pooled = true;
    } else if (node.spec->kind != OpKind::Route) {
      refuse(concat("and \"", node.name, "\" (", node.op, ") stands between layer \"",
                    graph.value(layer).name, "\" and the linear layer"));
    }
    id = node.inputs.front();
  }
  if (!pooled) refuse("and this model has no such pool");
}

using Formula = Tensor (*)(const CamOptions&, const CamLayer&);

template <Formula formula, bool needs_gradient = true, bool checks_head = false>
std::vector<Explanation> explain(const CamOptions& o, const Call& call) {
  return explain_cam(
      o, call,
      [&o](const Pass& pass, const CamLayer& at, std::size_t) {
        if (checks_head) check_head(pass, at.id);
        return formula(o, at);
      },
      needs_gradient);
}

MethodInfo about(std::string name, std::string title, std::string summary, std::string formula,
                 std::string paper, std::vector<std::string> aliases) {
  return {.name = std::move(name),
          .title = std::move(title),
          .family = "cam",
          .summary = std::move(summary),
          .formula = std::move(formula),
          .paper = std::move(paper),
          .aliases = std::move(aliases),
          .needs_layer = true};
}

}  // namespace

MethodEntry method_grad_cam() {
  return define_method<CamOptions>(
      about("grad-cam", "Grad-CAM",
            "A layer's channels weighted by their mean gradient: coarse, cheap, discriminates "
            "between classes.",
            "S = max(0, sum_k alpha_k A_k), alpha_k = mean over places of d score / d A_k",
            "Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra: Grad-CAM, 2017",
            {"gradcam", "grad_cam"}),
      cam_fields, explain<grad_cam>, "layer");
}

MethodEntry method_grad_cam_plus_plus() {
  return define_method<CamOptions>(
      about("grad-cam++", "Grad-CAM++",
            "Grad-CAM whose weights count each place by how much it alone moves the score: "
            "several objects of a class all show.",
            "w_k = sum_u alpha max(g, 0), alpha = g^2 / (2 g^2 + sum_v A_k(v) g^3)",
            "Chattopadhyay, Sarkar, Howlader, Balasubramanian: Grad-CAM++, 2018",
            {"gradcam++", "grad-cam-plusplus", "grad-cam-plus-plus", "gradcamplusplus"}),
      cam_fields, explain<grad_cam_plus_plus>, "layer");
}

MethodEntry method_xgrad_cam() {
  return define_method<CamOptions>(
      about("xgrad-cam", "XGrad-CAM",
            "Grad-CAM whose weights are gradients averaged by activation, so that channels sum to "
            "what they add to the score.",
            "w_k = sum_u g_k(u) A_k(u) / sum_u A_k(u)",
            "Fu, Hu, Dong, Guo, Gao, Li: Axiom-based Grad-CAM, 2020", {"xgradcam"}),
      cam_fields, explain<xgrad_cam>, "layer");
}

MethodEntry method_hires_cam() {
  return define_method<CamOptions>(
      about("hires-cam", "HiResCAM",
            "Gradient times activation place by place: on a linear head exactly what each place "
            "adds to the score.",
            "S = max(0, sum_k g_k A_k)", "Draelos, Carin: Use HiResCAM instead of Grad-CAM, 2020",
            {"hirescam"}),
      cam_fields, explain<hires_cam>, "layer");
}

MethodEntry method_layer_cam() {
  return define_method<CamOptions>(
      about("layer-cam", "LayerCAM",
            "Positive gradients weight activations place by place, which keeps early layers "
            "meaningful.",
            "S = max(0, sum_k max(g_k, 0) A_k)", "Jiang, Zhang, Hou, Cheng, Wei: LayerCAM, 2021",
            {"layercam"}),
      cam_fields, explain<layer_cam>, "layer");
}

MethodEntry method_cam() {
  return define_method<CamOptions>(
      about("cam", "Class activation mapping",
            "The class's own weights on the channels before a global average pool: exact, where a "
            "model ends that way.",
            "S = max(0, sum_k w_ck A_k)",
            "Zhou, Khosla, Lapedriza, Oliva, Torralba: Learning Deep Features for Discriminative "
            "Localization, 2016",
            {"class-activation-mapping"}),
      cam_fields, explain<cam, true, true>, "layer");
}

MethodEntry method_eigen_cam() {
  return define_method<CamOptions>(
      about("eigen-cam", "Eigen-CAM",
            "The strongest pattern of a layer, whatever the class: what the network looks at, not "
            "why it decided.",
            "S = max(0, (A(u) - mean A) v), v the first right singular vector",
            "Muhammad, Yeasin: Eigen-CAM, 2020", {"eigencam"}),
      cam_fields, explain<eigen_cam, false>, "layer");
}

MethodEntry method_eigen_grad_cam() {
  return define_method<CamOptions>(
      about("eigen-grad-cam", "Eigen-Grad-CAM",
            "The strongest pattern of gradient times activation: Eigen-CAM that knows the class.",
            "S = max(0, (gA(u) - mean gA) v), v the first right singular vector",
            "Muhammad, Yeasin: Eigen-CAM, 2020; jacobgil/pytorch-grad-cam@084273b",
            {"eigengradcam"}),
      cam_fields, explain<eigen_grad_cam>, "layer");
}

}  // namespace limn
