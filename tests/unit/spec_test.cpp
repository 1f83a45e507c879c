// Spec strings and option fields.
#include "limn/spec.h"

#include "limn/error.h"
#include "limn/options.h"

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

}  // namespace
}  // namespace limn
