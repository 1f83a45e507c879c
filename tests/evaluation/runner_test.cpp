// Runs of a small suite: whole, interrupted anywhere, in shards.
#include "limn/runner.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "evaluation/bench_fixture.h"
#include "limn/error.h"
#include "limn/heatmap.h"
#include "limn/image.h"
#include "limn/insertion_deletion.h"
#include "limn/method.h"
#include "limn/sidecar.h"

namespace limn::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Each line is what a plain loop over pictures, classes and methods measures.
TEST_F(Bench, MeasuresWhatAPlainLoopDoes) {
  const BenchSummary summary = run_suite(suite(3), into("run"));
  EXPECT_EQ(summary.pictures, 3);
  EXPECT_TRUE(summary.problems.empty());
  const Model model = load_model(folder_ / "small.onnx");
  const auto data = make_dataset("shapes(n=3, size=24, seed=5)");
  std::size_t expected = 0;
  std::map<std::string, ResultLine> found;
  each_result(file("run", "results.jsonl"),
              [&](ResultLine&& line) { found.emplace(line.key(), line); });
  for (std::int64_t i = 0; i < 3; ++i) {
    const DatasetItem item = data->read(i);
    const Tensor x = preprocess(item.picture, model.preprocessing(), model.input_shape()).x;
    const Tensor share = at::sigmoid(model.run(x)[model.logits()])[0];
    const auto best = share.argmax().item<std::int64_t>();
    for (const std::string method :
         {"gradient", "grad-cam", "smoothgrad(gradient, n=2)", "random", "center"}) {
      const auto one = make_method(method);
      ExplainOptions options;
      options.seed = 3;
      const auto map_of = [&](std::int64_t c) {
        return resize_maps(one->explain(model, x, Target::of_class(c), options).map(), 24, 24)[0];
      };
      const auto expect = [&](const std::string& metric, int label, std::int64_t c, double area) {
        ResultLine key;
        key.model = "small";
        key.data = "shapes";
        key.image = item.id;
        key.label = label;
        key.method = one->spec().text();
        key.metric = metric;
        ASSERT_TRUE(found.contains(key.key())) << key.key();
        const ResultLine& line = found.at(key.key());
        EXPECT_NEAR(line.measurement.values.at("area"), area, 1e-5) << key.key();
        EXPECT_EQ(line.target, c);
        EXPECT_EQ(line.predicted,
                  share[c].item<double>() >= .5 || (c == best && share.max().item<double>() < .5));
        ++expected;
      };
      for (const int label : item.labels) {
        if (label > 4) continue;
        expect("deletion(step=100)", label, label,
               deletion(model, x, map_of(label), label, {.step = 100}).area);
      }
      expect("insertion(step=200, blur=rise)", static_cast<int>(best), best,
             insertion(model, x, map_of(best), best, {.step = 200}).area);
    }
  }
  EXPECT_EQ(found.size(), expected) << "and nothing else";
  EXPECT_EQ(summary.lines, static_cast<std::int64_t>(expected));
}

TEST_F(Bench, AFinishedRunHasNothingToDo) {
  run_suite(suite(), into("run"));
  const auto before = read_text(file("run", "results.jsonl"));
  const BenchSummary again = run_suite(suite(), into("run"));
  EXPECT_EQ(again.lines, 0);
  EXPECT_EQ(again.found_finished, 5);
  EXPECT_EQ(read_text(file("run", "results.jsonl")), before);
}

struct Stop {};

/// Judged as a batch and one by one.
constexpr const char* kMapMetrics =
    "labels L\nmetric energy-pointing-game\nmetric posneg-miou(center=mean)\n";

/// Stopped at every point where a run can be stopped from inside, and gone on with.
TEST_F(Bench, AnInterruptedRunEndsAsAWholeOne) {
  const Suite asked = suite(3, kMapMetrics);
  run_suite(asked, into("whole"));
  const auto whole = lines("whole");
  for (int stop = 1;; ++stop) {
    const std::string name = "stopped" + std::to_string(stop);
    int calls = 0;
    BenchOptions options = into(name);
    options.progress = [&](double, double) {
      if (++calls == stop) throw Stop();
    };
    bool was_stopped = false;
    try {
      run_suite(asked, options);
    } catch (const Stop&) {
      was_stopped = true;
    }
    if (!was_stopped) break;
    const auto kept = read_text(file(name, "results.jsonl"));
    run_suite(asked, into(name));
    EXPECT_EQ(lines(name), whole) << stop;
    EXPECT_EQ(read_text(file(name, "results.jsonl")).rfind(kept, 0), 0U) << "lines stay";
    ASSERT_LT(stop, 200);
    stop += 6;
  }
}

/// What SIGKILL, or a machine without power, can leave: any beginning of either file.
TEST_F(Bench, FilesCutAnywhereEndAsAWholeRun) {
  const Suite asked = suite(3, kMapMetrics);
  run_suite(asked, into("whole"));
  const auto whole = lines("whole");
  const std::string results = read_text(file("whole", "results.jsonl"));
  const std::string pictures = read_text(file("whole", "pictures.jsonl"));
  const auto log_of = [&](std::size_t count) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < count; ++i) end = pictures.find('\n', end) + 1;
    return pictures.substr(0, end);
  };
  const std::size_t last = results.rfind('\n', results.size() - 2) + 1;
  for (const std::size_t cut : {std::size_t{0}, std::size_t{7}, results.size() / 2, last, last + 1,
                                results.size() - 1, results.size()}) {
    // A picture is logged when its lines are there.
    const std::string log = cut == results.size() ? pictures.substr(0, pictures.size() - 3)
                            : cut >= last         ? log_of(2)
                                                  : log_of(0);
    fs::create_directories(folder_ / "cut");
    write_text(file("cut", "run.json"), read_text(file("whole", "run.json")));
    write_text(file("cut", "results.jsonl"), results.substr(0, cut));
    write_text(file("cut", "pictures.jsonl"), log);
    run_suite(asked, into("cut"));
    EXPECT_EQ(lines("cut"), whole) << cut;
  }
}

TEST_F(Bench, TheSameSeedGivesTheSameLinesAndAnotherDoesNot) {
  run_suite(suite(2), into("one"));
  run_suite(suite(2), into("two"));
  EXPECT_EQ(lines("one"), lines("two"));
  run_suite(suite(2, "seed 4\n"), into("three"));
  EXPECT_NE(lines("one"), lines("three"));
}

TEST_F(Bench, ShardsMergedAreTheWholeRun) {
  run_suite(suite(), into("whole"));
  std::vector<std::string> folders;
  for (std::int64_t shard = 1; shard <= 3; ++shard) {
    BenchOptions options = into("shard" + std::to_string(shard));
    options.shard = shard;
    options.shards = 3;
    run_suite(suite(), options);
    folders.push_back(options.folder);
  }
  std::swap(folders[0], folders[2]);
  const MergeSummary summary = merge_runs(folder_ / "merged", folders);
  EXPECT_TRUE(summary.missing.empty());
  EXPECT_TRUE(summary.unfinished.empty());
  EXPECT_EQ(summary.pictures, 5);
  EXPECT_EQ(lines("merged"), lines("whole"));
  // In the same order, too: only seconds differ.
  std::vector<std::string> orders[2];
  for (const auto& [name, order] : {std::pair{"merged", &orders[0]}, {"whole", &orders[1]}}) {
    each_result(file(name, "results.jsonl"),
                [order = order](ResultLine&& line) { order->push_back(line.key()); });
  }
  EXPECT_EQ(orders[0], orders[1]);
  const Json run = Json::parse(read_text(file("merged", "run.json")));
  EXPECT_TRUE(run.at("finished").get<bool>());
  ASSERT_EQ(run.at("examples").size(), 1U);
  for (const auto& map : run.at("examples")[0].at("maps")) {
    EXPECT_TRUE(fs::exists(file("merged", map.at("file")))) << map;
  }
  EXPECT_EQ(run_suite(suite(), into("merged")).lines, 0) << "it counts as one whole run";
}

TEST_F(Bench, MissingShardsAreNamedAndCanBeRun) {
  BenchOptions options = into("shard2");
  options.shard = 2;
  options.shards = 2;
  run_suite(suite(), options);
  const MergeSummary summary = merge_runs(folder_ / "merged", {options.folder});
  EXPECT_EQ(summary.missing, (std::vector<std::int64_t>{1}));
  const BenchSummary rest = run_suite(suite(), into("merged"));
  EXPECT_EQ(rest.found_finished, 2);
  run_suite(suite(), into("whole"));
  EXPECT_EQ(lines("merged"), lines("whole"));
}

TEST_F(Bench, OnlyShardsOfOneRunAreMerged) {
  BenchOptions options = into("a");
  options.shards = 2;
  run_suite(suite(2), options);
  options.folder = folder_ / "b";
  run_suite(suite(2, "method lrp\n"), options);
  const auto refused = [&](const std::string& words, std::vector<std::string> folders,
                           const std::string& out = "out") {
    const std::string said = message([&] { merge_runs(folder_ / out, folders); });
    EXPECT_NE(said.find(words), std::string::npos) << said;
  };
  refused("other methods", {folder_ / "a", folder_ / "b"});
  refused("holds shard 1", {folder_ / "a", folder_ / "a"});
  refused("no run", {folder_ / "nothing"});
  refused("exists", {folder_ / "a"}, "b");
}

TEST_F(Bench, AnotherSuiteInTheSameFolderIsRefused) {
  run_suite(suite(2), into("run"));
  const auto refused = [&](const Suite& other, const std::string& words) {
    const std::string said = message([&] { run_suite(other, into("run")); });
    EXPECT_NE(said.find(words), std::string::npos) << said;
    EXPECT_NE(said.find("--force"), std::string::npos) << said;
  };
  refused(suite(3), "data sets");
  refused(suite(2, "method lrp\n"), "methods");
  refused(suite(2, "metric deletion\n"), "metrics");
  refused(suite(2, "seed 9\n"), "another seed");
  const auto before = lines("run");
  BenchOptions options = into("run");
  options.force = true;
  run_suite(suite(2, "method lrp\n"), options);
  EXPECT_GT(lines("run").size(), before.size());
  run_suite(suite(2), options);
  EXPECT_EQ(lines("run"), before) << "nothing of the other run is left";
}

/// Comments and the order of words do not make another run.
TEST_F(Bench, TheSameWorkInOtherWordsGoesOn) {
  run_suite(suite(2), into("run"));
  EXPECT_EQ(run_suite(suite(2, "# a comment\nmethod gradient\n"), into("run")).lines, 0);
}

TEST_F(Bench, PicturesThatSharePassesGiveTheSameNumbers) {
  // One shape in each picture: those of one class share passes.
  const std::string data = "shapes(n=8, size=24, seed=5, min-shapes=1, max-shapes=1)";
  const Suite one = parse_suite(suite_text(data, kMapMetrics), "small");
  run_suite(one, into("single"));
  BenchOptions options = into("batch");
  options.batch = 8;
  run_suite(one, options);
  std::map<std::string, ResultLine> single;
  each_result(file("single", "results.jsonl"),
              [&](ResultLine&& line) { single.emplace(line.key(), line); });
  std::size_t count = 0;
  each_result(file("batch", "results.jsonl"), [&](ResultLine&& line) {
    ASSERT_TRUE(single.contains(line.key())) << line.key();
    const Measurement& alone = single.at(line.key()).measurement;
    ASSERT_EQ(line.measurement.values.size(), alone.values.size()) << line.key();
    for (const auto& [name, value] : alone.values) {
      EXPECT_NEAR(line.measurement.values.at(name), value, 1e-4) << line.key();
    }
    ++count;
  });
  EXPECT_EQ(count, single.size());
  // Cut in the middle of a group, it ends with the very same lines.
  const auto whole = lines("batch");
  const std::string results = read_text(file("batch", "results.jsonl"));
  write_text(file("batch", "results.jsonl"), results.substr(0, results.size() / 2));
  write_text(file("batch", "pictures.jsonl"), "");
  run_suite(one, options);
  EXPECT_EQ(lines("batch"), whole);
}

/// RSP sets the classes of a picture against each other; so must what explains one of them again.
TEST_F(Bench, MetricsThatExplainAgainDoSoBesideTheSameClasses) {
  run_suite(suite(3, "method rsp\nlabels L\nmetric sensitivity(radius=1e-6, samples=1)\n"),
            into("run"));
  std::map<std::string, int> classes;
  each_result(file("run", "results.jsonl"), [&](ResultLine&& line) {
    if (line.method.find("rsp") != 0 || line.metric.find("sensitivity") != 0) return;
    ++classes[line.image];
    EXPECT_LT(line.measurement.values.at("max"), 1e-2) << line.key();
  });
  int most = 0;
  for (const auto& [image, count] : classes) most = std::max(most, count);
  EXPECT_GT(most, 1) << "no picture has two classes";
}

TEST_F(Bench, MetricsWithALimitCountTheFirstPictures) {
  run_suite(suite(4, "labels L\nmetric deletion(step=50) limit=2\n"), into("run"));
  std::set<std::string> images, others;
  each_result(file("run", "results.jsonl"), [&](ResultLine&& line) {
    (line.metric == "deletion(step=50)" ? images : others).insert(line.image);
  });
  EXPECT_LE(images.size(), 2U);
  EXPECT_EQ(others.size(), 4U);
}

TEST_F(Bench, MethodsThatCannotExplainAModelSayWhy) {
  const BenchSummary summary = run_suite(suite(2, "method d-rise\n"), into("run"));
  EXPECT_GT(summary.skipped, 0);
  each_result(file("run", "results.jsonl"), [&](ResultLine&& line) {
    const bool is_one = line.method.rfind("d-rise", 0) == 0;
    EXPECT_EQ(!line.measurement.skipped.empty(), is_one) << line.measurement.skipped;
    EXPECT_EQ(line.measurement.values.empty(), is_one);
  });
}

TEST_F(Bench, TheRecordHoldsModelsDataAndExamples) {
  const Suite one = suite(2);
  run_suite(one, into("run"));
  const Json run = Json::parse(read_text(file("run", "run.json")));
  EXPECT_EQ(run.at("schema"), "limn.bench/1");
  EXPECT_EQ(run.at("suite").at("text"), one.text);
  EXPECT_EQ(run.at("models")[0].at("sha256"), file_sha256(folder_ / "small.onnx"));
  EXPECT_EQ(run.at("data")[0].at("pictures"), 2);
  EXPECT_EQ(run.at("seed"), 3);
  EXPECT_EQ(run.at("methods").size(), 5U);
  EXPECT_TRUE(run.at("methods")[4].at("control").get<bool>());
  EXPECT_EQ(run.at("metrics")[1].at("labels"), "top1");
  EXPECT_TRUE(run.at("finished").get<bool>());
  ASSERT_EQ(run.at("examples").size(), 1U);
  const Json& example = run.at("examples")[0];
  EXPECT_EQ(example.at("maps").size(), 5U);
  EXPECT_TRUE(fs::exists(file("run", example.at("picture"))));
  for (const auto& map : example.at("maps")) {
    EXPECT_TRUE(fs::exists(file("run", map.at("file")))) << map;
  }
}

}  // namespace
}  // namespace limn::testing
