// See allocator.h.
#include "cli/allocator.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace limn::cli {

void keep_freed_memory() {
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, -1);
  // Where glibc's own, moving threshold arrives; it counts while a DefaultAllocator lives.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

namespace {

/// Bytes that lie in memory now.
std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void return_surplus_memory() {
  static std::size_t usual = 0;
  static bool returned = true;
  const std::size_t resident = resident_bytes();
  if (returned) usual = std::max(usual, resident);
  returned = resident > usual + usual / 4 + (std::size_t{256} << 20);
  if (returned) ::malloc_trim(0);
}

DefaultAllocator::DefaultAllocator() { ::mallopt(M_MMAP_MAX, 65536); }
DefaultAllocator::~DefaultAllocator() { ::mallopt(M_MMAP_MAX, 0); }

}  // namespace limn::cli

#else

namespace limn::cli {

void keep_freed_memory() {}
void return_surplus_memory() {}
DefaultAllocator::DefaultAllocator() {}
DefaultAllocator::~DefaultAllocator() {}

}  // namespace limn::cli

#endif
