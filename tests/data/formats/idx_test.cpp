#include "data/formats/idx.h"

#include <zlib.h>

#include <cstring>

#include "data/formats/bytes.h"
#include "tests/data/support.h"

namespace slipway {
namespace {

using namespace std::string_literals;
using test::idx_bytes;

Tensor parse(const std::string& bytes) {
  return parse_idx(to_tensor(std::as_bytes(std::span(bytes.data(), bytes.size()))), "file.idx");
}

TEST(IdxFormat, ReadsEveryElementType) {
  const Tensor bytes = parse(idx_bytes(0x08, {2, 2}, "\x01\x02\xff\x00"s));
  EXPECT_EQ(bytes.type(), ValueType(DType::uint8, {2, 2}));
  EXPECT_EQ(test::values<std::uint8_t>(bytes), (std::vector<std::uint8_t>{1, 2, 255, 0}));
  EXPECT_EQ(test::values<std::int8_t>(parse(idx_bytes(0x09, {2}, "\xff\x7f"s))),
            (std::vector<std::int8_t>{-1, 127}));
  EXPECT_EQ(test::values<std::int32_t>(parse(idx_bytes(0x0B, {2}, "\xff\xfe\x01\x00"s))),
            (std::vector<std::int32_t>{-2, 256}));
  EXPECT_EQ(test::values<std::int32_t>(parse(idx_bytes(0x0C, {1}, "\xff\xff\xff\xfd"s))),
            (std::vector<std::int32_t>{-3}));
  EXPECT_EQ(test::values<float>(parse(idx_bytes(0x0D, {1}, "\x3f\xc0\x00\x00"s))),
            (std::vector<float>{1.5f}));
  EXPECT_EQ(test::values<double>(parse(idx_bytes(0x0E, {1}, "\xc0\x04\0\0\0\0\0\0"s))),
            (std::vector<double>{-2.5}));
}

TEST(IdxFormat, NamesTheByteOfEveryMistake) {
  const std::string good = idx_bytes(0x08, {2, 2}, "abcd");
  const auto message = [](const std::string& bytes) { return test::user_error([&] { parse(bytes); }); };
  for (std::size_t size = 0; size < good.size(); ++size) {
    test::expect_parts(message(good.substr(0, size)), {"file.idx: byte ", "takes", "left"});
  }
  test::expect_parts(message(good.substr(0, 14)), {"byte 12: the data takes 4 bytes, the file has 2 left"});
  test::expect_parts(message(good + "e"), {"byte 16: shape [2, 2] ends here, but 1 bytes follow"});
  test::expect_parts(message("\x01\0\x08\x01"s), {"byte 0: not an IDX file"});
  test::expect_parts(message("\x1f\x8b\x08\x01"s), {"byte 0: not an IDX file"});
  test::expect_parts(message(idx_bytes(0x0A, {1}, "a")),
                     {"byte 2: element type 10, expected 8, 9, 11, 12, 13 or 14"});
  test::expect_parts(message(idx_bytes(0x08, {}, "a")), {"byte 3: rank 0, expected 1 to 7"});
  test::expect_parts(message(idx_bytes(0x08, std::vector<std::uint32_t>(8, 1), "a")), {"byte 3: rank 8"});
  test::expect_parts(message(idx_bytes(0x08, {1, 0}, "")), {"byte 8: a size of 0"});
  const std::uint32_t large = 0xffffffff;
  test::expect_parts(message(idx_bytes(0x0E, {large, large, large}, "")), {"byte 8: sizes whose product"});
  test::expect_parts(message(idx_bytes(0x08, {large, 2}, "abc")),
                     {"byte 12: the data takes 8589934590 bytes"});
}

TEST(ReadFile, UnpacksGzipAndReportsDamage) {
  const test::TemporaryDirectory directory;
  std::string contents;  // too random to shrink, and longer than a read buffer
  for (std::uint32_t i = 0, x = 1; i < 300000; ++i)
    contents += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  const std::string path = directory / "data.gz";
  const gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_EQ(gzwrite(file, contents.data(), static_cast<unsigned>(contents.size())),
            static_cast<int>(contents.size()));
  ASSERT_EQ(gzclose(file), Z_OK);
  const Tensor unpacked = read_file(path);
  ASSERT_EQ(unpacked.elements(), 300000);
  EXPECT_EQ(std::memcmp(unpacked.view().data, contents.data(), contents.size()), 0);

  const std::string plain = directory.write("plain", contents);
  EXPECT_EQ(test::values<std::uint8_t>(read_file(plain)), test::values<std::uint8_t>(unpacked));
  for (const std::string& file : {path, plain}) {
    EXPECT_EQ(test::values<std::uint8_t>(read_file(file, 4)),
              test::values<std::uint8_t>(unpacked.slice(0, 0, 4).clone()));
    EXPECT_EQ(read_file(file, 1 << 20).elements(), unpacked.elements());
  }
  EXPECT_EQ(read_file(directory.write("empty", "")).elements(), 0);

  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  test::expect_parts(test::user_error([&] { read_file(path); }), {path, "cannot be read after byte"});
  test::expect_parts(test::user_error([&] { read_file(directory / "none"); }),
                     {"none: cannot be opened: No such file"});
  test::expect_parts(test::user_error([&] { read_file(directory.path()); }),
                     {"is a directory, expected a file"});
}

}  // namespace
}  // namespace slipway
