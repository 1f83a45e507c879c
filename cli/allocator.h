// How this process keeps memory that it has freed.
#pragma once

namespace limn::cli {

/// Freed memory stays with the process. By default glibc gives tensors above 32 MB back to the
/// system at once and asks for them again, zeroed page by page, at the next layer; of a pass over a
/// batch of 32 pictures that takes up to two thirds. Does nothing without glibc.
void keep_freed_memory();

/// Between two pieces of long work: gives freed memory back where the process has grown by a
/// quarter and 256 MB over what such a piece takes. What stays of each piece, a record for the
/// manifest, lies between freed tensors, until the next ones fit nowhere and ask for more.
void return_surplus_memory();

/// While it lives, large tensors come from the system as by default: what eager libtorch meets.
class DefaultAllocator {
 public:
  DefaultAllocator();
  ~DefaultAllocator();
  DefaultAllocator(const DefaultAllocator&) = delete;
  DefaultAllocator& operator=(const DefaultAllocator&) = delete;
};

}  // namespace limn::cli
