// Spec strings and option fields.
#include "limn/spec.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "limn/error.h"
#include "limn/options.h"
#include "support/support.h"

namespace limn {
namespace {

TEST(Spec, PrintsWhatItParses) {
  for (const char* text : {"gradient", "lrp(composite=epsilon-plus)", "smoothgrad(gradient, n=50)",
                           "ucag(grad-cam(layer=relu5_3), patches=6)", "rsp(hostile=[1,2,3])",
                           "f(a=\"x, y\")", "f()"}) {
    const Spec spec = Spec::parse(text);
    EXPECT_EQ(Spec::parse(spec.text()), spec) << text;
  }
  const Spec spec = Spec::parse(" ucag ( grad-cam(layer = a.b), patches = 6 ) ");
  EXPECT_EQ(spec.name, "ucag");
  ASSERT_EQ(spec.arguments.size(), 2u);
  EXPECT_EQ(spec.arguments[0].value[0].arguments[0].key, "layer");
  EXPECT_EQ(spec.arguments[1].value[0].name, "6");
}

TEST(Spec, SaysWhereItIsWrong) {
  for (const char* text : {"", "lrp(", "lrp(a=)", "lrp)", "f(a=1,)", "f(\"x)", "[1,2", "f(a b)"}) {
    try {
      Spec::parse(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::InvalidArgument);
      EXPECT_NE(std::string(error.what()).find("character"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(Spec::parse(std::string(100000, '(')), Error);
  EXPECT_THROW(Spec::parse("a" + std::string(30000, '(')), Error);
}

TEST(Options, ReadsRangesAndSuggestsNames) {
  double epsilon = 1e-6;
  std::int64_t n = 3;
  bool flag = false;
  std::string mode = "plain";
  std::vector<double> list;
  const Fields fields = {real_field("epsilon", epsilon, 0, kInfinity, "").also({"eps"}),
                         integer_field("n", n, 1, 10, ""), bool_field("reference", flag, ""),
                         choice_field("mode", mode, {"plain", "two-words"}, ""),
                         reals_field("low", list, "")};
  set_fields(fields, Spec::parse("f(eps=0.5, n=4, reference, mode=Two_Words, low=[-1,2.5])"));
  EXPECT_EQ(epsilon, 0.5);
  EXPECT_EQ(n, 4);
  EXPECT_TRUE(flag);
  EXPECT_EQ(mode, "two-words");
  EXPECT_EQ(list, (std::vector<double>{-1, 2.5}));
  EXPECT_EQ(fields_spec("f", fields).text(),
            "f(epsilon=0.5, n=4, reference=true, mode=two-words, low=[-1, 2.5])");
  for (const char* bad : {"f(n=0)", "f(n=1.5)", "f(epsilon=nan)", "f(mode=x)", "f(epsilom=1)",
                          "f(n=1,n=2)", "f(7)", "f(reference=maybe)"}) {
    EXPECT_THROW(set_fields(fields, Spec::parse(bad)), Error) << bad;
  }
  try {
    set_fields(fields, Spec::parse("f(epsilom=1)"));
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("\"epsilon\""), std::string::npos) << error.what();
  }
}

/// Only limn::Error may come out, and what parses prints and parses to the same again.
void survives(const std::string& text) {
  try {
    const Spec spec = Spec::parse(text);
    EXPECT_EQ(Spec::parse(spec.text()), spec) << text;
  } catch (const Error&) {
  }
}

TEST(Spec, MutatedTextsGiveErrorsOnly) {
  const std::vector<std::string> texts = {
      "lrp(composite=epsilon-gamma-box, low=[-2.1,-2], high=3e-1)",
      "smoothgrad(ucag(grad-cam(layer=\"a, b\"), patches=6), n=50)", "rsp(hostile=[1,\"cat\"])"};
  const std::string alphabet = "()[]=,\"\\ -_.e07az\n\xff";
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return random() % std::max<std::size_t>(n, 1); };
  for (int i = 0; i < 10000; ++i) {
    std::string text = texts[below(texts.size())];
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(text.size() + 1);
      switch (below(3)) {
        case 0:
          text.insert(at, 1, alphabet[below(alphabet.size())]);
          break;
        case 1:
          text.erase(at, 1 + below(5));
          break;
        default:
          text.insert(at, texts[below(texts.size())].substr(below(20), below(20)));
      }
    }
    survives(text);
  }
  survives(std::string(100000, '('));
  survives("f" + std::string(100000, '['));
}

TEST(Spec, KeptTextsOfTheFuzzerGiveErrorsOnly) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::test_data("")).parent_path().parent_path().parent_path() /
      "fuzz" / "corpus" / "spec";
  ASSERT_TRUE(std::filesystem::exists(folder)) << folder;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    survives(bytes.str());
  }
}

}  // namespace
}  // namespace limn
