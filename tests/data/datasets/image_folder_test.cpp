#include <png.h>
#include <turbojpeg.h>

#include <fstream>
#include <thread>

#include "data/formats/bytes.h"
#include "data/formats/image.h"
#include "data/loader.h"
#include "tests/data/support.h"

namespace slipway {
namespace {

using test::open_dataset;
using test::user_error;

/// Interleaved bytes of a smooth picture, which JPEG hardly changes.
std::vector<std::uint8_t> smooth(int width, int height, int channels) {
  std::vector<std::uint8_t> pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c)
        pixels.push_back(static_cast<std::uint8_t>(20 + 3 * x + 2 * y + 40 * c));
    }
  }
  return pixels;
}

std::string png(int width, int height, std::uint32_t format, const void* pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<std::uint32_t>(width);
  image.height = static_cast<std::uint32_t>(height);
  image.format = format;
  std::string bytes(1 << 20, '\0');
  png_alloc_size_t size = bytes.size();
  EXPECT_NE(png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels, 0, nullptr), 0)
      << image.message;
  bytes.resize(size);
  return bytes;
}

std::string jpeg(int width, int height, int format, int subsampling,
                 const std::vector<std::uint8_t>& pixels) {
  const tjhandle encoder = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(tjCompress2(encoder, pixels.data(), width, 0, height, format, &bytes, &size, subsampling, 98, 0),
            0);
  std::string result(reinterpret_cast<char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(encoder);
  return result;
}

Tensor decode(const std::string& bytes, std::int64_t channels) {
  Tensor image;
  decode_image(std::as_bytes(std::span(bytes.data(), bytes.size())), "picture", channels, image);
  return image;
}

double luminance(double red, double green, double blue) { return 0.299 * red + 0.587 * green + 0.114 * blue; }

TEST(ImageFormat, DecodesPngExactly) {
  const auto pixels = smooth(7, 5, 3);
  const std::string file = png(7, 5, PNG_FORMAT_RGB, pixels.data());
  const Tensor color = decode(file, 3), grey = decode(file, 1);
  ASSERT_EQ(color.type(), ValueType(DType::uint8, {3, 5, 7}));
  ASSERT_EQ(grey.type(), ValueType(DType::uint8, {1, 5, 7}));
  for_each_index({5, 7}, [&](const Dims& at) {
    const std::size_t i = static_cast<std::size_t>(at[0] * 7 + at[1]) * 3;
    for (std::int64_t c = 0; c < 3; ++c)
      EXPECT_EQ(color.at({c, at[0], at[1]}), pixels[i + static_cast<std::size_t>(c)]);
    EXPECT_NEAR(grey.at({0, at[0], at[1]}), luminance(pixels[i], pixels[i + 1], pixels[i + 2]), 0.51);
  });
}

TEST(ImageFormat, DecodesGreyTransparentAndSixteenBitPng) {
  const auto grey = smooth(4, 3, 1);
  const std::string file = png(4, 3, PNG_FORMAT_GRAY, grey.data());
  EXPECT_EQ(test::values<std::uint8_t>(decode(file, 1)), grey);
  EXPECT_EQ(decode(file, 3).at({2, 1, 1}), grey[5]);
  const std::vector<std::uint8_t> transparent = {10, 20, 30, 0, 200, 100, 50, 128};
  EXPECT_EQ(test::values<std::uint8_t>(decode(png(2, 1, PNG_FORMAT_RGBA, transparent.data()), 3)),
            (std::vector<std::uint8_t>{10, 200, 20, 100, 30, 50}));
}

TEST(ImageFormat, DecodesJpeg) {
  const auto pixels = smooth(24, 16, 3);
  const std::string file = jpeg(24, 16, TJPF_RGB, TJSAMP_444, pixels);
  const Tensor color = decode(file, 3), grey = decode(file, 1);
  ASSERT_EQ(color.shape(), (Shape{3, 16, 24}));
  for_each_index({16, 24}, [&](const Dims& at) {
    const std::size_t i = static_cast<std::size_t>(at[0] * 24 + at[1]) * 3;
    for (std::int64_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(color.at({c, at[0], at[1]}), pixels[i + static_cast<std::size_t>(c)], 4);
    }
    EXPECT_NEAR(grey.at({0, at[0], at[1]}), luminance(pixels[i], pixels[i + 1], pixels[i + 2]), 3);
  });
  const std::string grey_file = jpeg(24, 16, TJPF_GRAY, TJSAMP_GRAY, smooth(24, 16, 1));
  EXPECT_NEAR(decode(grey_file, 3).at({1, 3, 4}), 20 + 12 + 6, 3);
}

TEST(ImageFormat, RefusesDamagedFiles) {
  const auto message = [](const std::string& bytes) { return user_error([&] { decode(bytes, 3); }); };
  const std::string png_file = png(40, 30, PNG_FORMAT_RGB, smooth(40, 30, 3).data());
  const std::string jpeg_file = jpeg(40, 30, TJPF_RGB, TJSAMP_420, smooth(40, 30, 3));
  for (const double part : {0.1, 0.5, 0.8}) {
    const auto cut = [&](const std::string& file) {
      return file.substr(0, static_cast<std::size_t>(part * static_cast<double>(file.size())));
    };
    test::expect_parts(message(cut(png_file)), {"picture: a damaged PNG file: "});
    test::expect_parts(message(cut(jpeg_file)), {"picture: a damaged JPEG file: "});
  }
  std::string flipped = png_file;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x55);
  test::expect_parts(message(flipped), {"a damaged PNG file"});
  test::expect_parts(message("GIF89a"), {"picture: neither a JPEG nor a PNG file"});
  test::expect_parts(message(""), {"picture: neither a JPEG nor a PNG file"});
  std::string huge = png_file;
  huge[16] = '\x7f';  // the first byte of the width
  EXPECT_NE(message(huge), "");
  std::string cmyk = jpeg(8, 8, TJPF_CMYK, TJSAMP_444, smooth(8, 8, 4));
  test::expect_parts(message(cmyk), {"printing colours (CMYK), expected RGB or grey"});
}

struct Folder {
  test::TemporaryDirectory directory;
  Folder() {
    directory.write("pictures/dog/b.PNG", png(3, 2, PNG_FORMAT_RGB, smooth(3, 2, 3).data()));
    directory.write("pictures/dog/a.jpg", jpeg(16, 8, TJPF_RGB, TJSAMP_444, smooth(16, 8, 3)));
    directory.write("pictures/cat/z.jpeg", jpeg(8, 8, TJPF_GRAY, TJSAMP_GRAY, smooth(8, 8, 1)));
    directory.write("pictures/cat/notes.txt", "no picture");
    directory.write("pictures/.hidden/x.png", "no class");
  }
};

TEST(ImageFolder, ReadsClassesAndFilesInOrder) {
  const Folder folder;
  for (const char* cache : {"false", "true"}) {
    const auto dataset =
        open_dataset(text("image_folder: {path: pictures, cache: ", cache, "}"), folder.directory.path());
    EXPECT_EQ(dataset->schema().inputs[0].shape, (Shape{3, -1, -1}));
    EXPECT_EQ(dataset->schema().targets[0].labels, (std::vector<std::string>{"cat", "dog"}));
    ASSERT_EQ(dataset->size(), 3);
    EXPECT_EQ(dataset->describe(1), "dog/a.jpg");
    EXPECT_EQ(dataset->describe(2), "dog/b.PNG");
    EXPECT_EQ(dataset->label(0), 0);
    for (int round = 0; round < 2; ++round) {
      Sample sample;
      for (std::int64_t i = 0; i < 3; ++i) dataset->read(i, sample);
      EXPECT_EQ(sample[0].shape(), (Shape{3, 2, 3}));
      EXPECT_EQ(sample[0].at({1, 1, 2}), 20 + 6 + 2 + 40);
      EXPECT_EQ(sample[1].item(), 1);
      sample[0].as<std::uint8_t>()[0] = 99;  // the reader's own memory, not the cache's
    }
  }
  const auto grey =
      open_dataset("image_folder: {path: pictures, color: grey, classes: [dog]}", folder.directory.path());
  EXPECT_EQ(grey->size(), 2);
  Sample sample;
  grey->read(1, sample);
  EXPECT_EQ(sample[0].shape(), (Shape{1, 2, 3}));
}

TEST(ImageFolder, LoadsInBatchesOnceResized) {
  const Folder folder;
  const auto dataset = open_dataset("image_folder: {path: pictures, cache: true}", folder.directory.path());
  const auto pipeline = std::make_shared<Pipeline>(
      dataset->schema(),
      std::vector{test::make<Transform>("resize: 6"), test::make<Transform>("horizontal_flip")});
  Loader loader(dataset, pipeline, {.batch_size = 3, .workers = 2});
  for (int epoch = 0; epoch < 2; ++epoch) {
    const Batch* batch = loader.next();
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(batch->tensors[0].type(), ValueType(DType::uint8, {3, 3, 6, 6}));
    EXPECT_EQ(test::values<std::int64_t>(batch->tensors[1]), (std::vector<std::int64_t>{0, 1, 1}));
    EXPECT_EQ(loader.next(), nullptr);
  }
}

TEST(ImageFolder, FollowsTheClassesOfTraining) {
  const Folder folder;
  const auto train = open_dataset("image_folder: pictures", folder.directory.path());
  folder.directory.write("test/dog/x.png", png(3, 2, PNG_FORMAT_RGB, smooth(3, 2, 3).data()));
  const auto open_test = [&] {
    const Slot<Dataset> test = test::make<Dataset>("image_folder: test");
    test->open_like(folder.directory.path(), train->schema());
    return test;
  };
  EXPECT_EQ(open_test()->label(0), 1);
  folder.directory.write("test/wolf/x.png", "");
  test::expect_parts(user_error(open_test), {"test/wolf", "is no class of training", "2 classes (cat, dog)"});
}

TEST(ImageFolder, NamesWhatIsWrong) {
  const Folder folder;
  const std::string& base = folder.directory.path();
  test::expect_parts(user_error([&] { open_dataset("image_folder: nowhere", base); }),
                     {"nowhere: cannot be listed"});
  std::filesystem::create_directories(folder.directory / "empty");
  test::expect_parts(user_error([&] { open_dataset("image_folder: empty", base); }),
                     {"empty: has no sub-directories"});
  folder.directory.write("one/class/readme", "");
  test::expect_parts(user_error([&] { open_dataset("image_folder: one", base); }),
                     {"one/class: has no files *.jpg"});
  folder.directory.write("pictures/dog/c.png", "\x89PNG\r\n\x1a\nrubbish");
  const auto dataset = open_dataset("image_folder: pictures", base);
  Sample sample;
  test::expect_parts(user_error([&] { dataset->read(3, sample); }),
                     {folder.directory / "pictures/dog/c.png", "damaged PNG"});
}

}  // namespace
}  // namespace slipway
