// Suites as text: what is read, and what every mistake says.
#include "limn/suite.h"

#include <gtest/gtest.h>

#include "limn/error.h"
#include "limn/spec.h"

namespace limn {
namespace {

constexpr const char* kSmall =
    "title A small one\n"
    "model m m.onnx\n"
    "data d shapes(n=2)\n"
    "method gradient\n"
    "metric deletion\n";

std::string message(const std::string& text,
                    const std::map<std::string, std::string>& variables = {}) {
  try {
    parse_suite(text, "mine", variables);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void expect_refused(const std::string& text, const std::vector<std::string>& words,
                    const std::map<std::string, std::string>& variables = {}) {
  const std::string said = message(text, variables);
  for (const auto& word : words) EXPECT_NE(said.find(word), std::string::npos) << said;
}

TEST(Suite, ReadsEveryStatement) {
  const std::string text =
      "# A comment.\n"
      "title   Two words  # and a comment behind them\n"
      "needs   voc07 the folder VOC2007\n"
      "model   a {models}/a.onnx data=one,two\r\n"
      "model   b \"my models/b c.onnx\"\n"
      "data    one shapes(n=3, seed = 4) classes={voc07}/map.csv limit=2\n"
      "data    two shapes(n=5)\n"
      "method  gradient\n"
      "method  smoothgrad(gradient, n=5)\n"
      "labels  P\n"
      "metric  deletion(step=7) limit=1\n"
      "labels  top1\n"
      "metric  insertion\n"
      "protocol ins-del/ucag-2023\n"
      "seed    12\n";
  const Suite suite = parse_suite(text, "mine", {{"models", "/m"}, {"voc07", "/data/v (7), x"}});
  EXPECT_EQ(suite.text, text);
  EXPECT_EQ(suite.title, "Two words");
  ASSERT_EQ(suite.models.size(), 2U);
  EXPECT_EQ(suite.models[0].path, "/m/a.onnx");
  EXPECT_EQ(suite.models[0].data, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(suite.models[1].path, "my models/b c.onnx");
  ASSERT_EQ(suite.data.size(), 2U);
  EXPECT_EQ(suite.data[0].classes, "/data/v (7), x/map.csv");
  EXPECT_EQ(suite.data[0].limit, 2);
  EXPECT_EQ(Spec::parse(suite.data[0].spec), Spec::parse("shapes(n=3, seed=4)"));
  EXPECT_EQ(suite.methods, (std::vector<std::string>{"gradient", "smoothgrad(gradient, n=5)",
                                                     "random", "center"}));
  ASSERT_EQ(suite.metrics.size(), 4U);
  EXPECT_EQ(suite.metrics[0].spec, "deletion(step=7)");
  EXPECT_EQ(suite.metrics[0].rule, ClassRule::Predicted);
  EXPECT_EQ(suite.metrics[0].limit, 1);
  EXPECT_EQ(suite.metrics[1].rule, ClassRule::Likeliest);
  EXPECT_EQ(suite.metrics[1].protocol, "");
  EXPECT_EQ(suite.metrics[2].protocol, "ins-del/ucag-2023");
  EXPECT_EQ(suite.metrics[2].rule, ClassRule::Labelled) << "the protocol's, not the line's above";
  EXPECT_EQ(suite.seed, 12U);
}

TEST(Suite, ControlsAreAlwaysThereOnce) {
  const std::vector<std::string> both = parse_suite(kSmall, "s").methods;
  EXPECT_EQ(both, (std::vector<std::string>{"gradient", "random", "center"}));
  const auto named = parse_suite(std::string(kSmall) + "method center\nmethod gradient\n", "s");
  EXPECT_EQ(named.methods, (std::vector<std::string>{"gradient", "center", "random"}));
}

TEST(Suite, ValuesOfVariablesMayHoldAnyCharacter) {
  const Suite suite = parse_suite(
      "needs dir where pictures are\n"
      "model m m.onnx\ndata d shapes(n=2, tag-class={dir})\nmethod gradient\nmetric deletion\n",
      "s", {{"dir", "a, b) \"c\"=d"}});
  const Spec spec = Spec::parse(suite.data[0].spec);
  EXPECT_EQ(spec.arguments[1].value[0].name, "a, b) \"c\"=d");
}

TEST(Suite, LinesOfOptionalVariablesAreLeftOut) {
  const std::string text = std::string(kSmall) +
                           "optional more another model\n"
                           "optional coco the folder of COCO\n"
                           "model n {more}\n"
                           "model o o.onnx data=coco\n"
                           "data coco shapes(n={coco})\n";
  const Suite without = parse_suite(text, "s");
  EXPECT_EQ(without.models.size(), 1U) << "o runs on nothing that is left";
  EXPECT_EQ(without.data.size(), 1U);
  EXPECT_EQ(without.left_out,
            (std::vector<std::string>{"model n {more}", "data coco shapes(n={coco})"}));
  const Suite with = parse_suite(text, "s", {{"more", "n.onnx"}, {"coco", "9"}});
  EXPECT_EQ(with.models.size(), 3U);
  EXPECT_EQ(with.data.size(), 2U);
  EXPECT_TRUE(with.left_out.empty());
  expect_refused(
      "optional more another model\nmodel n {more}\ndata d shapes\nmethod gradient\n"
      "metric deletion\n",
      {"left out", "--set more=PATH", "another model"});
}

TEST(Suite, AnOptionOfAnOptionalVariableGoesAloneWithAQuestionMark) {
  const std::string text =
      "optional dif a list\noptional map a class map\noptional more another model\n"
      "model m m.onnx\nmethod gradient\nmetric deletion\n"
      "data d shapes(n=2, tag-class={dif?}) classes={map?}\n";
  const Suite without = parse_suite(text, "s");
  ASSERT_EQ(without.data.size(), 1U);
  EXPECT_EQ(without.data[0].spec, "shapes(n=2)");
  EXPECT_EQ(without.data[0].classes, "");
  EXPECT_TRUE(without.left_out.empty());
  const Suite with = parse_suite(text, "s", {{"dif", "star"}, {"map", "map.csv"}});
  EXPECT_EQ(with.data[0].spec, "shapes(n=2, tag-class=star)");
  EXPECT_EQ(with.data[0].classes, "map.csv");
  // Where nothing would be left of the line, it goes.
  EXPECT_EQ(parse_suite(text + "model n {more?}\n", "s").left_out.size(), 1U);
  expect_refused(text + "model n {mroe?}\n", {"line 8", "no variable", "more"});
  const std::string needed = "needs dif a list\nmodel m {dif?}\n";
  expect_refused(needed, {"line 2", "--set dif=PATH"});
}

TEST(Suite, OnlyVariablesThatAreNotSetAreAskedFor) {
  const std::string text =
      "optional voc the folder VOC\noptional net another model\noptional dif a list\n"
      "model n {net} data=d\ndata d shapes(tag-class={voc}, tag={dif?})\nmethod gradient\nmetric "
      "deletion\n";
  const std::string said = message(text, {{"voc", "star"}});
  EXPECT_NE(said.find("--set net="), std::string::npos) << said;
  EXPECT_EQ(said.find("--set voc="), std::string::npos) << said;
  EXPECT_EQ(said.find("--set dif="), std::string::npos) << "no line is left out for it: " << said;
}

TEST(Suite, MetricsMayNameTheirData) {
  const std::string small = kSmall;
  const Suite suite = parse_suite(small +
                                      "optional x a number\ndata e shapes(n={x})\n"
                                      "metric insertion data=d,e\nmetric road data=e\n"
                                      "protocol pointing/torchray-2019 data=e limit=2\n",
                                  "s");
  ASSERT_EQ(suite.metrics.size(), 2U) << "those of e alone go with it";
  EXPECT_EQ(suite.metrics[1].data, (std::vector<std::string>{"d"}));
  expect_refused(small + "metric insertion data=f\n", {"metric insertion", "no data set \"f\""});
  expect_refused(small + "metric deletion data=d\n", {"line 6", "other data"});
}

TEST(Suite, MistakesAreNamedWithTheirLine) {
  const std::string small = kSmall;
  expect_refused(small + "metod lrp\n", {"suite \"mine\", line 6", "metod", "method"});
  expect_refused(small + "method grad-cma\n", {"line 6", "grad-cam"});
  expect_refused(small + "\n\nmetric delection\n", {"line 8", "deletion"});
  expect_refused(small + "metric deletion(step=-1)\n", {"line 6", "step"});
  expect_refused(small + "data e shape(n=2)\n", {"line 6", "shapes"});
  expect_refused(small + "protocol ins-del/rise\n", {"line 6", "ins-del/rise-2018"});
  expect_refused(small + "labels Q\n", {"line 6", "\"Q\"", "L (", "P (", "top1 ("});
  expect_refused(small + "seed -1\n", {"line 6", "whole number"});
  expect_refused(small + "seed 1x\n", {"line 6", "\"1x\""});
  expect_refused(small + "model m other.onnx\n", {"line 6", "\"m\" is named twice"});
  expect_refused(small + "model a/b other.onnx\n", {"line 6", "is no name"});
  expect_refused(small + "model x\n", {"line 6", "model NAME PATH"});
  expect_refused(small + "data e shapes lim=3\n", {"line 6", "lim=3", "limit=..."});
  expect_refused(small + "data e shapes limit=0\n", {"line 6", "from 1 up"});
  expect_refused(small + "data e shapes limit=1 limit=2\n", {"line 6", "twice"});
  expect_refused(small + "method gradient (x)\n", {"line 6", "not understood"});
  expect_refused(small + "method lrp(composite=\n", {"line 6", "expected"});
  expect_refused(small + "model n n.onnx data=shape\n", {"model \"n\"", "no data set \"shape\""});
  expect_refused(small + "labels top1\nmetric deletion\n", {"line 7", "stands in the suite"});
}

TEST(Suite, UnsetVariablesSayWhichAndHow) {
  const std::string text = "needs voc07 the folder VOC2007\nmodel m {voc07}/m.onnx\n";
  expect_refused(text, {"line 2", "{voc07} is not set", "--set voc07=", "the folder VOC2007"});
  expect_refused(text, {"no variable \"voc7\"", "voc07"}, {{"voc7", "x"}});
  expect_refused("model m {voc}/m.onnx\n", {"line 1", "needs voc"});
  expect_refused("model m {voc/m.onnx\n", {"line 1", "without its \"}\""});
  expect_refused(kSmall, {"no variable to set"}, {{"voc07", "x"}});
}

TEST(Suite, SomethingOfEachIsNeeded) {
  for (const std::string gone : {"model", "data", "method", "metric"}) {
    std::string text = kSmall;
    const auto at = text.find(gone + " ");
    text.erase(at, text.find('\n', at) - at + 1);
    expect_refused(text, {"suite \"mine\"", "no line \"" + gone});
  }
  expect_refused("", {"no line"});
}

TEST(Suite, NothingCrashesTheReader) {
  const std::string text = std::string(kSmall) + "data e shapes(n=3, tag=\"a # b\\\"\") limit=2\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    message(text.substr(0, cut));
    std::string broken = text;
    if (cut < text.size()) broken[cut] = '"';
    message(broken);
    if (cut < text.size()) broken[cut] = '\0';
    message(broken);
  }
}

TEST(Suite, ThoseThatComeWithLimnAreFound) {
  ASSERT_FALSE(suites().empty());
  EXPECT_EQ(suites()[0].name, "demo");
  for (const auto& one : suites()) {
    EXPECT_FALSE(one.title.empty()) << one.name;
    EXPECT_EQ(suite_text(one.name), one.text);
    // With every variable set it can be read.
    std::map<std::string, std::string> variables = {{"models", "/models"}};
    std::string missing;
    for (int tries = 0; tries < 50; ++tries) {
      missing = "";
      try {
        for (const auto& variable : parse_suite(one.text, one.name, variables).variables) {
          if (!variables.contains(variable.name)) variables[variable.name] = "/x";
        }
        break;
      } catch (const Error& error) {
        missing = error.what();
        const std::size_t known = variables.size();
        for (auto at = missing.find("--set "); at != std::string::npos;
             at = missing.find("--set ", at + 1)) {
          variables.emplace(missing.substr(at + 6, missing.find('=', at) - at - 6), "/x");
        }
        ASSERT_GT(variables.size(), known) << missing;
      }
    }
    const Suite suite = parse_suite(one.text, one.name, variables);
    EXPECT_TRUE(suite.left_out.empty()) << one.name;
    EXPECT_FALSE(suite.title.empty());
  }
  try {
    suite_text("dmeo");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("demo"), std::string::npos);
  }
  EXPECT_THROW(suite_text("./nowhere.suite"), Error);
}

}  // namespace
}  // namespace limn
