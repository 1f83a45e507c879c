// See allocator.h.
#include "cli/allocator.h"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace limn::cli {
namespace {

void allow_maps([[maybe_unused]] int most) {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_MAX, most);
#endif
}

}  // namespace

void keep_freed_memory() {
  allow_maps(0);
#ifdef __GLIBC__
  ::mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

// The limits that glibc's own, moving ones arrive at: 65,536 maps of 32 MB or more.
DefaultAllocator::DefaultAllocator() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
#endif
  allow_maps(65536);
}

DefaultAllocator::~DefaultAllocator() { allow_maps(0); }

}  // namespace limn::cli
