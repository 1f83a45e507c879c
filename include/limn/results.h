// What a benchmark run stores: JSON lines, one per (model, data, image, class, method, metric).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "limn/metric.h"

namespace limn {

class LineFile;

/// One line of `results.jsonl`.
struct ResultLine {
  std::string model;  ///< the suite's name for it
  std::string data;   ///< the suite's name for the data set
  std::string image;  ///< DatasetItem::id
  int label = 0;      ///< the data set's class
  std::string label_name;
  std::int64_t target = 0;  ///< the model's class
  bool predicted = false;   ///< the model predicts it: protocol P counts only these
  std::string method;       ///< canonical spec
  std::string metric;       ///< canonical spec
  std::string protocol;     ///< name of the frozen protocol the metric's constants come from; or ""
  Measurement measurement;
  double seconds = 0;  ///< of the metric alone

  /// What must be equal for two lines to be the same piece of work.
  std::string key() const;
};

/// One line without its line break; NaN and infinity are refused with Numerical.
std::string result_text(const ResultLine& line);
/// Throws BadInput for anything that `result_text` does not write.
ResultLine parse_result(const std::string& text);

/// Calls `use` with each line of a file, one in memory at a time. A last line without its line
/// break, as a killed run leaves it, is left out. Throws NotFound, and BadInput with the line's
/// number.
void each_result(const std::string& path, const std::function<void(ResultLine&&)>& use);

/// Lines of a file in order. A last line without its line break, as a killed run leaves it, is left
/// out; of equal keys the first counts. Throws NotFound, and BadInput with the line's number.
std::vector<ResultLine> read_results(const std::string& path);

/// Appends whole lines and forces them to the disk, so that a run killed at any moment leaves every
/// earlier line intact. Opening cuts off a last line without its line break, and no other process
/// may write the file meanwhile.
class ResultWriter {
 public:
  /// Throws Io.
  explicit ResultWriter(const std::string& path);
  ~ResultWriter();
  ResultWriter(const ResultWriter&) = delete;
  ResultWriter& operator=(const ResultWriter&) = delete;
  /// Throws Io, after which the file is as before; and Numerical where a value is not finite.
  void append(const std::vector<ResultLine>& lines);

 private:
  std::unique_ptr<LineFile> file_;
};

}  // namespace limn
