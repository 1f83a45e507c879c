// Runs a suite: maps and measurements, stored line by line, so that a run that was killed goes on
// where it stopped.
//
// A folder of results holds
//   results.jsonl   the measurements (limn/results.h)
//   pictures.jsonl  one line for each finished picture of a model: what it took, or what is wrong
//   examples/       a few maps as pictures
//   run.json        what was run: suite, models and their hashes, data, methods, metrics, protocols
//                   and theirs, seed, device, precision, versions, problems, classes that no
//                   model knows, warnings, and an index of examples
#pragma once
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "limn/dataset.h"
#include "limn/suite.h"

namespace limn {

inline constexpr const char* kResultsFile = "results.jsonl";
inline constexpr const char* kPicturesFile = "pictures.jsonl";
inline constexpr const char* kRunFile = "run.json";

/// How a suite is run. What changes numbers (device, precision, batch, shard) belongs to the run:
/// going on with other values is refused.
struct BenchOptions {
  std::string folder;
  c10::Device device = c10::kCPU;
  bool float64 = false;
  bool bfloat16 = false;  ///< ExplainOptions::bfloat16
  /// Pictures of one shape whose classes are the same share passes, at most this many that follow
  /// each other in the data set. A method's map of a picture may differ in the last digit.
  std::int64_t batch = 1;
  std::int64_t shard = 1, shards = 1;  ///< this run takes every shards-th group, from the shard-th
  /// Pictures that cannot be used, and maps and measurements that fail, are written down and
  /// counted; else they end the run.
  bool skip_bad = false;
  bool force = false;         ///< starts over: the results in the folder are removed
  std::int64_t examples = 3;  ///< pictures of each data set whose maps are kept to look at
  std::map<std::string, std::string> versions = {};  ///< of libraries, for run.json
  std::vector<std::string> command = {};             ///< for run.json
  /// Called with the pictures done, of all; fractions count methods. What it throws ends the run,
  /// and finished lines stay.
  std::function<void(double done, double total)> progress = {};
};

/// Something wrong with one picture of a data set, or with a map or measurement of it.
struct BenchProblem {
  std::string data;
  DatasetProblem problem;
};

struct BenchSummary {
  std::int64_t pictures = 0;           ///< pictures of all models, of this shard
  std::int64_t found_finished = 0;     ///< of them, by an earlier run
  std::int64_t lines = 0;              ///< written by this run
  std::int64_t skipped = 0;            ///< of them: measurements that do not count, with the reason
  std::vector<BenchProblem> problems;  ///< one for each bad picture of a data set
  /// What a reader of the results must know: classes that a model does not know by name, metrics
  /// that a data set has nothing for.
  std::vector<std::string> warnings;
};

/// Runs a suite into a folder, or what is missing of it. Everything that can be known is checked
/// before work starts: files, options, class names, and each data set's own check. The same seed
/// gives the same lines, however often the run was interrupted. Throws Error.
BenchSummary run_suite(const Suite& suite, const BenchOptions& options);

/// Joins shards of one run into a new folder: lines in the order of one whole run. Shards may be
/// unfinished or missing: `missing` of the result names those. Throws InvalidArgument where folders
/// hold different runs, Io where `folder` exists.
struct MergeSummary {
  std::int64_t lines = 0, pictures = 0;
  std::vector<std::int64_t> missing;  ///< numbers of shards, from 1, that are not among the folders
  std::vector<std::string> unfinished;  ///< folders whose run did not end
};
MergeSummary merge_runs(const std::string& folder, const std::vector<std::string>& folders);

}  // namespace limn
