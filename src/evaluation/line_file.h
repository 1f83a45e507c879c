// A file of lines that a killed run leaves whole, but for its last line.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace limn {

/// Appends lines and forces them to the disk. Opening cuts off a last line without its line break,
/// and keeps every other process from writing until it is closed.
class LineFile {
 public:
  /// Throws Io where it cannot be written or another process holds it.
  explicit LineFile(const std::string& path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;
  /// Whole lines with their line breaks. After an Io error the file is as before.
  void append(const std::string& lines);

 private:
  std::string path_;
  int file_ = -1;
  std::int64_t end_ = 0;
};

/// Calls `line` with each line that has its line break, and its number from 1. An error that leaves
/// it gets path and number in front. False where there is no such file.
bool each_line(const std::string& path,
               const std::function<void(const std::string& text, std::int64_t number)>& line);

}  // namespace limn
