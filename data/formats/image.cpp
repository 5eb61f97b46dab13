#include "data/formats/image.h"

#include <png.h>
#include <turbojpeg.h>

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace slipway {
namespace {

constexpr std::int64_t kMostPixels = std::int64_t{1} << 27;  // what is larger is damage or malice

void check_size(const std::string& name, std::int64_t width, std::int64_t height) {
  require_user(width > 0 && height > 0 && width * height <= kMostPixels, name, ": an image of ", width, "x",
               height, " pixels, expected at most ", kMostPixels, " of them");
}

/// Interleaved pixels of `stride` bytes, the first three red, green, blue, to planes.
void to_planes(const std::vector<std::uint8_t>& pixels, std::size_t stride, const Tensor& image) {
  const auto planes = image.as<std::uint8_t>();
  const std::size_t count = pixels.size() / stride;
  if (image.shape()[0] == 3) {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t c = 0; c < 3; ++c) planes[c * count + i] = pixels[i * stride + c];
    }
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* p = pixels.data() + i * stride;
    // 0.299, 0.587, 0.114 in units of 2^-16
    planes[i] = static_cast<std::uint8_t>((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 32768u) >> 16);
  }
}

void decode_jpeg(Bytes file, const std::string& name, std::int64_t channels, Tensor& image) {
  const std::unique_ptr<void, int (*)(void*)> decoder(tjInitDecompress(), &tjDestroy);
  require(decoder != nullptr, "libjpeg-turbo: ", tjGetErrorStr2(nullptr));
  const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
  const auto size = static_cast<unsigned long>(file.size());
  int width = 0, height = 0, subsampling = 0, colours = 0;
  const bool known =
      tjDecompressHeader3(decoder.get(), bytes, size, &width, &height, &subsampling, &colours) == 0;
  require_user(known && width > 0, name,
               ": a damaged JPEG file: ", known ? "it has no picture" : tjGetErrorStr2(decoder.get()));
  check_size(name, width, height);
  require_user(colours != TJCS_CMYK && colours != TJCS_YCCK, name,
               ": a JPEG file in printing colours (CMYK), expected RGB or grey");
  ensure_type(image, DType::uint8, {channels, height, width});
  std::vector<std::uint8_t> pixels;
  unsigned char* target = nullptr;
  if (channels == 1) {  // the luminance that the file stores
    target = image.as<std::uint8_t>().data();
  } else {
    pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
    target = pixels.data();
  }
  const int failed = tjDecompress2(decoder.get(), bytes, size, target, width, 0, height,
                                   channels == 1 ? TJPF_GRAY : TJPF_RGB, TJFLAG_ACCURATEDCT);
  if (failed != 0) {
    // Bytes that don't belong are common and harmless warnings; a missing end is not.
    const std::string_view problem = tjGetErrorStr2(decoder.get());
    require_user(
        tjGetErrorCode(decoder.get()) == TJERR_WARNING && problem.find("Premature end") == problem.npos, name,
        ": a damaged JPEG file: ", problem);
  }
  if (channels == 3) to_planes(pixels, 3, image);
}

void decode_png(Bytes file, const std::string& name, std::int64_t channels, Tensor& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> owner(&png, &png_image_free);
  const bool begun = png_image_begin_read_from_memory(&png, file.data(), file.size()) != 0;
  require_user(begun, name, ": a damaged PNG file: ", png.message);
  check_size(name, png.width, png.height);
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // else libpng takes 16-bit files for linear light
  png.format = PNG_FORMAT_RGBA;            // any format without alpha would blend with a background
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(png));
  const bool finished = png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr) != 0;
  require_user(finished, name, ": a damaged PNG file: ", png.message);
  ensure_type(image, DType::uint8, {channels, png.height, png.width});
  to_planes(pixels, 4, image);
}

}  // namespace

void decode_image(Bytes file, const std::string& name, std::int64_t channels, Tensor& image) {
  require(channels == 1 || channels == 3, "an image of ", channels, " channels, expected 1 or 3");
  const auto starts_with = [&](std::string_view magic) {
    return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
  };
  if (starts_with("\xff\xd8\xff")) return decode_jpeg(file, name, channels, image);
  if (starts_with("\x89PNG\r\n\x1a\n")) return decode_png(file, name, channels, image);
  throw UserError(text(name, ": neither a JPEG nor a PNG file"));
}

}  // namespace slipway
