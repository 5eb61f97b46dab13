#pragma once

#include "core/base/image_region.h"
#include "data/transform.h"
#include "data/transforms/image.h"

namespace slipway {

/// A host transform whose result is a region of the image, brought to some size and mirrored. Whoever knows
/// the region can do without it: the graph of a model that runs on a device does the same to a whole batch.
class ImageTransform : public HostTransform {
 public:
  /// What it does to images at most.
  enum class Effect { mirrors, crops, resamples };
  virtual Effect effect() const = 0;

  /// Chooses what is taken of an image; the only place that draws random numbers. Const and safe to call from
  /// several threads.
  virtual ImageRegion choose(ImageSize image, Mode mode, RandomSequence& random) const = 0;
  /// The size of what that becomes.
  virtual ImageSize result(ImageSize image) const = 0;

  void apply(const Tensor& input, Tensor& output, Mode mode, RandomSequence& random) const final;
};

/// A region that is not mirrored, and the one that is the whole image.
ImageRegion as_chosen(const Region& region);
ImageRegion whole_image(ImageSize image);

}  // namespace slipway
