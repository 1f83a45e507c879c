// Gemm and MatMul and their LinearViews against plain loops.
#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;

Tensor matrix_loop(const Tensor& a, const Tensor& b) {
  const Box left(a), right(b);
  const Sizes sizes{a.size(0), b.size(1)};
  const Box out(sizes);
  for_each_index(sizes, [&](const Sizes& at) {
    for (std::int64_t k = 0; k < a.size(1); ++k) {
      out.at(at) += left.at({at[0], k}) * right.at({k, at[1]});
    }
  });
  return out.tensor();
}

Graph gemm(double alpha, double beta, std::int64_t trans_a, std::int64_t trans_b,
           std::size_t inputs) {
  Attributes attributes;
  attributes.set("alpha", alpha);
  attributes.set("beta", beta);
  attributes.set("transA", trans_a);
  attributes.set("transB", trans_b);
  return one_node("Gemm", 13, attributes, inputs);
}

TEST(Gemm, EqualsPlainLoopsForEveryTransposeAndBiasShape) {
  at::manual_seed(3);
  for (const std::int64_t trans_a : {0, 1}) {
    for (const std::int64_t trans_b : {0, 1}) {
      for (const Sizes& c_sizes :
           {Sizes{}, Sizes{1}, Sizes{4}, Sizes{1, 4}, Sizes{3, 1}, Sizes{3, 4}}) {
        const Tensor a = random_tensor({3, 5}), b = random_tensor({5, 4});
        const Tensors in{trans_a ? a.t().contiguous() : a, trans_b ? b.t().contiguous() : b,
                         random_tensor(c_sizes)};
        const Graph graph = gemm(0.5, -2, trans_a, trans_b, 3);
        const Node& node = graph.nodes()[0];
        const Tensor want = matrix_loop(a, b) * 0.5 - in[2] * 2;
        EXPECT_LT(relative_error(node.spec->forward(node, in)[0], want), kExact);
        expect_vjp(node, in, {1, 1, 1});
      }
    }
  }
}

TEST(Gemm, ViewEqualsTheJacobian) {
  at::manual_seed(4);
  for (const std::int64_t trans_b : {0, 1}) {
    for (const Sizes& c_sizes : {Sizes{4}, Sizes{1, 4}}) {
      const Graph graph = gemm(1.5, 0.25, 0, trans_b, 3);
      expect_view(graph.nodes()[0],
                  {random_tensor({2, 5}), random_tensor(trans_b ? Sizes{4, 5} : Sizes{5, 4}),
                   random_tensor(c_sizes)},
                  0);
    }
    const Graph without = gemm(1, 1, 0, trans_b, 2);
    expect_view(without.nodes()[0],
                {random_tensor({2, 5}), random_tensor(trans_b ? Sizes{4, 5} : Sizes{5, 4})}, 0);
  }
}

TEST(Gemm, RelevanceRefusesTransposedData) {
  const Graph graph = gemm(1, 1, 1, 0, 2);
  const Node& node = graph.nodes()[0];
  constexpr std::array<bool, 2> constant{false, true};
  EXPECT_THROW(
      node.spec->linear_view(node, Tensors{random_tensor({5, 2}), random_tensor({5, 4})}, constant),
      Error);
}

/// numpy's matmul for tensors with at least two dimensions each.
Tensor matmul_loop(const Tensor& a, const Tensor& b) {
  const std::size_t rank = static_cast<std::size_t>(std::max(a.dim(), b.dim()));
  Tensor left = a, right = b;
  while (left.dim() < static_cast<std::int64_t>(rank)) left = left.unsqueeze(0);
  while (right.dim() < static_cast<std::int64_t>(rank)) right = right.unsqueeze(0);
  const Box from_left(left), from_right(right);
  Sizes sizes;
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
    const auto i = static_cast<std::int64_t>(axis);
    sizes.push_back(std::max(left.size(i), right.size(i)));
  }
  sizes.push_back(left.size(-2));
  sizes.push_back(right.size(-1));
  const Box out(sizes);
  for_each_index(sizes, [&](const Sizes& at) {
    for (std::int64_t k = 0; k < left.size(-1); ++k) {
      Sizes l = at, r = at;
      for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
        if (left.size(static_cast<std::int64_t>(axis)) == 1) l[axis] = 0;
        if (right.size(static_cast<std::int64_t>(axis)) == 1) r[axis] = 0;
      }
      l[rank - 1] = k;
      r[rank - 2] = k;
      out.at(at) += from_left.at(l) * from_right.at(r);
    }
  });
  return out.tensor();
}

struct Pair {
  Sizes a, b;
};

TEST(MatMul, EqualsPlainLoopsAndGradientsEqualAutograd) {
  at::manual_seed(5);
  const Graph graph = one_node("MatMul", 13, {}, 2);
  const Node& node = graph.nodes()[0];
  for (const auto& [a, b] : {Pair{{3, 4}, {4, 2}}, Pair{{2, 3, 4}, {4, 2}}, Pair{{3, 4}, {2, 4, 5}},
                             Pair{{2, 3, 4, 5}, {2, 3, 5, 2}}, Pair{{2, 1, 4, 5}, {3, 5, 2}}}) {
    const Tensors in{random_tensor(a), random_tensor(b)};
    EXPECT_LT(relative_error(node.spec->forward(node, in)[0], matmul_loop(in[0], in[1])), kExact);
    expect_vjp(node, in, {1, 1});
  }
  for (const auto& [a, b] : {Pair{{4}, {4}}, Pair{{4}, {4, 3}}, Pair{{2, 4}, {4}},
                             Pair{{2, 3, 4}, {4}}, Pair{{4}, {2, 4, 3}}}) {
    const Tensors in{random_tensor(a), random_tensor(b)};
    const Tensor left = a.size() == 1 ? in[0].unsqueeze(0) : in[0];
    const Tensor right = b.size() == 1 ? in[1].unsqueeze(1) : in[1];
    const Tensor z = node.spec->forward(node, in)[0];
    EXPECT_LT(relative_error(z, matmul_loop(left, right).reshape(z.sizes())), kExact);
    expect_vjp(node, in, {1, 1});
  }
}

TEST(MatMul, ViewEqualsTheJacobianWithTheConstantOnEitherSide) {
  at::manual_seed(6);
  const Graph graph = one_node("MatMul", 13, {}, 2);
  const Node& node = graph.nodes()[0];
  for (const auto& [x, w] :
       {Pair{{2, 4}, {4, 3}}, Pair{{2, 5, 4}, {4, 3}}, Pair{{2, 3, 2, 4}, {4, 3}},
        Pair{{2, 3, 2, 4}, {3, 4, 2}}, Pair{{2, 3, 2, 4}, {1, 3, 4, 2}}, Pair{{2, 4}, {4}},
        Pair{{2, 3, 4}, {4}}, Pair{{2, 3, 4}, {1, 4, 2}}}) {
    SCOPED_TRACE(concat("x ", at::IntArrayRef(x), " w ", at::IntArrayRef(w)));
    expect_view(node, {random_tensor(x), random_tensor(w)}, 0);
  }
  for (const auto& [w, x] : {Pair{{3, 4}, {2, 4, 5}}, Pair{{4}, {2, 4, 5}},
                             Pair{{3, 2, 4}, {2, 3, 4, 2}}, Pair{{1, 3, 4}, {2, 4, 2}}}) {
    SCOPED_TRACE(concat("w ", at::IntArrayRef(w), " x ", at::IntArrayRef(x)));
    expect_view(node, {random_tensor(w), random_tensor(x)}, 1);
  }
}

TEST(MatMul, KindFollowsTheConstants) {
  const Graph graph = one_node("MatMul", 13, {}, 2);
  const Node& node = graph.nodes()[0];
  EXPECT_EQ(kind_of(node, std::array<bool, 2>{false, true}), OpKind::Linear);
  EXPECT_EQ(kind_of(node, std::array<bool, 2>{true, false}), OpKind::Linear);
  EXPECT_EQ(kind_of(node, std::array<bool, 2>{false, false}), OpKind::Bilinear);
}

}  // namespace
}  // namespace limn::testing
