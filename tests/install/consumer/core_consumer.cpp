// Uses the core from an installed limn: reads a model, explains a tensor, prints the sum and score.
#include <ATen/ATen.h>
#include <limn/method.h>

#include <cstdio>

int main(int, char** argv) {
  const limn::Model model = limn::Model::from_onnx(argv[1]);
  at::manual_seed(0);
  const auto why = limn::make_method("lrp(composite=epsilon)")
                       ->explain(model, at::rand({1, 3, 96, 96}), limn::Target::of_class(0));
  std::printf("%s: score %.3f, sum %.3f\n", why.target.c_str(), why.score.item<double>(),
              why.relevance.sum().item<double>());
}
