// The hunt for cheating in one class: groups of maps (limn/spray.h), spots that recur or lie off
// the object, and what happens to the score when the spot is covered, against equally large windows
// elsewhere.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/counter_random.h"
#include "evaluation/audit_maps.h"
#include "limn/audit.h"
#include "metrics/picture_scores.h"

namespace limn {
namespace {

constexpr double kHalf = 0.5;
/// Share of spots at one place at an edge that tells without masks; objects at any place reach
/// 0.49.
constexpr double kSamePlace = 0.6;
/// Share of spots that must look alike before it is said: outlines of one class look alike, too.
constexpr double kSameThing = 0.75;
/// Spots covered at most, and windows elsewhere for each.
constexpr std::int64_t kMostCovered = 50;
constexpr std::size_t kControls = 4;
/// A window this near an edge counts as at it, in shares of the side.
constexpr double kEdge = 0.08;

struct Window {
  std::int64_t top = 0, left = 0;
};

/// Windows of the spot's size that do not touch it, drawn by a counter; fewer where there is no
/// room.
std::vector<Window> elsewhere(const AuditSpot& spot, std::int64_t height, std::int64_t width,
                              std::uint64_t seed) {
  std::vector<Window> out;
  const std::uint64_t key = draw(mix(seed), spot.number);
  const auto place = [&](std::uint64_t count, std::int64_t room) {
    return static_cast<std::int64_t>(unit(draw(key, count)) * static_cast<double>(room + 1));
  };
  for (std::uint64_t i = 0; out.size() < kControls && i < 64; ++i) {
    const Window one = {place(2 * i, height - spot.height), place(2 * i + 1, width - spot.width)};
    const bool apart =
        std::abs(one.top - spot.top) >= spot.height || std::abs(one.left - spot.left) >= spot.width;
    if (apart) out.push_back(one);
  }
  return out;
}

/// Spots that the signs are about: those off the object, else those at the recurring place.
std::vector<std::size_t> suspects(const AuditClass& found) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < found.spots.size(); ++i) {
    if (found.spots[i].off.value_or(0) >= kHalf) out.push_back(i);
  }
  if (found.labelled == 0 && found.place.share >= kHalf) out = found.place.members;
  if (out.size() * 4 < found.spots.size()) {
    out.clear();
    for (std::size_t i = 0; i < found.spots.size(); ++i) out.push_back(i);
  }
  return some_of(out, kMostCovered);
}

template <typename Row>
double mean_of(const std::vector<Row>& rows, double Row::*value) {
  double sum = 0;
  for (const auto& row : rows) sum += row.*value;
  return rows.empty() ? 0 : sum / static_cast<double>(rows.size());
}

/// Covers the spots of a group one by one.
void cover(const Model& model, const std::vector<AuditCase>& cases, std::uint64_t seed,
           AuditClass& found) {
  for (const std::size_t i : suspects(found)) {
    const AuditSpot& spot = found.spots[i];
    const AuditCase& one = cases[spot.number];
    std::vector<Window> windows = {{spot.top, spot.left}};
    const auto others = elsewhere(spot, one.x.size(2), one.x.size(3), seed);
    windows.insert(windows.end(), others.begin(), others.end());
    const auto scores = score_pictures(
        model, static_cast<std::int64_t>(windows.size()), one.target, 8,
        [&](std::int64_t first, std::int64_t count) {
          Tensors pictures;
          for (std::int64_t k = first; k < first + count; ++k) {
            const Window& at = windows[static_cast<std::size_t>(k)];
            pictures.push_back(cover_window(one.x, at.top, at.left, spot.height, spot.width));
          }
          return at::cat(pictures);
        });
    const auto& p = scores.probability;
    // Without room elsewhere a window elsewhere changes nothing.
    const double control = others.empty() ? one.probability
                                          : std::accumulate(p.begin() + 1, p.end(), 0.0) /
                                                static_cast<double>(others.size());
    found.covers.push_back({i, one.probability, p.front(), control});
  }
  found.before = mean_of(found.covers, &AuditCover::before);
  found.covered = mean_of(found.covers, &AuditCover::covered);
  found.control = mean_of(found.covers, &AuditCover::control);
}

/// Whether the middle of a window lies so near the upper or lower, and the left or right edge.
std::array<bool, 2> near_edges(const AuditSpot& spot) {
  const double half = std::sqrt(kSpotArea) / 2;
  return {std::min(spot.y, 1 - spot.y) <= half + kEdge,
          std::min(spot.x, 1 - spot.x) <= half + kEdge};
}

std::string place_words(const AuditClass& found) {
  const auto [row, column] = near_edges(found.spots[found.place.middle]);
  double upper = 0, left = 0;
  for (const std::size_t i : found.place.members) {
    upper += found.spots[i].y < 0.5 ? 1 : 0;
    left += found.spots[i].x < 0.5 ? 1 : 0;
  }
  const auto count = static_cast<double>(found.place.members.size());
  const auto side = [&](double first, const char* one, const char* other) -> std::string {
    if (first >= 0.9 * count) return one;
    return first <= 0.1 * count ? other : "";
  };
  const std::string down = side(upper, "upper", "lower"), across = side(left, "left", "right");
  if (row && column) {
    return down.empty() || across.empty() ? "in a corner"
                                          : fmt::format("in the {} {} corner", down, across);
  }
  if (row) return down.empty() ? "at the upper or lower edge" : "at the " + down + " edge";
  if (column) return across.empty() ? "at the left or right edge" : "at the " + across + " edge";
  return "away from the edges";
}

bool at_edge(const AuditClass& found) {
  if (found.spots.empty()) return false;
  const auto [row, column] = near_edges(found.spots[found.place.middle]);
  return row || column;
}

struct Signs {
  bool off = false, recurs = false, groups = false, edge = false, falls = false;
  bool any() const { return off || groups || edge; }
  bool shortcut() const { return falls && ((off && recurs) || groups || edge); }
};

Signs signs_of(const AuditClass& found) {
  Signs out;
  out.off = found.labelled > 0 && found.off_share >= kHalf;
  out.recurs = found.place.share >= kHalf || found.look.share >= kSameThing;
  out.groups = found.spray && found.spray->score >= kSprayFlagged;
  out.edge = found.labelled == 0 && found.place.share >= kSamePlace && at_edge(found);
  out.falls = found.control - found.covered >= kFall;
  return out;
}

std::map<std::string, double> numbers_of(const AuditClass& found) {
  std::map<std::string, double> out = {{"maps", static_cast<double>(found.spots.size())},
                                       {"place", found.place.share},
                                       {"look", found.look.share},
                                       {"before", found.before},
                                       {"covered", found.covered},
                                       {"control", found.control},
                                       {"fall", found.control - found.covered},
                                       {"absent", static_cast<double>(found.absent)}};
  out["spot-share"] = mean_of(found.spots, &AuditSpot::share);
  if (found.labelled > 0) out["off-object"] = found.off_share;
  if (found.spray) {
    out["spectral-score"] = found.spray->score;
    out["clusters"] = static_cast<double>(found.spray->clusters.size());
  }
  return out;
}

std::string fall_words(const AuditClass& found) {
  return fmt::format(
      "Covering it takes the probability from {:.2f} to {:.2f}, an equally large "
      "window elsewhere to {:.2f}.",
      found.before, found.covered, found.control);
}

std::string whose(const AuditClass& found) {
  return found.pooled ? "all classes together" : "class \"" + found.name + "\"";
}

std::string suspicion_words(const AuditClass& found, const Signs& signs) {
  std::string out;
  if (found.place.share >= kHalf) {
    out = fmt::format("Maps of {} sit on a small spot {} in {:.0f} % of {} pictures", whose(found),
                      place_words(found), 100 * found.place.share, found.spots.size());
  } else {
    out = fmt::format("Maps of {} are strongest at no common place in {} pictures", whose(found),
                      found.spots.size());
  }
  if (signs.off) {
    out += fmt::format(", and in {:.0f} % off the object", 100 * found.off_share);
  }
  if (signs.groups) {
    out += fmt::format("; they fall into {} groups (spectral score {:.2f})",
                       found.spray->clusters.size(), found.spray->score);
  }
  out += ". ";
  if (found.look.share >= kSameThing) {
    out += fmt::format("In {:.0f} % of the pictures the same thing stands there. ",
                       100 * found.look.share);
  }
  return out;
}

}  // namespace

AuditClass examine_class(const Model& model, const std::vector<AuditCase>& cases,
                         const AuditMaps& maps, const std::vector<std::size_t>& numbers,
                         std::uint64_t seed) {
  AuditClass found;
  found.name = cases[numbers.front()].class_name;
  SprayOptions spray;
  spray.seed = seed;
  Tensors rows, patches;
  std::int64_t off = 0;
  for (const std::size_t number : numbers) {
    const AuditCase& one = cases[number];
    const Tensor& map = maps.maps[number];
    if (one.object.defined() && !one.object.any().item<bool>()) ++found.absent;
    rows.push_back(spray_features(map.unsqueeze(0), spray)[0]);
    auto spot = strongest_spot(map, one.object);
    if (!spot) continue;
    spot->number = number;
    if (spot->off) {
      ++found.labelled;
      off += *spot->off >= kHalf ? 1 : 0;
    }
    patches.push_back(spot_patch(one.x, map, *spot));
    found.spots.push_back(*spot);
  }
  if (static_cast<std::int64_t>(rows.size()) >= kLeastMaps) {
    found.spray = analyze_maps(at::stack(rows), spray);
  }
  if (found.spots.empty()) return found;
  if (found.labelled > 0) {
    found.off_share = static_cast<double>(off) / static_cast<double>(found.labelled);
  }
  found.place = recurring_place(found.spots);
  found.look = recurring_look(at::stack(patches));
  cover(model, cases, seed, found);
  return found;
}

AuditFinding judge_cheating(const AuditClass& found) {
  AuditFinding out{.check = "cheating", .subject = found.name};
  if (static_cast<std::int64_t>(found.spots.size()) < kLeastMaps) {
    out.words =
        fmt::format("Only {} usable map{} of class \"{}\"; at least {} are needed.",
                    found.spots.size(), found.spots.size() == 1 ? "" : "s", found.name, kLeastMaps);
    out.advice = "Give more pictures of this class.";
    return out;
  }
  const Signs signs = signs_of(found);
  out.numbers = numbers_of(found);
  if (!signs.any()) {
    out.answer = AuditAnswer::Passed;
    out.words = found.labelled > 0
                    ? fmt::format(
                          "Nothing speaks for a shortcut in {} pictures: the maps are "
                          "strongest off the object in {:.0f} %",
                          found.spots.size(), 100 * found.off_share)
                    : fmt::format(
                          "Nothing speaks for a shortcut in {} pictures: the maps are "
                          "strongest at one place in {:.0f} %",
                          found.spots.size(), 100 * found.place.share);
    out.words += fmt::format(", spectral score {:.2f}.", found.spray ? found.spray->score : 0);
    return out;
  }
  out.answer = signs.shortcut() ? AuditAnswer::Flagged : AuditAnswer::Unclear;
  out.words = suspicion_words(found, signs) + fall_words(found);
  if (found.absent > 0) {
    out.words += fmt::format(" In {} of the pictures the class is not even there.", found.absent);
  }
  if (signs.shortcut()) {
    out.words += " The model may use it instead of the object.";
    out.advice =
        "Look at the pictures: is it part of the object, or a tag, a border, a shadow? "
        "Then test the model on pictures without it.";
  } else if (signs.falls) {
    out.advice =
        "Nothing recurs, so this is no single shortcut; look at the pictures, and try another "
        "method with -m: coarse maps reach beyond their object.";
  } else {
    out.advice =
        "The score does not hang on one spot; look at the pictures, and try another method "
        "with -m.";
  }
  return out;
}

}  // namespace limn
