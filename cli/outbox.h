// Files that a run writes: all of them, or none.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace limn::cli {

/// What a run says about itself, beside its results.
constexpr const char* kManifest = "manifest.json";

/// Thrown where the user asked the program to stop.
struct Interrupted {};
void catch_interrupts();
/// Throws Interrupted once after an interrupt.
void check_interrupt();
/// True once after an interrupt, which then counts as answered.
bool take_interrupt();

/// Files stay hidden beside their places until `keep()`, so that what stood there before outlives a
/// run that fails; destroyed before, it removes what it wrote.
class Outbox {
 public:
  Outbox(std::string folder, bool force) : folder_(std::move(folder)), force_(force) {}
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Makes the folder and refuses names that exist there (without --force). Throws Io.
  void prepare(const std::vector<std::string>& names);
  /// Writes one file for the folder; returns the path that it gets. Throws Io.
  std::string put(const std::string& name, std::string_view bytes);
  /// The run is complete: every file goes to its place. Throws Io.
  void keep();
  std::string path(const std::string& name) const;

 private:
  std::string folder_;
  bool force_ = false;
  bool kept_ = false;
  std::map<std::string, std::string> parts_;  ///< path -> the hidden file that waits for it
  std::vector<std::string> placed_;           ///< by keep(), where nothing stood before
  std::vector<std::string> made_folders_;
};

}  // namespace limn::cli
