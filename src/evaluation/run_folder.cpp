// See run_folder.h.
#include "evaluation/run_folder.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "limn/error.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

/// Lines wait at most this long for the disk.
constexpr double kFlushSeconds = 2;

/// What `read` gives; where a file is damaged, its error with the way out.
template <typename Read>
auto or_start_over(Read read) {
  try {
    return read();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::BadInput) throw;
    fail(ErrorCode::BadInput, error.what(),
         "; choose another folder with -o, or start over with --force, which removes the results");
  }
}

}  // namespace

double clock_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

RunFolder::RunFolder(const Plan& plan)
    : plan_(plan), folder_(plan.options.folder), run_(run_json(plan)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error || !fs::is_directory(folder_)) {
    fail(ErrorCode::Io, "cannot make the folder \"", folder_,
         "\": ", error ? error.message() : "a file of that name exists",
         "; choose another with -o");
  }
  open();
  for (const auto& data : plan.data) {
    for (const auto& problem : data.problems) add_problem(data.suite.name, problem);
  }
  write_run(folder_, run_);
  read_finished();
  last_flush_ = clock_seconds();
}

std::string RunFolder::path(const char* name) const { return (fs::path(folder_) / name).string(); }

void RunFolder::open() {
  // Opened before anything is read: from here on no other run writes into the folder.
  writer_ = std::make_unique<ResultWriter>(path(kResultsFile));
  const bool is_new = !fs::exists(path(kRunFile)) && fs::file_size(path(kResultsFile)) == 0;
  if (!is_new) resume();
  log_ = std::make_unique<LineFile>(path(kPicturesFile));
}

void RunFolder::start_over() {
  writer_.reset();
  remove_run(folder_);
  writer_ = std::make_unique<ResultWriter>(path(kResultsFile));
}

void RunFolder::resume() {
  if (plan_.options.force) return start_over();
  std::string other = concat("results without their ", kRunFile);
  if (fs::exists(path(kRunFile))) {
    const Json before = or_start_over([&] { return read_run(folder_); });
    other = difference(before, run_);
    if (other.empty()) {
      for (const char* kept : {"created", "examples"}) {
        run_[kept] = before.value(kept, run_.at(kept));
      }
      return;
    }
  }
  fail(ErrorCode::InvalidArgument, "\"", folder_, "\" holds another run (", other,
       "); choose another folder with -o, or start over with --force, which removes its results");
}

void RunFolder::read_finished() {
  for (const auto& line : or_start_over([&] { return read_pictures(path(kPicturesFile)); })) {
    // What could not be used is tried again.
    if (line.problem.empty()) finished_.insert(line.key());
  }
  or_start_over([&] {
    each_result(path(kResultsFile), [&](ResultLine&& line) {
      PictureLine picture;
      picture.model = line.model;
      picture.data = line.data;
      picture.image = line.image;
      if (!is_finished(picture)) written_.insert(line.key());
    });
  });
}

void RunFolder::add(ResultLine line) {
  ++summary_.lines;
  summary_.skipped += line.measurement.skipped.empty() ? 0 : 1;
  waiting_.push_back(std::move(line));
  flush_if_due();
}

void RunFolder::flush_if_due() {
  if (clock_seconds() - last_flush_ > kFlushSeconds) flush();
}

void RunFolder::flush() {
  // Taken first: lines that cannot be written are not tried again on the way out.
  const std::vector<ResultLine> lines = std::exchange(waiting_, {});
  last_flush_ = clock_seconds();
  writer_->append(lines);
}

void RunFolder::finish(const PictureLine& picture, Json example) {
  flush();
  if (!example.is_null()) {
    Json& all = run_["examples"];
    const auto is_same = [&](const Json& one) {
      return one.at("model") == picture.model && one.at("data") == picture.data &&
             one.at("image") == picture.image;
    };
    const auto found = std::find_if(all.begin(), all.end(), is_same);
    if (found == all.end()) {
      all.push_back(std::move(example));
    } else {
      *found = std::move(example);
    }
    write_run(folder_, run_);
  }
  log_->append(picture_text(picture) + "\n");
  finished_.insert(picture.key());
}

void RunFolder::add_problem(const std::string& data, const DatasetProblem& problem) {
  if (!problems_.insert(concat(data, '\n', problem.id, '\n', problem.what)).second) return;
  summary_.problems.push_back({data, problem});
  run_["problems"].push_back({{"data", data}, {"image", problem.id}, {"what", problem.what}});
}

void RunFolder::add_problem(const PictureLine& picture) {
  add_problem(picture.data, {picture.image, picture.problem});
  log_->append(picture_text(picture) + "\n");
}

void RunFolder::close() {
  flush();
  run_["finished"] = true;
  write_run(folder_, run_);
}

}  // namespace limn
