// See bundle_rules.h.
#include "concepts/bundle_rules.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <map>
#include <memory>

#include "limn/error.h"
#include "rules/basic_rules.h"
#include "rules/lrp_rules.h"

namespace limn {
namespace {

constexpr double kStabilizer = 1e-9;  // the authors' stabilizer

/// [S, shape of like] in memory as S of `like`.
Tensor empty_bundle(const Tensor& like, std::int64_t seeds) {
  std::vector<std::int64_t> sizes = like.sizes().vec(), strides = like.strides().vec();
  sizes.insert(sizes.begin(), seeds);
  strides.insert(strides.begin(), like.numel());
  return at::empty_strided(sizes, strides, like.options());
}

/// For each output place, in the order of memory, where its winner lies in the input's memory.
std::vector<std::int64_t> winners(const Step& step) {
  Node twin = step.node;
  twin.attributes.erase("storage_order");
  twin.outputs.resize(1);
  twin.outputs.push_back(twin.outputs.front());
  const Tensor& x = step.in(0);
  const Tensors in = {x};
  Tensor rest = twin.spec->forward(twin, in)[1], place = at::zeros_like(rest);
  for (std::int64_t d = x.dim(); d-- > 0;) {
    place += rest.remainder(x.size(d)) * x.stride(d);
    rest = rest.div(x.size(d), "floor");
  }
  const Tensor& out = step.out();
  const Tensor ordered = at::empty_strided(out.sizes(), out.strides(), place.options());
  ordered.copy_(place);
  const auto* first = ordered.data_ptr<std::int64_t>();
  return {first, first + ordered.numel()};
}

Tensors hand_to_winners(const Step& step, const Tensor& r) {
  const Tensor &x = step.in(0), &out = step.out();
  const std::vector<std::int64_t> place = winners(step);
  const std::int64_t seeds = r.size(0);
  Tensor from = empty_bundle(out, seeds), to = empty_bundle(x, seeds).zero_();
  if (r.strides() == from.strides()) {
    from = r;
  } else {
    from.copy_(r);
  }
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "hand_to_winners", [&] {
    const scalar_t* source = from.data_ptr<scalar_t>();
    scalar_t* target = to.data_ptr<scalar_t>();
    at::parallel_for(0, seeds, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t s = begin; s < end; ++s) {
        const scalar_t* values = source + s * out.numel();
        scalar_t* cells = target + s * x.numel();
        for (std::size_t i = 0; i < place.size(); ++i) cells[place[i]] += values[i];
      }
    });
  });
  return only(step, to);
}

}  // namespace

Rule winner_rule() {
  const auto apply = [](const Step& step, const Tensors& r_out) {
    const Tensor &x = step.in(0), &r = r_out.front();
    const bool plain = r.defined() && x.device().is_cpu() && x.is_floating_point() &&
                       x.is_non_overlapping_and_dense() &&
                       step.out().is_non_overlapping_and_dense();
    return plain ? hand_to_winners(step, r) : gradient_rule().apply(step, r_out);
  };
  return {"winner", apply};
}

const std::vector<double>& authors_gammas() {
  static const std::vector<double> gammas = [] {
    std::vector<double> all(25, 0.1);
    std::fill_n(all.begin(), 18, 0.25);
    std::fill_n(all.begin(), 11, 0.5);
    return all;
  }();
  return gammas;
}

namespace {

/// Whether a ReLU is all that reads a value, so that relevance stands only where it is above 0.
bool only_rectified(const Graph& graph, ValueId id, ValueId output) {
  const auto& consumers = graph.value(id).consumers;
  return id != output && !consumers.empty() &&
         std::all_of(consumers.begin(), consumers.end(),
                     [&](NodeId n) { return graph.node(n).op == "Relu"; });
}

/// gamma(g) where x >= 0 and only outputs above 0 hold relevance:
/// R_in = x A(w + g w+)^T (R q) with q = [z > 0] / (A(w + g w+) x + b + g b+ + 1e-9), kept.
Rule rectified_gamma_rule(double gamma) {
  const auto quotients = std::make_shared<std::map<int, Tensor>>();
  const auto apply = [gamma, quotients](const Step& step, const Tensors& r_out) {
    const auto view = step.view();
    const WeightParts parts(step, *view);
    Tensor& q = (*quotients)[step.id.index];
    if (!q.defined()) {
      const Tensor z =
          view->apply(step.x(), parts.plus_gamma(gamma), parts.bias_plus_gamma(gamma)) +
          kStabilizer;
      q = z.reciprocal().masked_fill(step.out() <= 0, 0);
    }
    Tensor r = parts.pull_plus_gamma(r_out.front() * q, gamma);
    return only(step, r.is_non_overlapping_and_dense() ? r.mul_(step.x()) : r * step.x());
  };
  return {concat("gamma(", gamma, ")"), apply};
}

bool counts(const Graph& graph, const Facts& facts, NodeId id) {
  const std::string& op = graph.node(id).op;
  return is_convolution(graph.node(id)) || facts.kind(id) == OpKind::Activation ||
         op == "MaxPool" || op == "AveragePool";
}

}  // namespace

RuleBook gamma_by_depth(const Graph& graph, ValueId output, const DepthOptions& options) {
  const Facts facts(graph, output);
  const auto rules = std::make_shared<std::map<int, Rule>>();
  std::size_t depth = 0;
  for (int n = 0; n < static_cast<int>(graph.nodes().size()); ++n) {
    const Node& node = graph.node({n});
    if (!counts(graph, facts, {n})) continue;
    const double gamma = depth < options.gammas.size() ? options.gammas[depth] : 0;
    ++depth;
    if (!is_convolution(node)) continue;
    const bool rectified = options.follows_values &&
                           only_rectified(graph, node.outputs.front(), output) &&
                           facts.nonnegative(node.inputs.front());
    (*rules)[n] = rectified ? rectified_gamma_rule(gamma) : gamma_rule(gamma, kStabilizer);
  }
  CompositeOptions base = options.bounds;
  base.stabilizer = kStabilizer;
  RuleBook book = lrp_base(base);
  book.convolutions({"gamma-by-depth",
                     [rules](const Step& step, const Tensors& r_out) {
                       return rules->at(step.id.index).apply(step, r_out);
                     }})
      .linears(options.linear_gamma > 0 ? gamma_rule(options.linear_gamma, kStabilizer)
                                        : epsilon_rule(kStabilizer))
      .first_convolution(base.low.empty() || base.high.empty() ? picture_box_rule()
                                                               : zbox_rule(base.low, base.high));
  return book;
}

}  // namespace limn
