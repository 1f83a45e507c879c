// One progress line with rate and estimated time, on stderr.
#pragma once
#include <chrono>
#include <optional>
#include <string>

namespace limn::cli {

/// On a terminal the line is renewed in place from half a second on; elsewhere long work says a
/// line every 30 seconds. Nothing is ever printed for short work.
class Progress {
 public:
  /// `unit` names what is counted: `maps`.
  Progress(std::string unit, double total);
  ~Progress() { clear(); }
  /// `done` of the total, fractions included.
  void at(double done);
  /// Removes the line.
  void clear();

 private:
  std::string unit_;
  double total_ = 0;
  bool terminal_ = false;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

/// A line for each part of a run.
class StagedProgress {
 public:
  /// A new `unit` starts a new line.
  void at(const std::string& unit, double done, double total);
  void clear() { line_.reset(); }

 private:
  std::optional<Progress> line_;
  std::string unit_;
};

/// `3 s`, `2 min 10 s`, `1 h 5 min`.
std::string duration_words(double seconds);

}  // namespace limn::cli
