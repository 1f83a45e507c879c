// The folder of a run: what is finished, and what is added.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "evaluation/line_file.h"
#include "evaluation/picture_log.h"
#include "evaluation/plan.h"
#include "evaluation/run_record.h"
#include "limn/results.h"

namespace limn {

class RunFolder {
 public:
  /// Goes on with the run of this plan, or starts it. Throws InvalidArgument where the folder holds
  /// another run, and BadInput where its files are damaged, unless the plan's options force it:
  /// then what is there is removed.
  explicit RunFolder(const Plan& plan);

  bool is_finished(const PictureLine& picture) const { return finished_.contains(picture.key()); }
  bool has(const ResultLine& line) const { return written_.contains(line.key()); }

  /// A result waits for the disk, for two seconds or until its picture is finished.
  void add(ResultLine line);
  void flush_if_due();
  void flush();
  /// All results of this picture are added. `example`: its entry in run.json, or null.
  void finish(const PictureLine& picture, Json example = nullptr);
  /// The picture cannot be used; each problem is named once, however many models meet it.
  void add_problem(const std::string& data, const DatasetProblem& problem);
  void add_problem(const PictureLine& picture);
  /// The run is complete.
  void close();

  const BenchSummary& summary() const { return summary_; }

 private:
  std::string path(const char* name) const;
  void open();
  void resume();
  void start_over();
  void read_finished();

  const Plan& plan_;
  std::string folder_;
  Json run_;
  BenchSummary summary_;
  std::unique_ptr<ResultWriter> writer_;
  std::unique_ptr<LineFile> log_;
  std::set<std::string> finished_;  ///< keys of pictures
  std::set<std::string> written_;   ///< keys of lines of pictures that are not finished
  std::set<std::string> problems_;
  std::vector<ResultLine> waiting_;
  double last_flush_ = 0;
};

/// Seconds of a clock that never goes back.
double clock_seconds();

}  // namespace limn
