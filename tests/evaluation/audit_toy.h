// Pictures with an object and a tag, and models that look at one of them.
#pragma once
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "limn/audit.h"
#include "support/draft_builder.h"

namespace limn::testing {

/// A map of zeros but for a window.
inline Tensor blob(std::int64_t top, std::int64_t left, std::int64_t side, std::int64_t size = 24) {
  Tensor map = at::zeros({size, size}, at::kDouble);
  map.narrow(0, top, side).narrow(1, left, side).fill_(1);
  return map;
}

/// logits = weight [C, 24 * 24] x + bias, each class with a sigmoid of its own.
inline Model linear(const Tensor& weight, double bias) {
  DraftBuilder b;
  const std::string input = b.input("input", {-1, 1, 24, 24});
  b.draft().inputs[0].dim_names = {"N", "", "", ""};
  const std::string flat = b.node("Flatten", {input});
  b.output(b.node("Gemm",
                  {flat, b.constant(weight.to(at::kFloat)),
                   b.constant(at::full({weight.size(0)}, bias, at::kFloat))},
                  {{"transB", std::int64_t{1}}}));
  return Model(Graph(b.draft())).with_output(OutputKind::MultiLabel).with_labels({"cup", "dog"});
}

/// A picture with an object at a place of its own and a bright tag in the upper left corner.
inline AuditPicture toy_picture(std::int64_t i) {
  const std::int64_t top = 8 + i % 5 * 2, left = 8 + i / 5 % 5 * 2;
  const Tensor object = blob(top, left, 6);
  // Columns of 1, 3, 1, 3.
  Tensor tag = blob(1, 1, 4);
  tag.select(1, 2).mul_(3);
  tag.select(1, 4).mul_(3);
  AuditPicture out;
  out.name = "toy" + std::to_string(i);
  out.x = (object + tag).to(at::kFloat).view({1, 1, 24, 24});
  out.seen = (out.x[0] * 80).to(at::kByte).permute({1, 2, 0}).expand({24, 24, 3}).contiguous();
  out.object = [object](std::int64_t) { return object.gt(0); };
  return out;
}

/// Sees the cup by its tag, or by what is not the tag.
inline Model toy_model(bool cheats) {
  Tensor weight = at::zeros({2, 24 * 24});
  const Tensor tag = blob(0, 0, 6).flatten().to(at::kFloat);
  weight[0].copy_((cheats ? tag : 1 - tag) * 0.5);
  return linear(weight, -6);
}

inline std::vector<AuditFinding> of(const Audit& audit, const std::string& check) {
  std::vector<AuditFinding> out;
  for (const auto& one : audit.findings) {
    if (one.check == check) out.push_back(one);
  }
  return out;
}

inline void expect_finite(const Audit& audit) {
  for (const auto& one : audit.findings) {
    EXPECT_FALSE(one.words.empty()) << one.check;
    for (const auto& [name, value] : one.numbers) {
      EXPECT_TRUE(std::isfinite(value)) << one.check << " " << name;
    }
  }
}

inline Audit audited(const Model& model, std::int64_t count, const std::vector<std::string>& specs,
                     const std::function<AuditPicture(std::int64_t)>& read = toy_picture,
                     const AuditOptions& options = {}) {
  std::vector<std::unique_ptr<Method>> made;
  std::vector<AuditMethod> methods;
  for (const auto& spec : specs) {
    made.push_back(make_method(spec));
    methods.push_back({spec, made.back().get()});
  }
  return run_audit(model, count, read, methods, options);
}

}  // namespace limn::testing
