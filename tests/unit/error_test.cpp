// Errors of libtorch in limn's words: where, what, and what to do.
#include "limn/error.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace limn {
namespace {

template <typename Body>
Error caught(Body body) {
  try {
    in_context([] { return "node \"conv\""; }, body);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::Io, ""};
}

TEST(Error, AnAllocatorSaysHowMuchItWantedAndWhatToDo) {
  const Error cpu = caught([] {
    TORCH_CHECK(false,
                "[enforce fail at alloc_cpu.cpp:66] . DefaultCPUAllocator: can't allocate memory: "
                "you tried to allocate 8589934592 bytes. Error code 12 (Cannot allocate memory)");
  });
  EXPECT_EQ(cpu.code(), ErrorCode::Device);
  EXPECT_STREQ(cpu.what(),
               "node \"conv\": out of memory for another 8 GiB; use a smaller --batch or input");
  const Error gpu = caught([] {
    TORCH_CHECK(false, "CUDA out of memory. Tried to allocate 1.50 GiB (GPU 0; 79.1 GiB total)");
  });
  EXPECT_EQ(gpu.code(), ErrorCode::Device);
  EXPECT_EQ(gpu.message(), "out of memory for another 1.5 GiB; use a smaller --batch or input");
  // What this libtorch itself says, of more than any address space holds.
  const Error own = caught([] { at::empty({std::int64_t{1} << 50}, at::kFloat); });
  EXPECT_EQ(own.code(), ErrorCode::Device) << own.what();
  EXPECT_EQ(own.message(), "out of memory for another 4.1e+03 TiB; use a smaller --batch or input");
}

TEST(Error, OtherErrorsOfLibtorchKeepTheirSentenceWithoutTheBacktrace) {
  const Error error = caught([] { TORCH_CHECK(false, "sizes do not match"); });
  EXPECT_EQ(error.code(), ErrorCode::BadModel);
  EXPECT_STREQ(error.what(), "node \"conv\": sizes do not match");
}

TEST(NearestNames, OfNamesThatHoldTheWantedOneTheShortestComesFirst) {
  const std::vector<std::string> names = {"hexagon_trainval", "test", "trainval", "vel"};
  EXPECT_EQ(nearest_names("val", names, 3), "\"vel\", \"trainval\" or \"hexagon_trainval\"");
  EXPECT_EQ(nearest_names("val", {"van", "val"}, 1), "\"val\"");
}

}  // namespace
}  // namespace limn
