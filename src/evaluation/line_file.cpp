// See line_file.h.
#include "evaluation/line_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "limn/error.h"

namespace limn {
namespace {

/// Bytes up to and including the last line break.
std::int64_t whole_lines(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return 0;
  for (std::int64_t end = file.tellg(); end > 0; --end) {
    file.seekg(end - 1);
    if (file.get() == '\n') return end;
  }
  return 0;
}

[[noreturn]] void io(const std::string& path) {
  fail(ErrorCode::Io, "\"", path, "\": cannot write: ", std::strerror(errno));
}

}  // namespace

LineFile::LineFile(const std::string& path) : path_(path) {
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) io(path);
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    fail(ErrorCode::Io, "\"", path, "\" is being written by another run; let it end, or choose ",
         "another folder with -o");
  }
  end_ = whole_lines(path);
  if (::ftruncate(file_, end_) != 0 || ::lseek(file_, end_, SEEK_SET) != end_) {
    ::close(file_);
    io(path);
  }
}

LineFile::~LineFile() { ::close(file_); }

void LineFile::append(const std::string& lines) {
  const auto undo = [&] {
    const int error = errno;
    // The lines that are there already must not grow a broken neighbor.
    if (::ftruncate(file_, end_) == 0) ::lseek(file_, end_, SEEK_SET);
    errno = error;
    io(path_);
  };
  for (std::size_t done = 0; done < lines.size();) {
    const auto wrote = ::write(file_, lines.data() + done, lines.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) undo();
    done += static_cast<std::size_t>(wrote);
  }
  if (::fsync(file_) != 0) undo();
  end_ += static_cast<std::int64_t>(lines.size());
}

bool each_line(const std::string& path,
               const std::function<void(const std::string&, std::int64_t)>& line) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  std::string text;
  for (std::int64_t number = 1; std::getline(file, text) && !file.eof(); ++number) {
    in_context([&] { return concat("\"", path, "\", line ", number); },
               [&] { line(text, number); });
  }
  if (file.bad()) fail(ErrorCode::Io, "\"", path, "\" cannot be read");
  return true;
}

}  // namespace limn
