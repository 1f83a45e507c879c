// Whole files in and out: a write goes to a temporary name first and is renamed when complete.
#include "image/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "limn/error.h"

namespace limn {
namespace {

[[noreturn]] void cannot_write(const std::string& path, int reason) {
  std::string advice = "; choose another folder with -o";
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) {
    advice = "; free some space, or choose another folder with -o";
  }
  if (reason == EACCES || reason == EPERM || reason == EROFS) {
    advice = "; the folder is read-only: choose another with -o";
  }
  fail(ErrorCode::Io, "cannot write \"", path, "\": ", std::strerror(reason), advice);
}

}  // namespace

std::string read_file(const std::string& path, std::size_t most) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    const int reason = errno;
    fail(reason == ENOENT || reason == ENOTDIR ? ErrorCode::NotFound : ErrorCode::Io,
         "cannot open \"", path, "\": ", std::strerror(reason));
  }
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(file);
    fail(ErrorCode::Io, "cannot read \"", path, "\": not a regular file");
  }
  std::string bytes(std::min(most, static_cast<std::size_t>(status.st_size)), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  ::close(file);
  if (done != bytes.size()) fail(ErrorCode::Io, "reading \"", path, "\" stopped half-way");
  return bytes;
}

void write_part(const std::string& temporary, const std::string& path, std::string_view bytes) {
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) cannot_write(path, errno);
  int reason = 0;
  std::size_t done = 0;
  while (done < bytes.size() && reason == 0) {
    const ssize_t wrote = ::write(file, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno != EINTR) reason = errno;
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
  if (::close(file) != 0 && reason == 0) reason = errno;
  if (reason != 0) {
    ::unlink(temporary.c_str());
    cannot_write(path, reason);
  }
}

void place_part(const std::string& temporary, const std::string& path) {
  if (::rename(temporary.c_str(), path.c_str()) == 0) return;
  const int reason = errno;
  ::unlink(temporary.c_str());
  cannot_write(path, reason);
}

void write_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = concat(path, ".part", ::getpid());
  write_part(temporary, path, bytes);
  place_part(temporary, path);
}

}  // namespace limn
