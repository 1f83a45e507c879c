// See allocator.h.
#include "cli/allocator.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>

namespace limn::cli {

void keep_freed_memory() {
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, -1);
  // Where glibc's own, moving threshold arrives; it counts while a DefaultAllocator lives.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

DefaultAllocator::DefaultAllocator() { ::mallopt(M_MMAP_MAX, 65536); }
DefaultAllocator::~DefaultAllocator() { ::mallopt(M_MMAP_MAX, 0); }

}  // namespace limn::cli

#else

namespace limn::cli {

void keep_freed_memory() {}
DefaultAllocator::DefaultAllocator() {}
DefaultAllocator::~DefaultAllocator() {}

}  // namespace limn::cli

#endif
