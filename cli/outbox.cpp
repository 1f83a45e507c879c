// See outbox.h.
#include "cli/outbox.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>

#include "image/file.h"
#include "limn/error.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int number) {
  // A second one ends the program at once.
  if (interrupted.exchange(true)) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // A file over the size limit then fails like any other write.
  std::signal(SIGXFSZ, SIG_IGN);
}

void check_interrupt() {
  if (interrupted) throw Interrupted();
}

bool take_interrupt() { return interrupted.exchange(false); }

std::string Outbox::path(const std::string& name) const {
  return folder_.empty() ? name : (fs::path(folder_) / name).string();
}

void Outbox::prepare(const std::vector<std::string>& names) {
  if (!folder_.empty()) {
    std::error_code error;
    std::vector<std::string> missing;
    for (fs::path at = folder_; !at.empty() && !fs::exists(at, error); at = at.parent_path()) {
      missing.push_back(at.string());
    }
    fs::create_directories(folder_, error);
    if (error || !fs::is_directory(folder_)) {
      fail(ErrorCode::Io, "cannot make the folder \"", folder_,
           "\": ", error ? error.message() : "a file of that name exists",
           "; choose another with -o");
    }
    made_folders_ = std::move(missing);
  }
  for (const auto& name : names) {
    if (!force_ && fs::exists(path(name))) {
      fail(ErrorCode::Io, "\"", path(name),
           "\" exists; give --force to overwrite, or another place with -o");
    }
  }
  const std::string target = folder_.empty() ? (names.empty() ? "." : names.front()) : folder_;
  const fs::path where = folder_.empty() ? fs::absolute(target).parent_path() : fs::path(target);
  if (::access(where.c_str(), W_OK) != 0) {
    fail(ErrorCode::Io, "cannot write into \"", where.string(),
         "\": no permission, or no such folder; choose another with -o");
  }
}

std::string Outbox::put(const std::string& name, std::string_view bytes) {
  check_interrupt();
  const std::string where = path(name);
  if (!force_ && fs::exists(where)) {
    fail(ErrorCode::Io, "\"", where, "\" exists; give --force to overwrite");
  }
  write_file(where, bytes);
  written_.push_back(where);
  return where;
}

Outbox::~Outbox() {
  if (kept_) return;
  std::error_code ignored;
  for (const auto& name : written_) fs::remove(name, ignored);
  for (const auto& folder : made_folders_) fs::remove(folder, ignored);  // only where empty
}

}  // namespace limn::cli
