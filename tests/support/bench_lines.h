// Result lines as a run stores them, for tests of reports.
#pragma once
#include <string>
#include <vector>

#include "base/counter_random.h"
#include "limn/results.h"

namespace limn::testing {

inline constexpr const char* kDeletion = "deletion(step=0)";
inline constexpr const char* kInsertion = "insertion(step=0, blur=rise)";

/// One line of deletion; everything else is set by the test.
inline ResultLine bench_line(std::size_t picture, const std::string& method, double area) {
  ResultLine line;
  line.model = "net";
  line.data = "shapes";
  line.image = "picture" + std::to_string(1000 + picture);
  line.label = static_cast<int>(picture % 3);
  line.label_name = "class" + std::to_string(line.label);
  line.target = line.label + 10;
  line.predicted = true;
  line.method = method;
  line.metric = kDeletion;
  line.protocol = "demo";
  line.measurement.values = {{"area", area}};
  line.measurement.curves = {{"probability", {1, area, 0}}};
  line.seconds = .5;
  return line;
}

/// `pictures` lines of a method whose areas lie within .05 of `middle`.
inline std::vector<ResultLine> bench_lines(const std::string& method, double middle,
                                           std::size_t pictures, std::uint64_t seed = 1) {
  std::vector<ResultLine> lines;
  for (std::size_t i = 0; i < pictures; ++i) {
    lines.push_back(bench_line(i, method, middle + .1 * (unit(mix(1000 * seed + i)) - .5)));
  }
  return lines;
}

inline void append(std::vector<ResultLine>& to, const std::vector<ResultLine>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace limn::testing
