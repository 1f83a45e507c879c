// See mapped_file.h. Opened without blocking, so that a pipe is refused instead of waited for.
#include "import/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/missing_file.h"
#include "limn/error.h"

namespace limn {

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  struct Descriptor {
    int value;
    ~Descriptor() {
      if (value >= 0) ::close(value);
    }
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      fail(ErrorCode::NotFound, missing_file(path));
    }
    fail(ErrorCode::Io, "cannot open \"", path, "\": ", std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(file.value, &info) != 0) {
    fail(ErrorCode::Io, "cannot read \"", path, "\": ", std::strerror(errno));
  }
  if (S_ISDIR(info.st_mode)) fail(ErrorCode::BadModel, "\"", path, "\" is a folder, not a file");
  if (!S_ISREG(info.st_mode)) fail(ErrorCode::BadModel, "\"", path, "\" is not a plain file");
  std::shared_ptr<MappedFile> result(new MappedFile);
  if (info.st_size == 0) return result;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (data == MAP_FAILED) {
    fail(ErrorCode::Io, "cannot map \"", path, "\" into memory: ", std::strerror(errno));
  }
  result->data_ = static_cast<const char*>(data);
  result->size_ = size;
  return result;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

void MappedFile::release(std::string_view range) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Only whole pages inside the range: neighbors may still be wanted.
  const auto first = (reinterpret_cast<std::uintptr_t>(range.data()) + page - 1) / page * page;
  const auto last = reinterpret_cast<std::uintptr_t>(range.data() + range.size()) / page * page;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace limn
