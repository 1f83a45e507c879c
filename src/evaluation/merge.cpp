// Joins the shards of a run: see limn/runner.h.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <tuple>

#include "evaluation/line_file.h"
#include "evaluation/picture_log.h"
#include "evaluation/run_record.h"
#include "limn/error.h"
#include "limn/results.h"
#include "limn/runner.h"

namespace limn {
namespace {

namespace fs = std::filesystem;

/// Bytes written at once.
constexpr std::size_t kChunk = 1 << 20;

/// Where a line lies.
struct Place {
  std::size_t shard = 0;
  std::int64_t offset = 0;
  std::size_t length = 0;
};

std::string in_folder(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

class Merger {
 public:
  Merger(const std::string& folder, const std::vector<std::string>& folders)
      : folder_(folder), folders_(folders) {}

  MergeSummary merge() {
    if (folders_.empty()) fail(ErrorCode::InvalidArgument, "no folder to merge");
    for (const auto& one : folders_) runs_.push_back(read_run(one));
    check();
    for (std::size_t i = 0; i < folders_.size(); ++i) read_shard(i);
    make_folder();
    write_results();
    write_log();
    write_record();
    return summary_;
  }

 private:
  void check() {
    std::set<std::int64_t> seen;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const std::string other = difference(runs_[0], runs_[i], false);
      if (!other.empty()) {
        fail(ErrorCode::InvalidArgument, "\"", folders_[i], "\" is no shard of the run in \"",
             folders_[0], "\": it has ", other);
      }
      const auto [shard, shards] = shard_of(runs_[i]);
      if (shards != shard_of(runs_[0]).second) {
        fail(ErrorCode::InvalidArgument, "\"", folders_[i], "\" is one of ", shards, " shards, \"",
             folders_[0], "\" one of ", shard_of(runs_[0]).second);
      }
      if (!seen.insert(shard).second) {
        fail(ErrorCode::InvalidArgument, "\"", folders_[i], "\" holds shard ", shard,
             ", as another of the folders does");
      }
      if (!runs_[i].value("finished", false)) summary_.unfinished.push_back(folders_[i]);
    }
    for (std::int64_t i = 1; i <= shard_of(runs_[0]).second; ++i) {
      if (!seen.contains(i)) summary_.missing.push_back(i);
    }
  }

  static std::pair<std::int64_t, std::int64_t> shard_of(const Json& run) {
    return run.at("shard").get<std::pair<std::int64_t, std::int64_t>>();
  }

  /// Where the data set and the model of a picture stand in the suite, and its place in the data.
  using Rank = std::tuple<std::size_t, std::size_t, std::int64_t>;
  Rank rank(const PictureLine& line) const {
    const auto place = [&](const char* list, const std::string& name) {
      const Json& all = runs_[0].at(list);
      std::size_t at = 0;
      while (at < all.size() && all[at].at("name") != name) ++at;
      return at;
    };
    return {place("data", line.data), place("models", line.model), line.index};
  }

  void read_shard(std::size_t shard) {
    for (auto& line : read_pictures(in_folder(folders_[shard], kPicturesFile))) {
      const Rank at = rank(line);
      summary_.pictures += line.problem.empty() ? 1 : 0;
      order_.emplace(line.key(), at);
      pictures_.emplace(at, std::move(line));
    }
    std::int64_t offset = 0;
    each_line(in_folder(folders_[shard], kResultsFile), [&](const std::string& text, std::int64_t) {
      const ResultLine line = parse_result(text);
      PictureLine picture;
      picture.model = line.model;
      picture.data = line.data;
      picture.image = line.image;
      // Pictures that are not finished come last.
      const Rank last = {runs_[0].at("data").size(), 0, 0};
      const auto found = order_.find(picture.key());
      results_[found == order_.end() ? last : found->second].push_back(
          {shard, offset, text.size()});
      offset += static_cast<std::int64_t>(text.size()) + 1;
      ++summary_.lines;
    });
  }

  void make_folder() const {
    if (fs::exists(folder_) && !(fs::is_directory(folder_) && fs::is_empty(folder_))) {
      fail(ErrorCode::Io, "\"", folder_, "\" exists; give the name of a new folder");
    }
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) {
      fail(ErrorCode::Io, "cannot make the folder \"", folder_, "\": ", error.message());
    }
  }

  void write_results() const {
    std::vector<std::ifstream> files;
    for (const auto& one : folders_) {
      files.emplace_back(in_folder(one, kResultsFile), std::ios::binary);
    }
    LineFile out(in_folder(folder_, kResultsFile));
    std::string text;
    for (const auto& [at, places] : results_) {
      for (const auto& place : places) {
        std::string line(place.length + 1, '\n');
        files[place.shard].seekg(place.offset);
        files[place.shard].read(line.data(), static_cast<std::streamsize>(place.length));
        if (!files[place.shard]) {
          fail(ErrorCode::Io, "\"", folders_[place.shard], "\" changed while it was read");
        }
        text += line;
        if (text.size() < kChunk) continue;
        out.append(text);
        text.clear();
      }
    }
    out.append(text);
  }

  void write_log() const {
    std::string text;
    for (const auto& [at, line] : pictures_) text += picture_text(line) + "\n";
    LineFile(in_folder(folder_, kPicturesFile)).append(text);
  }

  /// Last: a folder without it is no run.
  void write_record() const {
    Json run = runs_[0];
    run["shard"] = {1, 1};
    run["finished"] = summary_.missing.empty() && summary_.unfinished.empty();
    run["problems"] = Json::array();
    std::vector<Json> examples;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      for (const auto& problem : runs_[i].at("problems")) {
        if (seen.insert(problem.dump()).second) run["problems"].push_back(problem);
      }
      for (const auto& example : runs_[i].at("examples")) {
        copy_files(folders_[i], example);
        examples.push_back(example);
      }
    }
    const auto rank_of = [&](const Json& example) {
      PictureLine line;
      line.model = example.at("model");
      line.data = example.at("data");
      line.image = example.at("image");
      const auto found = order_.find(line.key());
      return found == order_.end() ? Rank() : found->second;
    };
    std::stable_sort(examples.begin(), examples.end(),
                     [&](const Json& a, const Json& b) { return rank_of(a) < rank_of(b); });
    run["examples"] = examples;
    write_run(folder_, run);
  }

  void copy_files(const std::string& from, const Json& example) const {
    std::vector<std::string> files = {example.at("picture")};
    for (const auto& map : example.at("maps")) files.push_back(map.at("file"));
    for (const auto& file : files) {
      const fs::path name = fs::path("examples") / fs::path(file).filename();
      std::error_code error;
      fs::create_directories(fs::path(folder_) / "examples", error);
      fs::copy_file(fs::path(from) / name, fs::path(folder_) / name, error);
      if (error) {
        fail(ErrorCode::Io, "cannot copy \"", (fs::path(from) / name).string(),
             "\": ", error.message());
      }
    }
  }

  std::string folder_;
  std::vector<std::string> folders_;
  std::vector<Json> runs_;
  std::map<std::string, Rank> order_;
  std::map<Rank, PictureLine> pictures_;
  std::map<Rank, std::vector<Place>> results_;
  MergeSummary summary_;
};

}  // namespace

MergeSummary merge_runs(const std::string& folder, const std::vector<std::string>& folders) {
  return Merger(folder, folders).merge();
}

}  // namespace limn
