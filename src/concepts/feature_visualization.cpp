// Feature visualization: checks, batches of units of one value, and what is said of each picture.
#include <ATen/ATen.h>

#include <map>

#include "concepts/climb.h"
#include "limn/error.h"
#include "limn/visualization.h"

namespace limn {
namespace {

/// Reads each option back, so that what is out of range is refused in words.
void check(const Fields& fields) {
  for (const auto& field : fields) field.set(Spec::parse(field.get()));
}

void check_start(const VisualizeOptions& o, const PictureSpace& space) {
  if (!o.start.defined()) return;
  const std::vector<std::int64_t> wanted = {space.channels(), space.height(), space.width()};
  if (o.start.sizes() != wanted) {
    fail(ErrorCode::InvalidArgument, "the start has shape ", o.start.sizes(),
         ", the pictures of this model ", at::IntArrayRef(wanted));
  }
  // The comparison is false for NaN.
  if (!o.start.ge(0).logical_and(o.start.le(1)).all().item<bool>()) {
    fail(ErrorCode::BadInput, "the start must hold numbers from 0 to 1");
  }
}

/// The value on one gray picture.
Tensor probe(const InnerValue& value, const PictureSpace& space) {
  const Tensor gray =
      at::full({1, space.channels(), space.height(), space.width()}, 0.5, space.options());
  return value.run(space.input_of(gray)).value;
}

void check_channel(std::int64_t channel, std::int64_t channels, const InnerValue& value,
                   bool is_class) {
  if (channel >= 0 && channel < channels) return;
  fail(ErrorCode::InvalidArgument, is_class ? "class " : "channel ", channel, " of \"",
       value.name(), "\" does not exist; it has 0 to ", channels - 1);
}

/// Activations [N] on finished pictures.
Tensor activations(const ClimbRequest& request, const Tensor& pictures) {
  const Tensor value = request.value.run(request.space.input_of(pictures)).value;
  const Tensor weights = unit_weights(value, request.channels, request.options.place);
  return (value.to(at::kDouble) * weights).flatten(1).sum(1).cpu();
}

void say(Visualization& one, std::int64_t flat, std::int64_t steps) {
  one.dead = flat == steps;
  if (one.dead) {
    one.notes.emplace_back(
        "dead: in no step did the unit have a gradient, so that nothing seen changes it; the "
        "picture is the start");
    return;
  }
  if (flat > 0) {
    one.notes.push_back(concat("in ", flat, " of ", steps, " steps the unit had no gradient"));
  }
  if (!(one.activation > one.start)) {
    one.notes.emplace_back(
        "the activation did not rise above that of the start; take more steps, or another seed");
  }
}

std::vector<Visualization> climb_batch(const ClimbRequest& request, bool is_class) {
  const VisualizeOptions& o = request.options;
  const Climb done = !o.plain   ? climb(request)
                     : is_class ? climb_plain_class(request)
                                : climb_plain_unit(request);
  const Tensor before = activations(request, done.start),
               after = activations(request, done.pictures);
  std::vector<Visualization> all;
  for (std::size_t i = 0; i < request.channels.size(); ++i) {
    const auto n = static_cast<std::int64_t>(i);
    Visualization one;
    one.unit = {request.value.name(), request.channels[i]};
    one.picture = PictureSpace::finished(done.pictures[n]);
    one.start = before[n].item<double>();
    one.activation = after[n].item<double>();
    one.trace = done.trace[n].contiguous();
    one.opened = done.opened[n].item<std::int64_t>();
    say(one, done.flat[n].item<std::int64_t>(), done.trace.size(1));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

Fields visualize_fields(VisualizeOptions& o) {
  return {
      integer_field("steps", o.steps, 0, 1'000'000,
                    "steps; 0: 256, or the plain variant's own number"),
      real_field("rate", o.rate, 1e-6, 100, "size of Adam's step in the parameters"),
      choice_field("parametrization", o.parametrization, {"fourier", "pixels"},
                   "what is optimized: frequencies weighted 1/f, or pixels"),
      choice_field("color", o.color, {"decorrelated", "rgb"},
                   "axes of color: those along which photographs vary independently, or rgb"),
      real_field("deviation", o.deviation, 0, 100, "of the noise that it starts from"),
      real_field("jitter", o.jitter, 0, 1,
                 "each step sees the picture shifted by up to this share of its longer side"),
      real_field("scale", o.scale, 0, 1, "and larger or smaller by up to this share"),
      real_field("rotation", o.rotation, 0, 180, "and rotated by up to these degrees"),
      real_field("tv", o.tv, 0, 1e6,
                 "weight of total variation, which smooths; 1: as strong as the unit"),
      real_field("tv-beta", o.tv_beta, 1, 8, "exponent of total variation"),
      real_field("l2", o.l2, 0, 1e6, "weight of the distance from gray; 1: as strong as the unit"),
      choice_field("place", o.place, {"mean", "center"},
                   "the unit's mean over all places, or its place in the middle"),
      bool_field("plain", o.plain, "the variants of early code, without any of these"),
      integer_field("batch", o.batch, 1, 4096, "units that share passes; memory grows with it")};
}

std::int64_t unit_count(const Model& model, const std::string& layer,
                        const std::vector<std::int64_t>& size) {
  const InnerValue value(model, layer);
  return channel_count(probe(value, PictureSpace(model, size)), value.name());
}

std::vector<Visualization> visualize(const Model& model, const std::vector<Unit>& units,
                                     const VisualizeOptions& options) {
  VisualizeOptions o = options;
  check(visualize_fields(o));
  const PictureSpace space(model, o.size);
  check_start(o, space);
  if (units.empty()) fail(ErrorCode::InvalidArgument, "no unit given; name one, or a class");
  std::map<std::string, std::vector<std::size_t>> by_layer;
  for (std::size_t u = 0; u < units.size(); ++u) by_layer[units[u].layer].push_back(u);
  std::vector<Visualization> out(units.size());
  double done = 0;
  for (const auto& [layer, members] : by_layer) {
    const InnerValue value(model, layer);
    const std::int64_t channels = channel_count(probe(value, space), value.name());
    for (const std::size_t u : members) {
      check_channel(units[u].channel, channels, value, layer.empty());
    }
    const auto batch = static_cast<std::size_t>(value.batch(o.batch));
    for (std::size_t first = 0; first < members.size(); first += batch) {
      const std::size_t count = std::min(batch, members.size() - first);
      ClimbRequest request{value, space, o, {}};
      for (std::size_t i = 0; i < count; ++i) {
        request.channels.push_back(units[members[first + i]].channel);
      }
      if (o.progress) {
        request.progress = [&](double share) {
          o.progress((done + share * static_cast<double>(count)) /
                     static_cast<double>(units.size()));
        };
      }
      auto all = climb_batch(request, layer.empty());
      for (std::size_t i = 0; i < count; ++i) out[members[first + i]] = std::move(all[i]);
      done += static_cast<double>(count);
    }
  }
  return out;
}

}  // namespace limn
