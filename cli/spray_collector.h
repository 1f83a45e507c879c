// Puts maps into their classes, or says why one cannot be used.
#pragma once
#include <string>
#include <vector>

#include "cli/spray_maps.h"

namespace limn::cli {

class SprayCollector {
 public:
  explicit SprayCollector(const SprayChoice& choice) : choice_(choice) {}

  /// A map [h, w] of the class `name`. Throws BadInput, or takes a note with --skip-bad.
  void add(const std::string& name, const Tensor& map, SprayMap about);
  /// Throws, or takes a note with --skip-bad.
  void refuse(const std::string& name, const std::string& why);
  void leave_out(const std::string& name, const std::string& why);
  SprayInput take() { return std::move(out_); }

 private:
  SprayClass& class_of(const std::string& name);

  const SprayChoice& choice_;
  std::vector<std::int64_t> size_;
  SprayInput out_;
};

}  // namespace limn::cli
