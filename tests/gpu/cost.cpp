// gpu_cost [MODEL.onnx]: what each method costs on the GPU, in plain forward passes.
#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "limn/error.h"
#include "limn/method.h"
#include "support/random_graph.h"

namespace {

/// Median of seven runs after two to warm up; reading one number back waits for the device.
double seconds(const std::function<limn::Tensor()>& work) {
  std::vector<double> all;
  for (int run = 0; run < 9; ++run) {
    const auto start = std::chrono::steady_clock::now();
    (void)work().sum().item<double>();
    all.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  all.erase(all.begin(), all.begin() + 2);
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  if (!at::hasCUDA()) {
    std::puts("No GPU: this libtorch sees no CUDA device; nothing was measured.");
    return 0;
  }
  try {
    using limn::Model;
    const Model model = (count > 1 ? Model::from_onnx(arguments[1])
                                   : Model(limn::Graph(limn::testing::random_graph(1))))
                            .to(c10::Device("cuda:0"));
    auto shape = model.input_shape();
    for (auto& size : shape) size = size < 0 ? 224 : size;
    const auto x = at::randn({1, shape[0], shape[1], shape[2]}).to(model.device());
    const double plain = seconds([&] { return model.run(x, limn::Keep::Outputs)[model.logits()]; });
    std::printf("%-36s %8s %10s\n%-36s %8.2f %10.5f\n", "method", "ratio", "seconds",
                "plain forward", 1.0, plain);
    for (const char* spec :
         {"gradient", "grad-cam", "lrp(epsilon-plus)", "lrp(epsilon-alpha2-beta1)"}) {
      const auto method = limn::make_method(spec);
      const double own = seconds([&] { return method->explain(model, x).relevance; });
      std::printf("%-36s %8.2f %10.5f\n", spec, own / plain, own);
    }
    return 0;
  } catch (const limn::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
