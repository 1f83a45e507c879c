// `limn bench run` and `limn bench merge` as processes: killed and gone on with, interrupted, asked
// for what does not exist.
#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "cli/fixture.h"
#include "limn/results.h"

namespace limn::testing {
namespace {

namespace fs = std::filesystem;

class BenchRun : public CommandLine {
 protected:
  void SetUp() override {
    CommandLine::SetUp();
    write_text(folder_ / "small.limn.json",
               R"({"labels": ["circle", "square", "triangle", "star", "ring"],
                   "output": "multi-label", "preprocessing": {"resize": "direct",
                   "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}})");
    write_text(suite_file(),
               "title Small\nneeds model an ONNX file\nmodel small {model}\n"
               "data shapes shapes(n=60, size=24)\nmethod gradient\n"
               "method smoothgrad(gradient, n=8)\nmetric deletion(step=20)\n");
  }
  std::string suite_file() const { return folder_ / "small.suite"; }
  std::vector<std::string> arguments(const std::string& folder,
                                     std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {
        "bench",     "run", suite_file(), "--set",         "model=" + model(),
        "--threads", "1",   "-o",         folder_ / folder};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// Starts it and returns at once.
  static pid_t start(const std::vector<std::string>& arguments, const std::string& errors) {
    std::vector<char*> words = {const_cast<char*>(LIMN_CLI)};
    for (const auto& one : arguments) words.push_back(const_cast<char*>(one.c_str()));
    words.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      const int out = ::open("/dev/null", O_WRONLY);
      const int err = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(out, STDOUT_FILENO);
      ::dup2(err, STDERR_FILENO);
      ::execv(LIMN_CLI, words.data());
      ::_exit(127);
    }
    return child;
  }

  std::string results(const std::string& folder) const {
    return read_text((folder_ / folder) + "/results.jsonl");
  }
  static std::int64_t count_lines(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  }
  /// Waits until the run has this many lines, or ends.
  bool wait_for_lines(pid_t child, const std::string& folder, std::int64_t count) const {
    for (int i = 0; i < 6000; ++i) {
      if (count_lines(results(folder)) >= count) return true;
      if (::waitpid(child, nullptr, WNOHANG) == child) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }

  std::map<std::string, std::string> lines(const std::string& folder) const {
    std::map<std::string, std::string> out;
    each_result((folder_ / folder) + "/results.jsonl", [&](ResultLine&& line) {
      line.seconds = 0;
      EXPECT_TRUE(out.emplace(line.key(), result_text(line)).second) << "twice: " << line.key();
    });
    return out;
  }
};

TEST_F(BenchRun, KilledAgainAndAgainEndsWithTheSameTable) {
  const auto whole = limn(arguments("whole"));
  ASSERT_EQ(whole.code, 0) << whole.err;
  std::string before;
  int killed = 0;
  for (std::int64_t wanted = 1;; wanted += 41) {
    const pid_t child = start(arguments("killed"), folder_ / "errors");
    const bool is_running = wait_for_lines(child, "killed", wanted);
    if (is_running) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
      ++killed;
    }
    const std::string now = results("killed");
    const std::string kept = before.substr(0, before.rfind('\n') + 1);
    EXPECT_EQ(now.rfind(kept, 0), 0U) << "what was finished is there, and is not done again";
    before = now;
    if (!is_running) break;
    ASSERT_LT(killed, 50);
  }
  EXPECT_GT(killed, 1);
  const auto last = limn(arguments("killed"));
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(lines("killed"), lines("whole"));
}

TEST_F(BenchRun, AnInterruptKeepsWhatIsFinishedAndSaysHowToGoOn) {
  const pid_t child = start(arguments("run"), folder_ / "errors");
  ASSERT_TRUE(wait_for_lines(child, "run", 3)) << read_text(folder_ / "errors");
  ::kill(child, SIGINT);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  const std::string said = read_text(folder_ / "errors");
  EXPECT_NE(said.find("the same command goes on"), std::string::npos) << said;
  EXPECT_GE(count_lines(results("run")), 3);
  const auto rest = limn(arguments("run"));
  EXPECT_EQ(rest.code, 0) << rest.err;
  EXPECT_EQ(rest.out.find("(0 found finished)"), std::string::npos) << rest.out;
  ASSERT_EQ(limn(arguments("whole")).code, 0);
  EXPECT_EQ(lines("run"), lines("whole"));
}

TEST_F(BenchRun, ShardsAreMerged) {
  for (const std::string shard : {"1", "2"}) {
    ASSERT_EQ(limn(arguments("shard" + shard, {"--shard", shard + "/2"})).code, 0);
  }
  const auto merged =
      limn({"bench", "merge", folder_ / "merged", folder_ / "shard1", folder_ / "shard2"});
  ASSERT_EQ(merged.code, 0) << merged.err;
  EXPECT_EQ(merged.err, "");
  ASSERT_EQ(limn(arguments("whole")).code, 0);
  EXPECT_EQ(lines("merged"), lines("whole"));
}

TEST_F(BenchRun, ListsAndPrintsSuites) {
  const auto list = limn({"bench", "run", "--list"});
  EXPECT_EQ(list.code, 0);
  for (const std::string name : {"demo", "sanity", "region-insertion", "ucag-tables", "rsp-table",
                                 "wsss", "coco-imagenet", "coco-labels"}) {
    EXPECT_NE(list.out.find(name + " "), std::string::npos) << list.out;
    const auto text = limn({"bench", "run", name, "--print"});
    EXPECT_EQ(text.code, 0);
    EXPECT_NE(text.out.find("title "), std::string::npos) << text.out;
  }
}

TEST_F(BenchRun, SaysWhatIsWrong) {
  const auto refused = [&](const std::vector<std::string>& words, int code,
                           const std::string& said) {
    const auto result = limn(words);
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_NE(result.err.find(said), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  };
  refused({"bench", "run"}, 2, "--list");
  refused({"bench", "run", "dmo"}, 3, "demo");
  refused({"bench", "run", suite_file(), "-o", folder_ / "run"}, 2, "--set model=");
  refused(arguments("run", {"--shard", "3/2"}), 2, "legal: 1/4 to 4/4");
  refused(arguments("run", {"--shard", "1/2x"}), 2, "legal: 1/4 to 4/4");
  refused(arguments("run", {"--set", "modle=x"}), 3, "model");
  refused(arguments("run", {"--set", "model"}), 2, "NAME=PATH");
  refused(arguments("run", {"--device", "tpu"}), 2, "cpu, cuda");
  ASSERT_EQ(limn(arguments("mine")).code, 0);
  const auto other = limn(arguments("mine", {"--batch", "2"}));
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("another batch"), std::string::npos) << other.err;
}

}  // namespace
}  // namespace limn::testing
