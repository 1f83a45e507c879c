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
      {"ins-del/rise-2018", "0"},
      {"ins-del/ucag-2023", "0"},
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
