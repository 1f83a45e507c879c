// Every method in a form that is quick on pictures of a dozen pixels.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "limn/method.h"

namespace limn::testing {

/// One spec per method of classifiers. Alone, RSP sets a class against the other targets of the
/// call. Sampling methods take few samples, optimizing ones few steps, and the windows of occlusion
/// tile the input, so that a flip flips them.
inline std::vector<std::string> quick_specs() {
  static const std::map<std::string, std::string> chosen = {
      {"rsp", "rsp(hostile=none)"},
      {"integrated-gradients", "integrated-gradients(n=4)"},
      {"smoothgrad", "smoothgrad(n=4)"},
      {"rise", "rise(n=40, cells=4)"},
      {"extremal-perturbation",
       "extremal-perturbation(areas=[0.1,0.3], max-iter=3, reward=contrastive)"},
      {"meaningful-perturbation", "meaningful-perturbation(max-iter=3, cell=2)"},
      {"lime", "lime(n=40, n-segments=6)"},
      {"kernel-shap", "kernel-shap(n=40, n-segments=6)"},
      {"occlusion", "occlusion(window=[4,2], stride=[2,2])"}};
  std::vector<std::string> all;
  for (const auto& entry : methods()) {
    if (entry.info.name == "d-rise") continue;  // explains detectors alone
    const auto found = chosen.find(entry.info.name);
    all.push_back(found == chosen.end() ? entry.info.name : found->second);
  }
  return all;
}

}  // namespace limn::testing
