// See basic_rules.h.
#include "rules/basic_rules.h"

#include "limn/error.h"
#include "model/weight_cache.h"
#include "rules/elementwise.h"

namespace limn {

Tensor safe_divide(const Tensor& a, const Tensor& b) {
  const Tensor zero = b == 0;
  return (a / b.masked_fill(zero, 1)).masked_fill(zero, 0);
}

namespace {

/// transpose(s) for s with the leading seed axis.
template <typename Transpose>
Tensor over_seeds(const Tensor& s, const Transpose& transpose) {
  if (s.size(0) == 1) return transpose(s.squeeze(0)).unsqueeze(0);
  const std::int64_t seeds = s.size(0);
  const Tensor x = transpose(s.flatten(0, 1));
  return x.unflatten(0, {seeds, x.size(0) / seeds});
}

}  // namespace

Tensor over_targets(const Tensors& each) {
  if (each.size() == 1) return each.front().unsqueeze(0);
  return at::cat(each).unflatten(0, {static_cast<std::int64_t>(each.size()), each[0].size(0)});
}

Tensor pull(const LinearView& view, const Tensor& s, const Tensor& w) {
  return over_seeds(s, [&](const Tensor& one) { return view.pull_x(one, w); });
}

Tensor pull_named(const Step& step, const LinearView& view, const Tensor& s, const Tensor& w,
                  std::string_view name) {
  const Tensor v = step.model.cache().get(step.id, concat("transposed ", name),
                                          [&] { return view.transposed(w); });
  if (!v.defined()) return pull(view, s, w);
  return over_seeds(s, [&](const Tensor& one) { return view.pull_x_by(one, v); });
}

Tensors pull_gradient(const Step& step, const Tensors& grad_out) {
  const Node& node = step.node;
  if (step.kind() == OpKind::Linear && node.spec->linear_view && grad_out.front().defined()) {
    const auto view = step.view();
    return only(step, pull_named(step, *view, grad_out.front(), view->weight(), "w"));
  }
  Tensors out;
  for (ValueId id : node.outputs) out.push_back(id ? step.tape[id] : Tensor());
  return pull_gradient_at(step, step.inputs(), out, grad_out);
}

Tensors pull_gradient_at(const Step& step, const Tensors& in, const Tensors& out,
                         const Tensors& grad_out) {
  const Node& node = step.node;
  std::int64_t seeds = 1;
  for (const auto& g : grad_out) {
    if (g.defined()) seeds = g.size(0);
  }
  const auto wanted = std::make_unique<bool[]>(in.size() + 1);
  for (std::size_t i = 0; i < in.size(); ++i) wanted[i] = step.wanted[i];
  std::vector<Tensors> per_input(in.size());
  for (std::int64_t s = 0; s < seeds; ++s) {
    Tensors g;
    for (const auto& all : grad_out) g.push_back(all.defined() ? all[s] : Tensor());
    const std::span<const bool> mask(wanted.get(), in.size());
    const Tensors one =
        node.spec->vjp ? node.spec->vjp(node, in, out, g, mask) : autograd_vjp(node, in, g, mask);
    for (std::size_t i = 0; i < one.size(); ++i) {
      if (one[i].defined()) per_input[i].push_back(one[i]);
    }
  }
  Tensors result(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!per_input[i].empty()) result[i] = over_targets(per_input[i]);
  }
  return result;
}

Tensor sum_to_shape(const Tensor& r, at::IntArrayRef shape) {
  std::vector<std::int64_t> target(shape.begin(), shape.end());
  const auto extra = r.dim() - 1 - static_cast<std::int64_t>(target.size());
  std::vector<std::int64_t> axes;
  for (std::int64_t d = 0; d < extra; ++d) axes.push_back(d + 1);
  Tensor out = axes.empty() ? r : r.sum(axes);
  for (std::size_t d = 0; d < target.size(); ++d) {
    const auto axis = static_cast<std::int64_t>(d) + 1;
    if (target[d] == 1 && out.size(axis) != 1) out = out.sum(axis, true);
  }
  return out;
}

Tensors only(const Step& step, Tensor r) {
  Tensors result(step.node.inputs.size());
  result[step.data()] = std::move(r);
  return result;
}

Rule gradient_rule() { return {"gradient", pull_gradient}; }

Rule pass_rule() {
  return {"pass", [](const Step& step, const Tensors& r_out) {
            return only(step, sum_to_shape(r_out.front(), step.x().sizes()));
          }};
}

Rule normalization_rule(double stabilizer) {
  return {"pass", [stabilizer](const Step& step, const Tensors& r_out) {
            if (step.out().sizes() == step.in(0).sizes()) return pass_rule().apply(step, r_out);
            const Tensor s = divide_stabilized(r_out.front(), step.out(), stabilizer);
            Tensors result = pull_gradient(step, {s});
            result[0] = result[0] * step.in(0);
            return result;
          }};
}

Rule join_rule(double stabilizer) {
  return {"norm", [stabilizer](const Step& step, const Tensors& r_out) {
            const Tensor s = divide_stabilized(r_out.front(), step.out(), stabilizer);
            const std::size_t count = step.node.inputs.size();
            Tensors result(count);
            for (std::size_t i = 0; i < count; ++i) {
              if (!step.wanted[i]) continue;
              Tensor summand = step.in(i);
              if (step.node.op == "Sub" && i == 1) summand = -summand;
              if (step.node.op == "Mean") summand = summand / static_cast<double>(count);
              result[i] = sum_to_shape(summand * s, step.in(i).sizes());
            }
            return result;
          }};
}

Rule product_rule(bool gate_half, double stabilizer) {
  const auto apply = [gate_half, stabilizer](const Step& step, const Tensors& r_out) {
    const Node& node = step.node;
    const Tensor& r = r_out.front();
    Tensors result(node.inputs.size());
    if (node.op == "Div") {
      result[0] = sum_to_shape(r, step.in(0).sizes());
      return result;
    }
    bool any_gate = false;
    for (ValueId id : node.inputs) any_gate = any_gate || step.facts.gate(id);
    const auto share = [&](std::size_t i) {
      if (!any_gate || gate_half) return 1.0 / static_cast<double>(node.inputs.size());
      return step.facts.gate(node.inputs[i]) ? 0.0 : 1.0;
    };
    if (any_gate && !gate_half) {
      // Two gates have no content between them; then they share like any factors.
      bool content = false;
      for (std::size_t i = 0; i < node.inputs.size(); ++i) content = content || share(i) > 0;
      any_gate = content;
    }
    if (node.op == "Mul") {
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (step.wanted[i] && share(i) > 0) {
          result[i] = sum_to_shape(r, step.in(i).sizes()) * share(i);
        }
      }
      return result;
    }
    // Matrix products: epsilon rule in each factor, weighted by its share.
    const Tensors gradient = pull_gradient(step, {divide_stabilized(r, step.out(), stabilizer)});
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      if (gradient[i].defined() && share(i) > 0) result[i] = gradient[i] * step.in(i)*share(i);
    }
    return result;
  };
  return {gate_half ? "product(gate=half)" : "product", apply};
}

}  // namespace limn
