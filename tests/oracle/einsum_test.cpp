// Einsum against the sum over all its letters, and its view with a constant against the Jacobian.
#include <cctype>
#include <map>

#include "oracle/linear_oracle.h"

namespace limn::testing {
namespace {

using Sizes = std::vector<std::int64_t>;

/// Sums the product of the operands over every value of every letter of a spelled-out equation.
Tensor einsum_loop(const std::vector<std::string>& operands, const std::string& output,
                   const Tensors& in) {
  std::map<char, std::int64_t> size;
  for (std::size_t i = 0; i < in.size(); ++i) {
    for (std::size_t d = 0; d < operands[i].size(); ++d) {
      size[operands[i][d]] = in[i].size(static_cast<std::int64_t>(d));
    }
  }
  Sizes all, out_sizes;
  std::string letters;
  for (const auto& [letter, count] : size) {
    letters += letter;
    all.push_back(count);
  }
  for (const char letter : output) out_sizes.push_back(size.at(letter));
  const Box out(out_sizes);
  std::vector<Box> boxes(in.begin(), in.end());
  for_each_index(all, [&](const Sizes& at) {
    const auto place = [&](const std::string& labels) {
      Sizes index;
      for (const char letter : labels) index.push_back(at[letters.find(letter)]);
      return index;
    };
    double product = 1;
    for (std::size_t i = 0; i < boxes.size(); ++i) product *= boxes[i].at(place(operands[i]));
    out.at(place(output)) += product;
  });
  return out.tensor();
}

struct Case {
  std::string equation;
  std::vector<std::string> operands;
  std::string output;
  std::vector<Sizes> sizes;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"nij,jk->nik", {"nij", "jk"}, "nik", {{2, 3, 4}, {4, 5}}},
      {"n i j , k j -> n k i", {"nij", "kj"}, "nki", {{2, 3, 4}, {5, 4}}},
      {"nchw,cd->ndhw", {"nchw", "cd"}, "ndhw", {{2, 3, 2, 2}, {3, 4}}},
      {"nhqd,rd->nhqr", {"nhqd", "rd"}, "nhqr", {{2, 2, 3, 4}, {5, 4}}},
      {"nij->nji", {"nij"}, "nji", {{2, 3, 4}}},
      {"nii->ni", {"nii"}, "ni", {{2, 3, 3}}},
      {"nij->ni", {"nij"}, "ni", {{2, 3, 4}}},
      {"...j,jk->...k", {"nij", "jk"}, "nik", {{2, 3, 4}, {4, 5}}},
  };
  return all;
}

Graph graph_of(const std::string& equation, std::size_t inputs) {
  Attributes attributes;
  attributes.set("equation", equation);
  return one_node("Einsum", 12, attributes, inputs);
}

Tensors random_inputs(const std::vector<Sizes>& sizes) {
  Tensors in;
  for (const Sizes& one : sizes) in.push_back(random_tensor(one));
  return in;
}

TEST(Einsum, EqualsTheSumOverAllLetters) {
  at::manual_seed(41);
  for (const Case& each : cases()) {
    const Tensors in = random_inputs(each.sizes);
    const Graph graph = graph_of(each.equation, in.size());
    EXPECT_LT(relative_error(graph.nodes()[0].spec->forward(graph.nodes()[0], in)[0],
                             einsum_loop(each.operands, each.output, in)),
              kExact)
        << each.equation;
  }
  const Tensors in = random_inputs({{3, 4}, {4, 2}});
  const Graph implicit = graph_of("ij,jk", 2);
  EXPECT_LT(relative_error(implicit.nodes()[0].spec->forward(implicit.nodes()[0], in)[0],
                           einsum_loop({"ij", "jk"}, "ik", in)),
            kExact);
}

TEST(Einsum, ViewEqualsTheJacobian) {
  at::manual_seed(42);
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.equation);
    const Graph graph = graph_of(each.equation, each.sizes.size());
    expect_view(graph.nodes()[0], random_inputs(each.sizes), 0);
  }
  const Graph constant_first = graph_of("jk,nij->nik", 2);
  expect_view(constant_first.nodes()[0], random_inputs({{4, 5}, {2, 3, 4}}), 1);
  const Graph three = graph_of("nij,jk,kl->nil", 3);
  expect_view(three.nodes()[0], random_inputs({{2, 3, 4}, {4, 2}, {2, 3}}), 0);
}

TEST(Einsum, RefusesWhatMovesTheBatchAndWrongCounts) {
  constexpr std::array<bool, 2> constant{false, true};
  for (const char* equation : {"nij,jk->ink", "nij,nk->njk", "nij,jk", "nij,jk->ik"}) {
    const Graph graph = graph_of(equation, 2);
    EXPECT_THROW(graph.nodes()[0].spec->linear_view(graph.nodes()[0],
                                                    random_inputs({{2, 3, 4}, {4, 2}}), constant),
                 Error)
        << equation;
  }
  EXPECT_THROW(graph_of("ij,jk->ik", 3), Error);
}

TEST(Einsum, TheKindFollowsTheConstants) {
  constexpr std::array<bool, 2> none{false, false}, one{true, false};
  const Graph graph = graph_of("nij,njk->nik", 2);
  EXPECT_EQ(kind_of(graph.nodes()[0], none), OpKind::Bilinear);
  EXPECT_EQ(kind_of(graph.nodes()[0], one), OpKind::Linear);
}

}  // namespace
}  // namespace limn::testing
