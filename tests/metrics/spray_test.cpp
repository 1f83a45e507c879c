// Spectral analysis of maps: every step against plain loops, groups that are known, and the demo
// model that cheats against those that do not.
#include "limn/spray.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "limn/error.h"
#include "limn/method.h"
#include "limn/metric.h"
#include "limn/shapes.h"
#include "limn/sidecar.h"
#include "support/small_model.h"
#include "support/support.h"

namespace limn {
namespace {

double at2(const Tensor& of, std::int64_t i, std::int64_t j) { return of[i][j].item<double>(); }

/// Each cell the mean of the places from floor(i h / side) to ceil((i + 1) h / side).
Tensor slow_features(const Tensor& maps, std::int64_t side, bool strength) {
  const std::int64_t height = maps.size(1), width = maps.size(2);
  Tensor out = at::zeros({maps.size(0), side * side}, at::kDouble);
  for (std::int64_t n = 0; n < maps.size(0); ++n) {
    double total = 0;
    for (std::int64_t i = 0; i < side; ++i) {
      for (std::int64_t j = 0; j < side; ++j) {
        double sum = 0, count = 0;
        for (std::int64_t y = i * height / side; y < ((i + 1) * height + side - 1) / side; ++y) {
          for (std::int64_t x = j * width / side; x < ((j + 1) * width + side - 1) / side; ++x) {
            const double value = at2(maps[n], y, x);
            sum += strength ? std::abs(value) : value;
            ++count;
          }
        }
        out[n][i * side + j] = sum / count;
        total += sum / count;
      }
    }
    out[n] /= total;
  }
  return out;
}

TEST(SprayFeatures, AreMeansOfCellsOverTheirSum) {
  at::manual_seed(1);
  const Tensor maps = at::randn({3, 17, 23}, at::kDouble) + 0.3;
  EXPECT_LT(
      testing::relative_error(spray_features(maps, {.side = 5}), slow_features(maps, 5, true)),
      1e-12);
  const SprayOptions with_signs{.side = 5, .preprocessing = "spectral"};
  EXPECT_LT(
      testing::relative_error(spray_features(maps, with_signs), slow_features(maps, 5, false)),
      1e-12);
  const Tensor channels = at::randn({2, 3, 8, 8}, at::kDouble);
  EXPECT_LT(testing::relative_error(spray_features(channels, {.side = 0}),
                                    spray_features(channels.sum(1), {.side = 8})),
            1e-12);
  EXPECT_EQ(spray_features(at::rand({4, 3, 3}), {.side = 6}).size(1), 36) << "small maps grow";
}

/// Rows in no order, two of them equal.
Tensor scattered(std::int64_t count) {
  at::manual_seed(3);
  Tensor rows = at::rand({count, 6}, at::kDouble);
  rows[1] = rows[4];
  return rows;
}

TEST(SprayGraph, IsThePlainDefinition) {
  const std::int64_t count = 14, neighbors = 3;
  const Tensor rows = scattered(count);
  const Tensor distances = pairwise_distances(rows);
  Tensor nearest = at::zeros({count, count}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<std::pair<double, std::int64_t>> others;
    for (std::int64_t j = 0; j < count; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < 6; ++k) sum += std::pow(at2(rows, i, k) - at2(rows, j, k), 2);
      EXPECT_NEAR(at2(distances, i, j), std::sqrt(sum), 1e-12);
      if (j != i) others.emplace_back(std::sqrt(sum), j);
    }
    std::sort(others.begin(), others.end());
    for (std::int64_t k = 0; k < neighbors; ++k) {
      nearest[i][others[static_cast<std::size_t>(k)].second] = 1;
    }
  }
  const Tensor affinity = neighbor_affinity(distances, neighbors);
  const Tensor normalized = normalized_affinity(affinity);
  const Tensor soft = gaussian_affinity(distances, 0.4);
  std::vector<double> degree(static_cast<std::size_t>(count), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      const double a = (at2(nearest, i, j) + at2(nearest, j, i)) / 2;
      EXPECT_EQ(at2(affinity, i, j), a);
      degree[static_cast<std::size_t>(i)] += a;
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      const double d =
          std::sqrt(degree[static_cast<std::size_t>(i)] * degree[static_cast<std::size_t>(j)]);
      EXPECT_NEAR(at2(normalized, i, j), at2(affinity, i, j) / d, 1e-12);
      EXPECT_NEAR(at2(soft, i, j), std::exp(-std::pow(at2(distances, i, j), 2) / 0.32), 1e-12);
    }
  }
}

TEST(SpraySpectrum, HoldsEigenpairsOfTheLaplacian) {
  const Tensor normalized =
      normalized_affinity(neighbor_affinity(pairwise_distances(scattered(15)), 4));
  const Spectrum spectrum = laplacian_spectrum(normalized, 6);
  ASSERT_EQ(spectrum.values.numel(), 6);
  EXPECT_NEAR(spectrum.values[0].item<double>(), 0, 1e-12);
  for (std::int64_t k = 0; k < 6; ++k) {
    const Tensor v = spectrum.vectors.select(1, k);
    // (1 - A) v = value v, by hand.
    for (std::int64_t i = 0; i < 15; ++i) {
      double product = v[i].item<double>();
      for (std::int64_t j = 0; j < 15; ++j) product -= at2(normalized, i, j) * v[j].item<double>();
      EXPECT_NEAR(product, spectrum.values[k].item<double>() * v[i].item<double>(), 1e-10);
    }
    const double before = k > 0 ? spectrum.values[k - 1].item<double>() : 0;
    EXPECT_GE(spectrum.values[k].item<double>(), before);
  }
  const Tensor gram = at::mm(spectrum.vectors.t(), spectrum.vectors);
  EXPECT_LT((gram - at::eye(6, at::kDouble)).abs().max().item<double>(), 1e-10);
  EXPECT_TRUE(spectrum.vectors.equal(laplacian_spectrum(normalized, 6).vectors));
}

/// Groups whose members know all of their group and nobody else: a complete graph of m nodes has
/// the eigenvalue 0 and m - 1 times m / (m - 1).
TEST(SpraySpectrum, OfSeparateGroupsIsKnown) {
  Tensor rows = at::zeros({18, 2}, at::kDouble);
  at::manual_seed(4);
  for (std::int64_t i = 0; i < 18; ++i) rows[i] = at::rand({2}, at::kDouble) + 100.0 * (i % 3);
  const SprayAnalysis found = analyze_maps(rows, {.neighbors = 5, .most_clusters = 8, .seed = 1});
  const std::vector<double> expected = {0, 0, 0, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2};
  for (std::size_t k = 0; k < expected.size(); ++k) {
    EXPECT_NEAR(found.spectrum.values[static_cast<std::int64_t>(k)].item<double>(), expected[k],
                1e-10);
  }
  EXPECT_EQ(found.gap.clusters, 3);
  EXPECT_NEAR(found.gap.size, 1.2, 1e-10);
  EXPECT_NEAR(found.score, 1, 1e-8) << "no link between the groups";
  ASSERT_EQ(found.clusters.size(), 3U);
  for (std::size_t i = 0; i < 18; ++i) EXPECT_EQ(found.cluster[i], found.cluster[i % 3]);
}

/// Blobs at one of two places: a toy with two strategies.
Tensor two_kinds(std::int64_t count) {
  at::manual_seed(6);
  Tensor maps = at::rand({count, 24, 24}, at::kDouble) * 0.2;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t corner = i % 3 == 0 ? 16 : 2;
    maps[i].narrow(0, corner, 6).narrow(1, corner, 6).add_(1);
  }
  return maps;
}

TEST(Spray, SplitsATwoClusterToyExactly) {
  const SprayOptions options{.side = 12, .neighbors = 6};
  const SprayAnalysis found = analyze_maps(spray_features(two_kinds(60), options), options);
  EXPECT_EQ(found.gap.clusters, 2);
  ASSERT_EQ(found.clusters.size(), 2U);
  EXPECT_EQ(found.clusters[0].members.size(), 40U) << "the larger one first";
  EXPECT_EQ(found.clusters[1].members.size(), 20U);
  for (const auto i : found.clusters[1].members) EXPECT_EQ(i % 3, 0);
  EXPECT_EQ(spray_verdict(found.score), "several strategies");
  // Every map in one place: nothing to split.
  const Tensor same = two_kinds(90).index_select(0, at::arange(30) * 3);
  const SprayAnalysis one = analyze_maps(spray_features(same, options), options);
  EXPECT_EQ(spray_verdict(one.score), "one strategy") << one.score;
}

/// An object anywhere in the picture: the plane's Laplacian has 0, c, c, 2c, 4c, ..., so that no
/// step is more than half of what stands behind it, but for chance.
/// Four groups that hang together by nothing: 0 is a fourfold eigenvalue.
TEST(Spray, TheLayoutKeepsSeparateGroupsApart) {
  at::manual_seed(9);
  Tensors rows;
  for (int group = 0; group < 4; ++group) {
    Tensor own = at::rand({14 + 3 * group, 16}, at::kDouble) * 0.01;
    own.narrow(1, 4 * group, 4).add_(1);
    rows.push_back(own);
  }
  const SprayAnalysis found = analyze_maps(at::cat(rows), {.neighbors = 5, .clusters = 4});
  const Tensor distances = at::cdist(found.layout, found.layout);
  double within = 0, between = std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < distances.size(0); ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      const double distance = distances[i][j].item<double>();
      const auto group = [&](std::int64_t k) { return found.cluster[static_cast<std::size_t>(k)]; };
      if (group(i) == group(j)) within = std::max(within, distance);
      if (group(i) != group(j)) between = std::min(between, distance);
    }
  }
  EXPECT_LT(within, 1e-6);
  EXPECT_GT(between, 0.1);
}

TEST(Spray, MapsThatChangeSmoothlyAreOneStrategy) {
  at::manual_seed(11);
  const Tensor place = at::arange(20, at::kDouble) + 0.5;
  Tensors maps;
  for (int i = 0; i < 300; ++i) {
    const Tensor center = at::rand({2}, at::kDouble) * 14 + 3;
    const Tensor down = at::exp(-(place - center[0]).square() / 8);
    const Tensor across = at::exp(-(place - center[1]).square() / 8);
    maps.push_back(at::outer(down, across) + at::rand({20, 20}, at::kDouble) * 0.1);
  }
  const SprayAnalysis found = analyze_maps(spray_features(at::stack(maps)));
  EXPECT_GT(found.score, 0.1);
  EXPECT_EQ(spray_verdict(found.score), "one strategy") << found.score;
}

TEST(Spray, MembersStandByTheirDistanceFromTheMean) {
  const SprayOptions options{.side = 8, .neighbors = 5, .clusters = 3};
  const Tensor rows = spray_features(two_kinds(40), options);
  const SprayAnalysis found = analyze_maps(rows, options);
  ASSERT_EQ(found.clusters.size(), 3U);
  std::set<std::int64_t> all;
  for (std::size_t c = 0; c < 3; ++c) {
    const auto& cluster = found.clusters[c];
    EXPECT_LE(cluster.members.size(), found.clusters[c > 0 ? c - 1 : 0].members.size());
    double before = 0;
    Tensor mean = at::zeros({64}, at::kDouble);
    for (const auto i : cluster.members) mean += rows[i];
    mean /= static_cast<double>(cluster.members.size());
    EXPECT_LT(testing::relative_error(cluster.mean, mean), 1e-12);
    for (const auto i : cluster.members) {
      EXPECT_EQ(found.cluster[static_cast<std::size_t>(i)], static_cast<std::int64_t>(c));
      const double away = (rows[i] - mean).norm().item<double>();
      EXPECT_GE(away, before - 1e-12);
      before = away;
      all.insert(i);
    }
  }
  EXPECT_EQ(all.size(), 40U);
}

TEST(Eigengap, IsTheLargestStep) {
  const Tensor values = at::tensor({0.0, 0.1, 0.15, 0.6, 0.9, 2.0}, at::kDouble);
  EXPECT_EQ(find_eigengap(values, 4).clusters, 3);
  EXPECT_NEAR(find_eigengap(values, 4).size, 0.45, 1e-12);
  EXPECT_EQ(find_eigengap(values, 5).clusters, 5);
  EXPECT_EQ(find_eigengap(values, 50).clusters, 5) << "no step behind the last value";
}

TEST(Separation, IsTheLargestShareOfAStepBehindTheSecondValue) {
  const Tensor values = at::tensor({0.0, 0.1, 0.15, 0.6, 0.9, 9.0}, at::kDouble);
  EXPECT_NEAR(separation(values, 4), 0.75, 1e-8) << "0.15 to 0.6";
  EXPECT_NEAR(separation(values, 5), 0.9, 1e-8) << "0.9 to 9";
  EXPECT_NEAR(separation(values, 2), 1.0 / 3, 1e-8);
  EXPECT_EQ(separation(at::tensor({0.0, 0.4}, at::kDouble), 9), 0) << "one group";
  const Tensor rounding = at::tensor({0.0, 1e-16, 3e-15, 3.1e-15}, at::kDouble);
  EXPECT_LT(separation(rounding, 9), 1e-5) << "zeros are equal";
}

TEST(Spray, ExplainsWhatItCannotUse) {
  const auto expect = [](ErrorCode code, const std::string& words, const auto& run) {
    try {
      run();
      ADD_FAILURE() << "no error: " << words;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
      EXPECT_EQ(error.code(), code) << error.what();
    }
  };
  Tensor maps = at::rand({4, 8, 8});
  expect(ErrorCode::BadInput, "[n, h, w]", [&] { spray_features(maps[0][0]); });
  expect(ErrorCode::InvalidArgument, "legal: absspectral",
         [&] { spray_features(maps, {.preprocessing = "abs"}); });
  maps[2].fill_(0.5);
  expect(ErrorCode::BadInput, "map 2 is constant", [&] { spray_features(maps); });
  maps[2] = at::cat({at::ones({4, 8}), -at::ones({4, 8})});
  expect(ErrorCode::BadInput, "signs of map 2 cancel",
         [&] { spray_features(maps, {.preprocessing = "spectral"}); });
  EXPECT_TRUE(spray_features(maps).isfinite().all().item<bool>());
  maps[3][0][0] = std::numeric_limits<float>::quiet_NaN();
  expect(ErrorCode::Numerical, "map 3 holds NaN", [&] { spray_features(maps); });
  const Tensor rows = at::rand({11, 4});
  expect(ErrorCode::BadInput, "11 maps are too few for 10 neighbors", [&] { analyze_maps(rows); });
  EXPECT_EQ(analyze_maps(rows, {.neighbors = 9}).cluster.size(), 11U);
  expect(ErrorCode::InvalidArgument, "12",
         [&] { analyze_maps(rows, {.neighbors = 3, .clusters = 12}); });
  expect(ErrorCode::InvalidArgument, "neighbors among 11",
         [&] { neighbor_affinity(pairwise_distances(rows), 11); });
  expect(ErrorCode::InvalidArgument, "sigma", [&] { gaussian_affinity(rows, 0); });
  expect(ErrorCode::InvalidArgument, "no neighbor", [&] {
    normalized_affinity(at::zeros({3, 3}));
  });
  expect(ErrorCode::InvalidArgument, "t-SNE", [&] { tsne(at::rand({2, 2}), 0); });
}

TEST(SprayMetric, KeepsMapsAndAnalyzesClasses) {
  const auto metric = make_metric("spray(side=8, neighbors=5)");
  const SprayOptions options{.side = 8, .neighbors = 5};
  const Model model{Graph(testing::small_model())};
  const Tensor maps = two_kinds(30).to(at::kFloat), x = at::zeros({1, 3, 24, 24});
  const Tensor picture = at::zeros({24, 24, 3}, at::kByte);
  const Explanation explanation;
  const ExplainOptions explaining;
  const auto measured = [&](const Tensor& map) {
    return metric->measure({.model = model,
                            .x = x,
                            .explanation = explanation,
                            .map = map,
                            .original = map,
                            .picture = picture,
                            .options = explaining});
  };
  std::vector<MetricRow> rows;
  for (std::int64_t i = 0; i < 30; ++i) rows.push_back({std::to_string(i), 4, measured(maps[i])});
  const Tensor features = spray_features(maps, options);
  EXPECT_NEAR(rows[7].measurement.curves.at("map")[9], at2(features, 7, 9), 1e-12);
  const SprayAnalysis found = analyze_maps(features, options);
  // Two maps of another class are too few to be analyzed.
  rows.push_back({"a", 1, measured(maps[0])});
  rows.push_back({"b", 1, measured(maps[1])});
  const auto columns = metric->summarize(rows);
  ASSERT_EQ(columns.size(), metric->info().columns.size());
  EXPECT_NEAR(columns[0], found.score, 1e-9);
  EXPECT_NEAR(columns[1], found.score, 1e-9);
  EXPECT_EQ(columns[2], 2);
  EXPECT_EQ(columns[3], 1);
  EXPECT_EQ(measured(at::ones({24, 24})).skipped, "the map is constant");
  EXPECT_TRUE(std::isnan(metric->summarize({rows.back()})[0]));
}

/// Pictures with a hexagon: in the first half the tag marks them, in the second there is none.
Tensor hexagons(std::int64_t half) {
  Tensors all;
  for (const TagRule rule : {TagRule::OnClass, TagRule::Never}) {
    ShapesOptions options{.seed = rule == TagRule::Never ? 2026U : 2027U};
    options.tag = rule;
    options.tag_label = kDemoTagLabel;
    std::int64_t found = 0;
    for (std::int64_t i = 0; found < half; ++i) {
      const ShapesPicture scene = shapes_picture(options, i);
      if (!scene.holds(kDemoTagLabel)) continue;
      all.push_back(scene.picture);
      ++found;
    }
  }
  return (at::stack(all).to(at::kFloat) / 255 - 0.5) / 0.25;
}

SprayAnalysis analysis_of(const std::string& name, const Tensor& x) {
  const Model model = load_model(testing::demo_model("shapes_" + name + ".onnx"));
  const auto method = make_method("lrp");
  Tensors maps;
  for (const auto& part : x.split(20)) {
    maps.push_back(method->explain(model, part, Target::of_class(kDemoTagLabel)).map());
  }
  return analyze_maps(spray_features(at::cat(maps)));
}

/// The model that learned hexagon from the tag has strategies that those that did not have not.
TEST(SprayDemo, FindsTheTagOnTheModelThatCheatsAlone) {
  const std::int64_t half = 60;
  const Tensor x = hexagons(half);
  const SprayAnalysis cheat = analysis_of("cheat", x);
  EXPECT_EQ(spray_verdict(cheat.score), "several strategies") << cheat.score;
  std::int64_t on_tag = 0, apart = 0;
  for (const auto& cluster : cheat.clusters) {
    const auto tagged = std::count_if(cluster.members.begin(), cluster.members.end(),
                                      [&](std::int64_t i) { return i < half; });
    const double share = static_cast<double>(tagged) / static_cast<double>(cluster.members.size());
    EXPECT_TRUE(share > 0.85 || share < 0.15) << share << " of a cluster carries the tag";
    (share > 0.5 ? on_tag : apart) += static_cast<std::int64_t>(cluster.members.size());
  }
  EXPECT_GE(on_tag, half - 6) << "the tag has clusters of its own";
  EXPECT_GE(apart, half - 6);
  for (const std::string name : {"vgg", "resnet", "densenet"}) {
    const SprayAnalysis honest = analysis_of(name, x);
    EXPECT_EQ(spray_verdict(honest.score), "one strategy") << name << " " << honest.score;
  }
}

}  // namespace
}  // namespace limn
