// Training with Adam on a one-cycle schedule; every epoch sees fresh pictures. The state after each
// epoch goes to a checkpoint, so that an interrupted training resumes with the same result.
#pragma once
#include <torch/optim.h>
#include <torch/serialize.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <future>
#include <numbers>

#include "data.h"

namespace limn::train_demo {

struct TrainingOptions {
  std::int64_t epochs = 0;       ///< 0: the recipe's
  std::int64_t pictures = 8192;  ///< in an epoch
  std::int64_t batch = 0;        ///< 0: the recipe's
  std::int64_t steps = 0;        ///< stops after so many; 0 runs all epochs
  std::int64_t held_out = 4000;
  double learning_rate = 0;        ///< 0: the recipe's
  std::uint64_t data_seed = 2024;  ///< of the training pictures; the held-out ones use the next
  std::uint64_t seed = 1;          ///< of weights and dropout
  bool resume = false;
  std::string checkpoint;  ///< the file
};

/// Rises from 1/10 of the maximum over the first fifth, then falls to 0 as a cosine.
inline double one_cycle(double maximum, double progress) {
  constexpr double kRise = 0.2;
  if (progress < kRise) return maximum * (0.1 + 0.9 * progress / kRise);
  const double fall = (progress - kRise) / (1 - kRise);
  return maximum * 0.5 * (1 + std::cos(std::numbers::pi * fall));
}

class Trainer {
 public:
  Trainer(std::shared_ptr<Net> net, const ShapesOptions& shapes, TrainingOptions options)
      : net_(std::move(net)),
        shapes_(shapes),
        options_(std::move(options)),
        adam_(net_->parameters(), torch::optim::AdamOptions(options_.learning_rate)) {
    shapes_.seed = options_.data_seed;
    net_->to(torch::kFloat);
    for (auto& parameter : net_->parameters()) {
      if (parameter.dim() == 4) {
        parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
      }
    }
  }

  /// Seconds of training, those before an interruption included.
  double run() {
    std::int64_t first = 0;
    if (options_.resume && std::filesystem::exists(options_.checkpoint)) first = load();
    for (std::int64_t epoch = first; epoch < options_.epochs && !finished(); ++epoch) {
      torch::manual_seed(options_.seed * 1000 + static_cast<std::uint64_t>(epoch));
      const auto start = std::chrono::steady_clock::now();
      const double loss = train_epoch(epoch);
      seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      std::fprintf(stderr, "\repoch %2lld/%lld: loss %.4f, %.0f s so far, about %.0f s to go   \n",
                   static_cast<long long>(epoch + 1), static_cast<long long>(options_.epochs), loss,
                   seconds_,
                   seconds_ / static_cast<double>(epoch + 1) *
                       static_cast<double>(options_.epochs - epoch - 1));
      save(epoch + 1);
    }
    return seconds_;
  }

 private:
  bool finished() const { return options_.steps > 0 && steps_ >= options_.steps; }

  double train_epoch(std::int64_t epoch) {
    const std::int64_t batches = options_.pictures / options_.batch;
    double sum = 0;
    std::int64_t done = 0;
    net_->train();
    const auto draw = [&](std::int64_t i) {
      return std::async(std::launch::async, [this, epoch, i] {
        const std::int64_t first = epoch * options_.pictures + i * options_.batch;
        return draw_batch(shapes_, first, options_.batch);
      });
    };
    // The next batch is drawn while this one trains.
    auto next = draw(0);
    for (std::int64_t i = 0; i < batches && !finished(); ++i) {
      const Batch batch = next.get();
      if (i + 1 < batches) next = draw(i + 1);
      const double progress =
          static_cast<double>(epoch * batches + i) / static_cast<double>(options_.epochs * batches);
      static_cast<torch::optim::AdamOptions&>(adam_.param_groups()[0].options())
          .lr(one_cycle(options_.learning_rate, progress));
      adam_.zero_grad();
      const auto loss = torch::binary_cross_entropy_with_logits(
          net_->forward(normalize(batch.pictures)), batch.labels);
      loss.backward();
      adam_.step();
      sum += loss.item<double>();
      ++done;
      ++steps_;
      if (done % 16 == 0) {
        std::fprintf(stderr, "\repoch %2lld/%lld: step %lld/%lld, loss %.4f",
                     static_cast<long long>(epoch + 1), static_cast<long long>(options_.epochs),
                     static_cast<long long>(done), static_cast<long long>(batches),
                     sum / static_cast<double>(done));
      }
    }
    return sum / static_cast<double>(std::max<std::int64_t>(done, 1));
  }

  /// Written beside its place and renamed, so that no half checkpoint is ever found.
  void save(std::int64_t epochs) {
    torch::serialize::OutputArchive archive, net, adam;
    net_->save(net);
    adam_.save(adam);
    archive.write("net", net);
    archive.write("adam", adam);
    archive.write(
        "state", torch::tensor({static_cast<double>(epochs), seconds_, static_cast<double>(steps_)},
                               torch::kDouble));
    const std::string partial = options_.checkpoint + ".partial";
    archive.save_to(partial);
    std::filesystem::rename(partial, options_.checkpoint);
  }

  std::int64_t load() {
    torch::serialize::InputArchive archive, net, adam;
    archive.load_from(options_.checkpoint);
    archive.read("net", net);
    archive.read("adam", adam);
    net_->load(net);
    adam_.load(adam);
    torch::Tensor state;
    archive.read("state", state);
    seconds_ = state[1].item<double>();
    steps_ = static_cast<std::int64_t>(state[2].item<double>());
    return static_cast<std::int64_t>(state[0].item<double>());
  }

  std::shared_ptr<Net> net_;
  ShapesOptions shapes_;
  TrainingOptions options_;
  torch::optim::Adam adam_;
  double seconds_ = 0;
  std::int64_t steps_ = 0;
};

}  // namespace limn::train_demo
