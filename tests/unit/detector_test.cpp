// Detectors: layouts, targets, gradients of one box, D-RISE.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "limn/method.h"
#include "support/small_detector.h"
#include "support/support.h"

namespace limn {
namespace {

using testing::bright_cells;
using testing::small_detector;

/// Blue in row 1, column 2; red, a little darker, in row 3, column 0.
Tensor picture() { return bright_cells({{1, 2, 2}}) + 0.9 * bright_cells({{3, 0, 0}}); }

std::string message(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Detectors, EveryLayoutFindsTheSameObjects) {
  for (const auto& layout : Detector::layouts()) {
    const Model model = small_detector(layout);
    const auto found =
        detections(model, read_proposals(model, model.run(picture(), Keep::Outputs)), 0);
    ASSERT_EQ(found.size(), 2u) << layout;
    EXPECT_EQ(found[0].label, 2) << layout;
    EXPECT_EQ(found[1].label, 0) << layout;
    const std::array<double, 4> first = {16, 8, 24, 16}, second = {0, 24, 8, 32};
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(found[0].box[i], first[i], 1e-4) << layout;
      EXPECT_NEAR(found[1].box[i], second[i], 1e-4) << layout;
    }
    EXPECT_GT(found[0].score, found[1].score) << layout;
  }
}

TEST(Detectors, OverlapsOfOneClassAreRemoved) {
  const Model model = small_detector();
  Proposals all;
  all.boxes = at::tensor({0., 0., 10., 10., 0., 1., 10., 11., 0., 0., 10., 10., 50., 50., 60., 60.})
                  .view({1, 4, 4});
  all.objectness = at::ones({1, 4});
  all.classes = at::tensor({.9, .0, .0, .8, .0, .0, .0, .7, .0, .1, .0, .0}).view({1, 4, 3});
  all.scores = std::get<0>(all.classes.max(2));
  all.labels = std::get<1>(all.classes.max(2));
  const auto found = detections(model, all, 0);
  ASSERT_EQ(found.size(), 2u) << "the second overlaps the first, the third is of another class, "
                                 "the fourth is weak";
  EXPECT_EQ(found[0].proposal, 0);
  EXPECT_EQ(found[1].proposal, 2);
}

TEST(Detectors, IouByHand) {
  const auto iou = [](std::vector<double> a, std::vector<double> b) {
    return box_iou(at::tensor(a, at::kDouble), at::tensor(b, at::kDouble)).item<double>();
  };
  EXPECT_NEAR(iou({0, 0, 2, 2}, {1, 1, 3, 3}), 1.0 / 7, 1e-12);
  EXPECT_EQ(iou({0, 0, 2, 2}, {2, 2, 3, 3}), 0);
  EXPECT_EQ(iou({0, 0, 2, 2}, {0, 0, 2, 2}), 1);
  EXPECT_EQ(iou({1, 1, 1, 1}, {1, 1, 1, 1}), 0) << "no area";
}

TEST(Detectors, TargetsNameBoxes) {
  const Model model = small_detector();
  const Tape tape = model.run(picture());
  const auto label_of = [&](const std::string& target) {
    return bind_targets(model, tape, Target::parse(target)).front().classes.front();
  };
  EXPECT_EQ(label_of("top1"), 2);
  EXPECT_EQ(label_of("box:1"), 0);
  EXPECT_EQ(label_of("label:red"), 0);
  EXPECT_EQ(label_of("class:blue"), 2);
  EXPECT_EQ(label_of("box:1,23,9,31"), 0);
  EXPECT_EQ(bind_targets(model, tape, Target::parse("top:2")).size(), 2u);
  const auto error = [&](const std::string& target) {
    return message([&] { bind_targets(model, tape, Target::parse(target)); });
  };
  EXPECT_NE(error("box:5").find("there is no detection 5; detected: box:0 blue"), std::string::npos)
      << error("box:5");
  EXPECT_NE(error("label:green").find("no green is detected"), std::string::npos);
  EXPECT_NE(error("box:24,24,32,32").find("no detection overlaps"), std::string::npos);
  EXPECT_NE(error("box:1,2,3").find("x1 < x2"), std::string::npos);
  EXPECT_NE(error("box:9,2,3,4").find("x1 < x2"), std::string::npos);
  EXPECT_NE(error("box:nan,2,3,4").find("x1 < x2"), std::string::npos);
  EXPECT_NE(error("margin:red-blue").find("needs a classifier"), std::string::npos);
  const Tape dark = model.run(at::zeros({1, 3, 32, 32}));
  const std::string nothing = message([&] { bind_targets(model, dark, {Target::top1()}); });
  EXPECT_NE(nothing.find("nothing is detected"), std::string::npos) << nothing;
}

TEST(Detectors, LayoutsThatDoNotFitListTheOutputs) {
  Detector how;
  how.layout = "yolox";
  how.strides = {8, 16};
  const Model model = small_detector().with_detector(how);
  const std::string text = message([&] { read_proposals(model, model.run(picture())); });
  EXPECT_NE(text.find("[1, 16, 8]"), std::string::npos) << text;
  EXPECT_NE(text.find("yolov8"), std::string::npos) << text;
  how.layout = "yolo";
  EXPECT_NE(message([&] { model.with_detector(how); }).find("did you mean"), std::string::npos);
}

/// The gradient of objectness times class score, by finite differences.
TEST(Detectors, GradientsAreThoseOfTheMatchedProposal) {
  for (const std::string layout : {"yolox", "yolov8"}) {
    const Model model = small_detector(layout).to(at::kDouble);
    const Tensor x = picture().to(at::kDouble) * 0.5;
    Detector how = model.detector();
    how.score = 0.05;
    const Model eager = model.with_detector(how);
    const Explanation one = make_method("gradient")->explain(eager, x, Target::parse("box:1")[0]);
    const std::int64_t place = one.detected.front().proposal, label = one.classes.front();
    const auto score = [&](const Tensor& at) {
      const Proposals all = read_proposals(eager, eager.run(at));
      return (all.objectness[0][place] * all.classes[0][place][label]).item<double>();
    };
    EXPECT_NEAR(one.score.item<double>(), score(x), 1e-12);
    for (const auto& [row, column] : {std::pair{26, 3}, {10, 20}}) {
      constexpr double kStep = 1e-5;
      Tensor more = x.clone(), less = x.clone();
      more[0][0][row][column] += kStep;
      less[0][0][row][column] -= kStep;
      const double slope = (score(more) - score(less)) / (2 * kStep);
      // A place where the ReLU is exactly at zero has no two-sided slope.
      if (x[0][0][row][column].item<double>() == 0) continue;
      EXPECT_NEAR(one.relevance[0][0][row][column].item<double>(), slope, 1e-8) << layout;
    }
  }
}

/// The strongest place of each method's map lies in the explained box, for each of two boxes.
TEST(Detectors, MapsOfABoxLieInTheBox) {
  for (const std::string layout : {"yolox", "yolov5", "yolov8"}) {
    const Model model = small_detector(layout);
    for (const std::string spec :
         {"input-x-gradient", "grad-cam", "lrp", "rap", "rise(n=600)", "d-rise(n=600, cells=4)",
          "smoothgrad(n=4)", "meaningful-perturbation(max-iter=30, cell=4)"}) {
      const auto maps = make_method(spec)->explain(model, picture(), Target::parse("top:2"), {});
      for (const auto& one : maps) {
        const Tensor map = one.map()[0];
        const std::int64_t best = map.argmax().item<std::int64_t>();
        const double x =
            (static_cast<double>(best % map.size(1)) + 0.5) * 32 / static_cast<double>(map.size(1));
        const double y =
            (static_cast<double>(best / map.size(1)) + 0.5) * 32 / static_cast<double>(map.size(0));
        const auto& box = one.detected.front().box;
        EXPECT_TRUE(x > box[0] && x < box[2] && y > box[1] && y < box[3])
            << layout << " " << spec << " " << one.target << ": " << x << ", " << y;
      }
    }
  }
}

TEST(Detectors, DRiseWorksWhereBoxesAreFinished) {
  const Model model = small_detector("boxes-scores-labels");
  const std::string text =
      message([&] { make_method("gradient")->explain(model, picture(), Target::top1()); });
  EXPECT_NE(text.find("take -m d-rise"), std::string::npos) << text;
  const Explanation one =
      make_method("d-rise(n=400, cells=4)")->explain(model, picture(), Target::top1());
  const std::int64_t best = one.map()[0].argmax().item<std::int64_t>();
  EXPECT_TRUE(best % 32 >= 16 && best % 32 < 24 && best / 32 >= 8 && best / 32 < 16) << best;
}

TEST(Detectors, DRiseCountsTheMasksThatHideTheObject) {
  const Model model = small_detector();
  // One cell for the whole picture: half of the masks hide everything.
  const Explanation one =
      make_method("d-rise(n=400, cells=1)")->explain(model, picture(), Target::top1());
  const double gone = one.inner.at("vanished").item<double>();
  EXPECT_NEAR(gone, 0.5, 0.1);
  EXPECT_NE(one.notes.at(1).find("vanished under"), std::string::npos);
}

TEST(Detectors, MethodsThatNeedClassesOfThePictureRefuse) {
  const Model model = small_detector();
  for (const std::string spec : {"ucag(gradient, patches=2, crop=124)", "cameras", "sglrp", "clrp",
                                 "lrp(contrast=others)"}) {
    const std::string text =
        message([&] { make_method(spec)->explain(model, picture(), Target::top1()); });
    EXPECT_NE(text.find("a detector answers for each box"), std::string::npos) << spec << text;
  }
}

TEST(Detectors, ABatchIsItsSingles) {
  const Model model = small_detector().to(at::kDouble);
  const Tensor both = at::cat({picture(), bright_cells({{0, 3, 1}})}).to(at::kDouble);
  for (const std::string spec : {"gradient", "d-rise(n=64, cells=4)", "grad-cam"}) {
    const auto method = make_method(spec);
    const Explanation batch = method->explain(model, both);
    for (std::int64_t n = 0; n < 2; ++n) {
      const Explanation single = method->explain(model, both.slice(0, n, n + 1));
      EXPECT_LT((batch.relevance[n] - single.relevance[0]).abs().max().item<double>(), 1e-12)
          << spec;
      EXPECT_EQ(batch.detected[static_cast<std::size_t>(n)].proposal,
                single.detected.front().proposal);
    }
  }
}

}  // namespace
}  // namespace limn
