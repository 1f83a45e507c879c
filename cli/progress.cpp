// See progress.h.
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace limn::cli {

std::string duration_words(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

Progress::Progress(std::string unit, double total)
    : unit_(std::move(unit)),
      total_(total),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

void Progress::at(double done) {
  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double since = std::chrono::duration<double>(now - last_).count();
  if (elapsed < 0.5 || done <= 0 || since < (terminal_ ? 0.1 : 30.0)) return;
  last_ = now;
  const double rate = done / elapsed;
  const std::string rate_words =
      rate >= 1 ? fmt::format("{:.1f} {}/s", rate, unit_)
                : fmt::format("{:.1f} s a {}", 1 / rate, unit_.substr(0, unit_.size() - 1));
  const std::string line =
      fmt::format("{:.0f} of {:.0f} {}, {}, {} left", done, total_, unit_, rate_words,
                  duration_words(std::max(0.0, total_ - done) / rate));
  if (terminal_) {
    std::fprintf(stderr, "\r%s\033[K", line.c_str());
    shown_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

void StagedProgress::at(const std::string& unit, double done, double total) {
  if (unit != unit_) line_.emplace(unit_ = unit, total);
  line_->at(done);
}

void Progress::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

}  // namespace limn::cli
