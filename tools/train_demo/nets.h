// The three kinds of demo nets, named as torchvision names theirs.
#pragma once
#include <array>
#include <memory>

#include "net.h"

namespace limn::train_demo {

/// Convolution, ReLU and pooling, average pooling as in torchvision's VGG, two linear layers. The
/// first convolution has stride 2, as in VGG-F, which makes training four times as fast. Batch norm
/// helps it learn and is folded into the convolutions that are written.
inline std::shared_ptr<Net> small_vgg(int classes) {
  auto net = std::make_shared<Net>();
  int x = 0, inputs = 3, layer = 0;
  const auto name = [&] { return "features." + std::to_string(layer++); };
  for (const auto& [channels, depth] : {std::pair{16, 1}, {32, 2}, {64, 2}, {96, 2}}) {
    for (int i = 0; i < depth; ++i) {
      const bool first = inputs == 3;
      x = net->conv(name(), x, inputs, channels, first ? 5 : 3, first ? 2 : 1);
      x = net->folded_batch_norm(x, channels);
      x = net->relu(name(), x);
      inputs = channels;
    }
    if (channels < 96) x = net->max_pool(name(), x);
  }
  x = net->flatten("flatten", net->global_average_pool("avgpool", x));
  x = net->dropout(x, 0.1);
  x = net->linear("classifier.0", x, 96, 128);
  x = net->relu("classifier.1", x);
  net->linear("classifier.3", x, 128, classes);
  return net;
}

/// Two convolutions beside a short cut; the block's value is called `name`.
inline int residual_block(Net& net, const std::string& name, int x, int inputs, int outputs,
                          int stride) {
  int y = net.conv(name + ".0.conv1", x, inputs, outputs, 3, stride, false);
  y = net.batch_norm(name + ".0.bn1", y, outputs);
  y = net.relu(name + ".0.relu1", y);
  y = net.conv(name + ".0.conv2", y, outputs, outputs, 3, 1, false);
  y = net.batch_norm(name + ".0.bn2", y, outputs);
  if (stride > 1 || inputs != outputs) {
    x = net.conv(name + ".0.downsample.0", x, inputs, outputs, 1, stride, false);
    x = net.batch_norm(name + ".0.downsample.1", x, outputs);
  }
  return net.relu(name, net.add(name + ".0.add", y, x));
}

/// A stem as in ResNet, four residual blocks and global pooling.
inline std::shared_ptr<Net> small_resnet(int classes) {
  auto net = std::make_shared<Net>();
  int x = net->conv("conv1", 0, 3, 16, 5, 2, false);
  x = net->relu("relu", net->batch_norm("bn1", x, 16));
  x = net->max_pool("maxpool", x);
  x = residual_block(*net, "layer1", x, 16, 24, 1);
  x = residual_block(*net, "layer2", x, 24, 48, 2);
  x = residual_block(*net, "layer3", x, 48, 72, 2);
  x = residual_block(*net, "layer4", x, 72, 96, 1);
  x = net->flatten("flatten", net->global_average_pool("avgpool", x));
  net->linear("fc", x, 96, classes);
  return net;
}

/// Batch norm, ReLU, convolution; each layer sees all before it. Transitions halve the channels.
inline std::shared_ptr<Net> small_densenet(int classes) {
  constexpr int kGrowth = 16;
  constexpr std::array<int, 3> kLayers = {3, 4, 4};  // of each block
  auto net = std::make_shared<Net>();
  int channels = 16;
  int x = net->conv("features.conv0", 0, 3, channels, 5, 2, false);
  x = net->relu("features.relu0", net->batch_norm("features.norm0", x, channels));
  x = net->max_pool("features.pool0", x);
  for (std::size_t block = 1; block <= kLayers.size(); ++block) {
    const int layers = kLayers[block - 1];
    const std::string base = "features.denseblock" + std::to_string(block);
    for (int layer = 1; layer <= layers; ++layer) {
      const std::string name = base + ".denselayer" + std::to_string(layer);
      int y = net->relu(name + ".relu1", net->batch_norm(name + ".norm1", x, channels));
      y = net->conv(name + ".conv1", y, channels, kGrowth, 3, 1, false);
      x = net->concat(layer == layers ? base : name, {x, y});
      channels += kGrowth;
    }
    if (block == kLayers.size()) break;
    const std::string name = "features.transition" + std::to_string(block);
    x = net->relu(name + ".relu", net->batch_norm(name + ".norm", x, channels));
    x = net->conv(name + ".conv", x, channels, channels / 2, 1, 1, false);
    x = net->average_pool(name + ".pool", x);
    channels /= 2;
  }
  x = net->relu("features.relu5", net->batch_norm("features.norm5", x, channels));
  x = net->flatten("flatten", net->global_average_pool("avgpool", x));
  net->linear("classifier", x, channels, classes);
  return net;
}

}  // namespace limn::train_demo
