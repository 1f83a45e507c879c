// `limn doctor`: versions, and whether this machine runs as fast as it could.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <link.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "cli/cli.h"
#include "cli/model_options.h"

namespace limn::cli {
namespace {

/// Files of shared libraries in this process whose name holds `part`, links resolved.
std::vector<std::string> loaded_libraries(const std::string& part) {
  struct Search {
    std::string part;
    std::vector<std::string> found;
  } search{part, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& mine = *static_cast<Search*>(data);
        const std::filesystem::path path(info->dlpi_name);
        if (path.filename().string().find(mine.part) != std::string::npos) {
          std::error_code error;
          const auto real = std::filesystem::canonical(path, error);
          mine.found.push_back(error ? path.string() : real.string());
        }
        return 0;
      },
      &search);
  return search.found;
}

std::string blas_name() {
  for (const auto& library : loaded_libraries("blas")) {
    if (library.find("openblas") != std::string::npos) return "OpenBLAS (" + library + ")";
    if (library.find("blis") != std::string::npos) return "BLIS (" + library + ")";
    if (library.find("atlas") != std::string::npos) return "ATLAS (" + library + ")";
  }
  if (at::hasMKL() || !loaded_libraries("mkl_rt").empty()) return "Intel MKL";
  for (const auto& library : loaded_libraries("libblas")) {
    return "reference BLAS (" + library + ")";
  }
  return "built into libtorch";
}

double gemm_gflops() {
  const Tensor a = at::rand({1024, 1024}), b = at::rand({1024, 1024});
  double best = 1e30;
  const auto start = std::chrono::steady_clock::now();
  const auto since = [](auto from) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
  };
  for (int i = 0; i < 10 && (i < 2 || since(start) < 0.5); ++i) {
    const auto from = std::chrono::steady_clock::now();
    at::matmul(a, b);
    best = std::min(best, since(from));
  }
  return 2 * std::pow(1024.0, 3) / best / 1e9;
}

/// The words after `what` in libtorch's own description.
std::string config_line(const std::string& what) {
  const std::string config = at::show_config();
  const std::size_t at = config.find(what);
  if (at == std::string::npos) return "unknown";
  const std::size_t from = at + what.size();
  return config.substr(from, config.find('\n', from) - from);
}

int doctor(std::int64_t wanted_threads) {
  const std::int64_t threads = set_threads(wanted_threads);
  for (const auto& [name, version] : library_versions()) fmt::print("{:<10} {}\n", name, version);
  const std::string blas = blas_name();
  const double gflops = gemm_gflops();
  fmt::print("{:<10} {}\n", "BLAS", blas);
  fmt::print("{:<10} {:.0f} GFLOP/s (1024 x 1024 matrices, {} threads)\n", "GEMM", gflops, threads);
  fmt::print("{:<10} {} of {} cores in use\n", "threads", threads,
             std::max(1U, std::thread::hardware_concurrency()));
  fmt::print("{:<10} {}\n", "SIMD", config_line("CPU capability usage: "));
  fmt::print("{:<10} {}\n", "oneDNN", at::hasMKLDNN() ? "yes" : "no: convolutions will be slow");
  if (at::hasCUDA()) {
    fmt::print("{:<10} {} CUDA device{}\n", "GPU", at::detail::getCUDAHooks().getNumGPUs(),
               at::detail::getCUDAHooks().getNumGPUs() == 1 ? "" : "s");
  } else {
    fmt::print("{:<10} none: this libtorch has no CUDA support, or finds no device\n", "GPU");
  }
  std::fflush(stdout);
  const bool reference = blas.rfind("reference", 0) == 0;
  if (reference || gflops < 10.0 * static_cast<double>(threads) / 2) {
    fmt::print(stderr,
               "limn: warning: matrix products run at {:.0f} GFLOP/s{}; install OpenBLAS: "
               "apt-get install libopenblas0-openmp\n",
               gflops, reference ? " on Debian's reference BLAS" : "");
  } else {
    fmt::print("\nAll is well.\n");
  }
  return 0;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  const auto threads = std::make_shared<std::int64_t>(0);
  CLI::App* sub = app.add_subcommand("doctor", "Check versions, BLAS, threads, SIMD and GPU");
  sub->add_option("--threads", *threads, "number of threads; default: all cores")
      ->check(CLI::Range(0, 4096));
  sub->callback([threads, &action] { action = [threads] { return doctor(*threads); }; });
}

}  // namespace limn::cli
