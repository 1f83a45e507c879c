// Everything that users get wrong: a clear error, the right exit code, nothing left behind.
#include <unistd.h>

#include "cli/fixture.h"
#include "support/onnx_builder.h"

namespace limn::testing {
namespace {

using BadInput = CommandLine;

TEST_F(BadInput, Models) {
  const auto with_model = [&](const std::string& path) {
    return limn({"explain", path, picture(), "-o", out()});
  };
  expect_refused(with_model(folder_ / "none.onnx"), 3, "none.onnx");
  write_text(folder_ / "text.onnx", "this is not a model, it is a sentence");
  expect_refused(with_model(folder_ / "text.onnx"), 4, "text.onnx");
  const std::string bytes = read_text(model());
  write_text(folder_ / "half.onnx", bytes.substr(0, bytes.size() / 2));
  expect_refused(with_model(folder_ / "half.onnx"), 4, "half.onnx");
  write_text(folder_ / "empty.onnx", "");
  expect_refused(with_model(folder_ / "empty.onnx"), 4, "empty.onnx");

  Draft unknown = small_model();
  unknown.nodes[1].op = "Frobnicate";
  write_onnx(unknown, folder_ / "unknown.onnx");
  expect_refused(with_model(folder_ / "unknown.onnx"), 5, "Frobnicate");
  const auto coverage = limn({"inspect", folder_ / "unknown.onnx"});
  EXPECT_EQ(coverage.code, 5);
  EXPECT_NE(coverage.out.find("6/7 nodes"), std::string::npos) << coverage.out;

  Draft cyclic = small_model();
  cyclic.nodes[0].inputs[0] = "r2";
  write_onnx(cyclic, folder_ / "cyclic.onnx");
  expect_refused(with_model(folder_ / "cyclic.onnx"), 4, "cycl");
  Draft missing = small_model();
  missing.constants.erase("w2");
  write_onnx(missing, folder_ / "missing.onnx");
  expect_refused(with_model(folder_ / "missing.onnx"), 4, "w2");
  Draft poisoned = small_model();
  poisoned.constants["w1"] = at::full({4, 3, 3, 3}, NAN);
  write_onnx(poisoned, folder_ / "nan.onnx");
  expect_refused(with_model(folder_ / "nan.onnx"), 8, "w1");
}

TEST_F(BadInput, ModelsThatLimnCannotFeed) {
  const auto refused = [&](const Draft& draft, int code, const std::string& words) {
    write_onnx(draft, folder_ / "odd.onnx");
    expect_refused(limn({"explain", folder_ / "odd.onnx", picture(), "-o", out()}), code, words);
  };
  for (const auto& [type, name] : {std::pair{at::kLong, "int64"}, std::pair{at::kBool, "bool"}}) {
    Draft typed = small_model();
    typed.inputs[0].dtype = type;
    refused(typed, 5, std::string("input \"input\" is ") + name);
  }
  Draft two = small_model();
  two.inputs.push_back(two.inputs[0]);
  two.inputs[1].name = "mask";
  two.nodes[6].inputs[2] = "mask";
  refused(two, 5, "2 inputs, \"input\", \"mask\"");
  for (const char* weights : {"w1", "w3"}) {
    Draft integers = small_model();
    integers.constants[weights] = integers.constants[weights].to(at::kLong);
    refused(integers, 4, std::string("\"") + weights + "\", the weights of node");
  }
}

TEST_F(BadInput, ModelsThatDeclareAHugeInput) {
  for (const std::int64_t side : {std::int64_t{60000}, std::int64_t{1} << 20}) {
    Draft huge = small_model();
    huge.inputs[0].shape = {1, 3, side, side};
    const std::string path = folder_ / "huge.onnx";
    write_onnx(huge, path);
    expect_refused(limn({"inspect", path}), 4, "declares the input");
    expect_refused(limn({"bench", "cost", path}), 4, "declares the input");
  }
}

TEST_F(BadInput, ModelsWithTensorsThatAreNotThere) {
  std::filesystem::create_directory(folder_ / "model");
  write_text(folder_ / "secret.bin", std::string(36, 'x'));
  const auto refused = [&](const std::string& tensor, int code, const std::string& words) {
    OnnxBuilder build;
    build.nodes = {node_proto("Add", {"x", "w"}, {"y"})};
    build.initializers = {tensor};
    write_text(folder_ / "model/odd.onnx", build.bytes());
    expect_refused(limn({"explain", folder_ / "model/odd.onnx", picture(), "-o", out()}), code,
                   words);
  };
  const auto external = [](const std::string& location) {
    return external_tensor("w", {9}, 1, {{"location", location}});
  };
  refused(external("none.bin"), 3, "keep it beside the model");
  refused(external("../secret.bin"), 4, "it must lie in the model's folder");
  refused(external(folder_ / "secret.bin"), 4, "it must lie in the model's folder");
  std::filesystem::create_symlink(folder_ / "secret.bin", folder_ / "model/link.bin");
  refused(external("link.bin"), 4, "leads out of the model's folder");

  const std::int64_t side = std::int64_t{1} << 20;
  refused(raw_tensor("w", {side, side}, 1, ""), 4, "\"w\"");
  refused(raw_tensor("w", {side, side, 2}, 1, ""), 4, "claims more than 2^40 elements");

  // A few bytes that would compute as much.
  OnnxBuilder build;
  build.nodes = {node_proto("ConstantOfShape", {"sizes"}, {"w"}),
                 node_proto("Add", {"x", "w"}, {"y"})};
  build.initializers = {raw_tensor("sizes", {2}, 7, bytes_of<std::int64_t>({side, side}))};
  write_text(folder_ / "model/filled.onnx", build.bytes());
  const auto filled = limn({"explain", folder_ / "model/filled.onnx", picture(), "-o", out()});
  expect_refused(filled, 4, "ConstantOfShape");
}

TEST_F(BadInput, MissingFilesGetTheNearestName) {
  expect_refused(explain(folder_ / "cta.png"), 3, "cta.png\"; did you mean \"cat.png\"");
  expect_refused(explain(folder_ / "none/cat.png"), 3, "nor its folder");
  expect_refused(limn({"explain", folder_ / "smal.onnx", picture(), "-o", out()}), 3,
                 "did you mean \"small.onnx\"");
}

TEST_F(BadInput, Sidecars) {
  const auto with_sidecar = [&](const std::string& text) {
    write_text(folder_ / "small.limn.json", text);
    return explain(picture());
  };
  expect_refused(with_sidecar("{"), 4, "JSON");
  expect_refused(with_sidecar(R"({"label": []})"), 4, "\"labels\"");
  expect_refused(with_sidecar(R"({"preprocessing": {"std": [0]}})"), 4, "std");
  expect_refused(with_sidecar(R"({"preprocessing": "imagenett"})"), 3, "imagenet");
  expect_refused(with_sidecar(R"({"preprocessing": {"resize": "stretch"}})"), 4, "letterbox");
  expect_refused(with_sidecar(R"({"preprocessing": {"pad_value": 114}})"), 4, "pad_value");
  expect_refused(with_sidecar(R"({"labels": "none.txt"})"), 3, "none.txt");
  expect_refused(with_sidecar(R"({"output": 3})"), 4, "multi-label");
}

TEST_F(BadInput, ClassesLayersMethodsOptions) {
  expect_refused(explain(picture(), {"-t", "class:ell"}), 3, "\"eel\"");
  expect_refused(explain(picture(), {"-t", "class:99"}), 3, "99");
  expect_refused(explain(picture(), {"-t", "top:0"}), 2, "top");
  expect_refused(explain(picture(), {"-m", "gradcamm"}), 3, "\"grad-cam\"");
  expect_refused(explain(picture(), {"-m", "lrp(composit=flat)"}), 2, "\"composite\"");
  expect_refused(explain(picture(), {"-m", "lrp(composite=flatt)"}), 2, "flat");
  expect_refused(explain(picture(), {"-m", "lrp("}), 2, "character");
  expect_refused(explain(picture(), {"-m", "grad-cam", "--layer", "r3"}), 3, "\"r2\"");
  expect_refused(explain(picture(), {"-m", "lrp", "--layer", "r2"}), 2, "--layer");
  expect_refused(explain(picture(), {"-m", "lrp", "-m", "lrp"}), 2, "twice");
  expect_refused(explain(picture(), {"--score", "logits"}), 2, "log-prob");
  expect_refused(explain(picture(), {"--colormap", "virids"}), 3, "\"viridis\"");
  expect_refused(explain(picture(), {"--scale", "p200"}), 2, "p99.5");
  expect_refused(explain(picture(), {"--mean", "a,b"}), 2, "--mean");
  expect_refused(explain(picture(), {"--size", "32"}), 2, "24");
  expect_refused(explain(picture(), {"--preset", "imagenets"}), 3, "imagenet");
  expect_refused(explain(picture(), {"--resize", "stretch"}), 2, "letterbox");
  expect_refused(explain(picture(), {"--threads", "-3"}), 2, "--threads");
  expect_refused(explain(picture(), {"--device", "tpu"}), 2, "cuda");
  expect_refused(explain(picture(), {"--no-such-flag"}), 2, "--help");
  expect_refused(limn({"expain"}), 2, "\"explain\"");
  expect_refused(limn({}), 2, "subcommand");
}

TEST_F(BadInput, CamsPatchesAndSamples) {
  expect_refused(explain(picture(), {"-m", "grad-cam", "--layer", "logits"}), 2,
                 "give layer= a convolution's output");
  expect_refused(explain(picture(), {"-m", "cameras"}), 6, "give scales=[...] that it takes");
  expect_refused(explain(picture(), {"-m", "ucag(grad-cam, crop=300)"}), 2, "from 8 to 224");
  expect_refused(explain(picture(), {"-m", "occlusion(window=100)"}), 2,
                 "larger than the input of 24 x 24");
  expect_refused(explain(picture(), {"-m", "integrated-gradients(n=0)"}), 2, "whole number from 1");
  expect_refused(explain(picture(), {"-m", "smoothgrad(gradient, n=0)"}), 2, "whole number from 1");
  expect_refused(explain(picture(), {"-m", "smoothgrad(gradient, sigma=-1)"}), 2, "number from 0");
  expect_refused(explain(picture(), {"-m", "smooth-grad-cam++(sigma=-1)"}), 2, "number from 0");
  Draft flat = small_model();
  flat.nodes.erase(flat.nodes.begin() + 4);
  flat.nodes[4].inputs = {"r2"};
  flat.constants["w3"] = at::rand({5, 6 * 24 * 24});
  write_onnx(flat, model());
  expect_refused(explain(picture(), {"-m", "cam"}), 5, "use grad-cam, which needs neither");
  // A fixed input size is no error for ucag: patches get that size.
  const auto fixed = explain(picture(), {"-m", "ucag(gradient, patches=2)"});
  EXPECT_EQ(fixed.code, 0) << fixed.err;
  EXPECT_NE(fixed.out.find("patches were resized to 24 x 24"), std::string::npos) << fixed.out;
}

TEST_F(BadInput, PicturesAndTensors) {
  expect_refused(explain(folder_ / "none.png"), 3, "none.png");
  std::filesystem::create_directory(folder_ / "empty");
  expect_refused(explain(folder_ / "empty"), 3, "no picture");
  write_text(folder_ / "text.png", "no picture");
  expect_refused(explain(folder_ / "text.png"), 6, "text.png");
  const std::string png = read_text(picture());
  write_text(folder_ / "half.png", png.substr(0, png.size() / 2));
  expect_refused(explain(folder_ / "half.png"), 6, "half.png");
  std::string huge = png;
  for (const std::size_t at : {16u, 20u}) huge.replace(at, 4, std::string("\0\0\x75\x30", 4));
  write_text(folder_ / "huge.png", huge);
  expect_refused(explain(folder_ / "huge.png"), 6, "30000 x 30000");

  const auto with_tensor = [&](const Tensor& tensor) {
    write_npy(folder_ / "x.npy", tensor);
    return explain(folder_ / "x.npy");
  };
  expect_refused(with_tensor(at::zeros({3, 24, 24})), 6, "[N,C,H,W]");
  expect_refused(with_tensor(at::zeros({1, 3, 25, 24})), 6, "24");
  expect_refused(with_tensor(at::zeros({1, 4, 24, 24})), 6, "4");
  expect_refused(with_tensor(at::full({1, 3, 24, 24}, NAN)), 6, "NaN");
  write_text(folder_ / "x.npy", "no tensor at all");
  expect_refused(explain(folder_ / "x.npy"), 6, "x.npy");
}

TEST_F(BadInput, OneBadPictureLeavesNothingOfTheOthers) {
  write_text(folder_ / "zz.png", "no picture");
  const auto result = limn({"explain", model(), picture(), folder_ / "zz.png", "-o", out()});
  expect_refused(result, 6, "zz.png");
}

TEST_F(BadInput, Outputs) {
  write_text(folder_ / "file", "in the way");
  const auto below = limn({"explain", model(), picture(), "-o", folder_ / "file/deeper"});
  EXPECT_EQ(below.code, 7) << below.err;
  EXPECT_NE(below.err.find("-o"), std::string::npos);
  const auto at = limn({"explain", model(), picture(), "-o", folder_ / "file"});
  EXPECT_EQ(at.code, 7) << at.err;
  const auto compare = limn({"compare", model(), picture(), "-o", folder_ / "nowhere.jpg"});
  EXPECT_EQ(compare.code, 2) << compare.err;
  const auto nowhere = limn({"compare", model(), picture(), "-o", "/proc/nowhere/x.png"});
  EXPECT_EQ(nowhere.code, 7) << nowhere.err;
}

/// Permissions do not bind root, who runs it as another user.
TEST_F(BadInput, ReadOnlyFolder) {
  namespace fs = std::filesystem;
  std::string program = LIMN_CLI;
  if (::geteuid() == 0) {
    program = "setpriv --reuid=65534 --regid=65534 --clear-groups " + program;
    if (run_process(program, {"--version"}).code != 0) {
      GTEST_SKIP() << "root writes anywhere, and setpriv cannot run limn as another user here";
    }
  }
  const auto readable = fs::perms::owner_read | fs::perms::owner_exec | fs::perms::group_read |
                        fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec;
  fs::permissions(folder_.path(), readable | fs::perms::owner_write);
  const std::string locked = folder_ / "locked";
  fs::create_directory(locked);
  fs::permissions(locked, readable);
  const auto in_it = run_process(program, {"explain", model(), picture(), "-o", locked});
  expect_refused(in_it, 7, "no permission");
  const auto below = run_process(program, {"explain", model(), picture(), "-o", locked + "/new"});
  expect_refused(below, 7, "choose another with -o");
  EXPECT_TRUE(fs::is_empty(locked));
}

/// A limit on the size of files stands for a full disk: both fail in the middle of a write.
TEST_F(BadInput, NoSpace) {
  const auto full = run_process(std::string("ulimit -f 1; ") + LIMN_CLI,
                                {"explain", model(), picture(), "-o", out()});
  expect_refused(full, 7, "free some space");
}

TEST_F(BadInput, AnInterruptLeavesNothing) {
  std::filesystem::create_directory(folder_ / "many");
  for (int i = 0; i < 5000; ++i) {
    std::filesystem::create_hard_link(picture(), folder_ / ("many/" + std::to_string(i) + ".png"));
  }
  const auto stopped = run_process(std::string("timeout --preserve-status -s INT 1.5 ") + LIMN_CLI,
                                   {"explain", model(), folder_ / "many", "-o", out()});
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_TRUE(files().empty());
}

TEST_F(BadInput, DiffAndList) {
  write_npy(folder_ / "a.npy", at::rand({4, 4}));
  write_npy(folder_ / "b.npy", at::rand({4, 5}));
  EXPECT_EQ(limn({"diff", folder_ / "a.npy", folder_ / "b.npy"}).code, 6);
  EXPECT_EQ(limn({"diff", folder_ / "a.npy", folder_ / "c.npy"}).code, 3);
  const auto list = limn({"list", "lrpp"});
  EXPECT_EQ(list.code, 3);
  EXPECT_NE(list.err.find("\"lrp\""), std::string::npos);
}

}  // namespace
}  // namespace limn::testing
