// A file mapped read-only into memory. Tensors may share its pages: whoever holds the file keeps
// them, and nobody may write into them.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace limn {

class MappedFile {
 public:
  /// Throws NotFound, Io, or BadModel where the path is no plain file.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }
  /// Tells the system that these bytes have been copied and need not stay in memory.
  void release(std::string_view range) const;

 private:
  MappedFile() = default;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace limn
