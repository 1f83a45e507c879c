// See outbox.h.
#include "cli/outbox.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <set>

#include "image/file.h"
#include "limn/error.h"

namespace limn::cli {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> interrupted{false};
/// When the last one came and which it was: milliseconds() * kNumbers + number.
std::atomic<std::int64_t> last_signal{0};
constexpr std::int64_t kNumbers = 1024;
static_assert(std::atomic<bool>::is_always_lock_free &&
              std::atomic<std::int64_t>::is_always_lock_free);

/// May be called in a signal handler, as std::chrono's clocks may not.
std::int64_t milliseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void on_signal(int number) {
  // The same again at once is an echo: timeout(1) signals the process and then its group.
  constexpr std::int64_t kEcho = 300;
  const std::int64_t now = milliseconds();
  std::int64_t last = last_signal;
  if (last % kNumbers == number && now - last / kNumbers < kEcho) return;
  if (!last_signal.compare_exchange_strong(last, now * kNumbers + number)) return;
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
  std::set<std::string> once;
  for (const auto& name : names) {
    if (!once.insert(name).second) {
      fail(ErrorCode::Io, "two results would be written to \"", path(name),
           "\"; rename an input, or explain it on its own");
    }
    if (!force_ && fs::exists(path(name))) {
      fail(ErrorCode::Io, "\"", path(name),
           "\" exists; give --force to overwrite, or another place with -o");
    }
    if (fs::is_directory(path(name))) {
      fail(ErrorCode::Io, "\"", path(name), "\" is a folder; choose another place with -o");
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
  if (parts_.contains(where)) {
    fail(ErrorCode::Io, "two results of this run are named \"", where, "\"");
  }
  // The name is short, so that it fits wherever the file's own name does.
  const std::string hidden = concat(".limn-", ::getpid(), "-", parts_.size(), ".part");
  const std::string temporary = (fs::path(where).parent_path() / hidden).string();
  write_part(temporary, where, bytes);
  parts_.emplace(where, temporary);
  return where;
}

void Outbox::keep() {
  while (!parts_.empty()) {
    const auto part = parts_.extract(parts_.begin());
    const bool is_new = !fs::exists(part.key());
    place_part(part.mapped(), part.key());
    if (is_new) placed_.push_back(part.key());
  }
  kept_ = true;
}

Outbox::~Outbox() {
  if (kept_) return;
  std::error_code ignored;
  for (const auto& [path, temporary] : parts_) fs::remove(temporary, ignored);
  for (const auto& file : placed_) fs::remove(file, ignored);
  for (const auto& folder : made_folders_) fs::remove(folder, ignored);  // only where empty
}

}  // namespace limn::cli
