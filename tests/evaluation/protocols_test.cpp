// The frozen protocols: their names always mean the same numbers.
#include <gtest/gtest.h>

#include "limn/error.h"
#include "limn/metric.h"
#include "limn/sidecar.h"
#include "limn/suite.h"

namespace limn {
namespace {

/// A hash here never changes: what needs other constants gets another name.
TEST(Protocols, HashesArePinned) {
  const std::map<std::string, std::string> pinned = {
      {"ins-del/rise-2018", "231e03bfcb3c135a940b6b942fdf89ae65cad213747bc78e68f8adce5d5af6ee"},
      {"ins-del/ucag-2023", "59f61caff9d5cc2676d1e34d59ba769bb4d7a0802597cb5183c8bdf24cfeb95f"},
      {"pointing/torchray-2019",
       "378dfdb0c9d82e749b8b4017b9f9b2cfb335d360461a5609d88915e5130dcab3"},
      {"demo", "8c6c4656d18c915aafe7666e7d28e1fdb0f2f5263361308ca06c204b8b545777"},
      {"mprt/adebayo-2018", "44c44f241e114b4fb68195222663193f5407c6aa2d25497f25c810d0488c4f73"},
  };
  std::map<std::string, std::string> found;
  for (const auto& one : protocols()) found[one.name] = one.hash();
  EXPECT_EQ(found, pinned);
}

TEST(Protocols, LeaveNoOptionOpen) {
  for (const auto& one : protocols()) {
    EXPECT_FALSE(one.metrics.empty()) << one.name;
    for (const auto& metric : one.metrics) {
      EXPECT_EQ(make_metric(metric)->spec().text(), metric) << one.name;
    }
  }
}

TEST(Protocols, AreHashedAsTheyRead) {
  const Protocol& one = find_protocol("ins-del/rise-2018");
  EXPECT_EQ(one.text(),
            "protocol ins-del/rise-2018\nlabels top1\nside 224\nmetric deletion(step=1792)\n"
            "metric insertion(step=1792, blur=rise)\n");
  EXPECT_EQ(one.hash(), sha256(one.text()));
}

TEST(Protocols, UnknownNamesGetTheNearest) {
  try {
    find_protocol("ins-del/rise2018");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ins-del/rise-2018"), std::string::npos);
  }
}

}  // namespace
}  // namespace limn
