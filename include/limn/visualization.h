// Feature visualization: the picture that a unit answers to most, and the picture that an inner
// value stands for.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "limn/model.h"
#include "limn/options.h"
#include "limn/tensor.h"

namespace limn {

/// One channel of an inner value, or one class.
struct Unit {
  /// The value: [N, C, h, w], [N, T, C] (tokens) or [N, C]. Empty: the class scores before softmax.
  std::string layer = {};
  std::int64_t channel = 0;
};

/// How a unit's picture is found. Weights compare gradients, so that they mean the same for every
/// unit and model: 1 is as strong as the unit.
struct VisualizeOptions {
  std::int64_t steps = 0;  ///< of Adam; 0: 256, or the plain variant's own number
  double rate = 0.05;      ///< Adam's step, in the parameters
  /// `fourier`: frequencies, each weighted 1 / f, so that a step changes all scales alike;
  /// `pixels`.
  std::string parametrization = "fourier";
  /// `decorrelated`: axes along which colors of photographs vary independently; `rgb`. Of gray
  /// models always the latter.
  std::string color = "decorrelated";
  double deviation = 0.01;  ///< of the parameters at the start
  /// Each step sees the picture shifted by up to this share of its longer side,
  double jitter = 0.06;
  double scale = 0.1;          ///< larger or smaller by up to this share,
  double rotation = 8;         ///< and rotated by up to these degrees, around its middle.
  double tv = 0;               ///< weight of total variation
  double tv_beta = 2;          ///< its exponent, 1 .. 8
  double l2 = 0;               ///< weight of the distance from gray
  std::string place = "mean";  ///< of [N, C, h, w]: `mean` over places, or the `center` alone
  bool plain = false;          ///< the variants of early code, without any regularizer
  std::int64_t batch = 8;      ///< units that share passes; memory grows with it
  std::uint64_t seed = 0;      ///< of the start and of the shifts
  /// {height, width} where the model leaves it open; empty: the preprocessing's, else 224 x 224.
  std::vector<std::int64_t> size = {};
  /// [C, H, W] in [0, 1]: the picture to start from, instead of noise.
  Tensor start = {};
  std::function<void(double)> progress = {};  ///< called with the share done, 0..1
};
/// The options that are words or numbers, for command lines and records.
Fields visualize_fields(VisualizeOptions& options);

/// The picture of one unit.
struct Visualization {
  Unit unit;              ///< its layer by name, also for classes
  Tensor picture;         ///< float32 [C, H, W] in [0, 1], red first; C is 3, or 1 of gray models
  double start = 0;       ///< the activation on the picture at the start
  double activation = 0;  ///< and on `picture`: the mean over places, or the center
  Tensor trace;  ///< [steps] float64: the activation that each step saw, on its shifted view
  std::int64_t opened = 0;  ///< steps in which ReLUs let the gradient pass, since it was zero
  bool dead = false;        ///< no step had a gradient: nothing that is seen changes the unit
  std::vector<std::string> notes;
};

/// Maximizes each unit's activation a over pictures p = sigmoid(C F^-1(z / f)) by Adam on z:
/// directions are g / rms(g) - tv dTV/dp - l2 d|p - 1/2|^2/dp with g = da(T p)/d(T p), T a new
/// random shift, scale and rotation in every step, gray beyond the border. Where g is zero
/// throughout, ReLUs let the gradient pass in that step. A picture depends on its unit and the
/// seed, up to rounding not on the other units.
///
/// `plain`: of a class, from uniform noise, 149 gradient steps of 6 on the normalized input,
/// rounded to 8 bits after each; of a unit, from grays of 150 .. 179, 30 steps of Adam of 0.1 with
/// weight decay 1e-6; from a `start`, of a unit, 250 gradient steps of 12 with weight decay 1e-4
/// (Deep Dream).
///
/// Throws InvalidArgument for options, channels and sizes out of range, NotFound for an unknown
/// value, Unsupported for inputs that are no pictures, values that do not depend on the input, and
/// classes of detectors, Numerical where the model makes NaN. Sources: Erhan et al. 2009; Simonyan
/// et al. 2014; Olah, Mordvintsev, Schubert, "Feature Visualization", 2017, and tensorflow/lucid;
/// plain: utkuozbulak/pytorch-cnn-visualizations.
std::vector<Visualization> visualize(const Model& model, const std::vector<Unit>& units,
                                     const VisualizeOptions& options = {});

/// How many channels a value has on pictures of this size; empty `layer`: the classes. Throws as
/// `visualize`.
std::int64_t unit_count(const Model& model, const std::string& layer,
                        const std::vector<std::int64_t>& size = {});

/// How a picture is found back.
struct InvertOptions {
  std::int64_t steps = 0;  ///< of Adam; 0: 512, or the plain variant's own number
  double rate = 0.1;       ///< Adam's step, in the parameters
  std::string parametrization = "fourier", color = "decorrelated";  ///< as VisualizeOptions
  double deviation = 0.01;                    ///< of the parameters at the start
  double tv = 1;                              ///< weight of the mean total variation
  double tv_beta = 2;                         ///< its exponent, 1 .. 8
  double norm = 0;                            ///< weight of the mean of |2 p - 1|^alpha
  double alpha = 6;                           ///< 1 .. 64
  bool plain = false;                         ///< the variant of early code
  std::uint64_t seed = 0;                     ///< of the start
  std::function<void(double)> progress = {};  ///< called with the share done, 0..1
};
Fields invert_fields(InvertOptions& options);

/// What an inner value kept of a picture.
struct Inversion {
  std::string layer;
  std::vector<std::int64_t> shape;  ///< of the value, without the batch
  Tensor picture;                   ///< float32 [C, H, W] in [0, 1]
  Tensor original;                  ///< the same of the input
  double error = 0;                 ///< |phi(picture) - phi0|^2 / |phi0|^2
  double difference = 0;            ///< root of the mean squared difference of both pictures, 0..1
  Tensor trace;                     ///< [steps] float64: the error before each step
  std::vector<std::string> notes;
};

/// Looks for a picture p with the same inner value phi as the input x [1, C, H, W]:
///   min |phi(p) - phi0|^2 / |phi0|^2 + tv TV(p) + norm mean |2 p - 1|^alpha,
/// TV(p) = mean ((p(y+1, x) - p(y, x))^2 + (p(y, x+1) - p(y, x))^2)^(tv_beta / 2),
/// by Adam on the parameters of `visualize`, from noise. `plain`: on the normalized input, from
/// 0.1 N(0, 1), 201 steps with momentum 0.9, of size 1e4, a tenth of it after steps 1, 41, 81 ...,
/// on .1 |phi - phi0|^2 / |phi0|^2 + 1e-7 sum x^6 + 1e-8 sum TV. An input from which the value can
/// be told exactly is found back. Throws as `visualize`, and Numerical where phi0 is zero, or the
/// plain variant diverges. Source: Mahendran, Vedaldi, "Understanding Deep Image Representations by
/// Inverting Them", 2015; plain: utkuozbulak/pytorch-cnn-visualizations, whose total variation runs
/// over channels by mistake and here over places.
Inversion invert(const Model& model, const Tensor& x, const std::string& layer,
                 const InvertOptions& options = {});

}  // namespace limn
