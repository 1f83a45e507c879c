// Files that a run writes: all of them, or none.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace limn::cli {

/// Thrown where the user asked the program to stop.
struct Interrupted {};
void catch_interrupts();
/// Throws Interrupted once after an interrupt.
void check_interrupt();
/// True once after an interrupt, which then counts as answered.
bool take_interrupt();

/// Removes what it wrote when destroyed before `keep()`.
class Outbox {
 public:
  Outbox(std::string folder, bool force) : folder_(std::move(folder)), force_(force) {}
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Makes the folder and refuses names that exist there (without --force). Throws Io.
  void prepare(const std::vector<std::string>& names);
  /// Writes one file into the folder; returns its path.
  std::string put(const std::string& name, std::string_view bytes);
  /// The run is complete: nothing will be removed.
  void keep() { kept_ = true; }
  std::string path(const std::string& name) const;

 private:
  std::string folder_;
  bool force_ = false;
  bool kept_ = false;
  std::vector<std::string> written_;
  std::vector<std::string> made_folders_;
};

}  // namespace limn::cli
