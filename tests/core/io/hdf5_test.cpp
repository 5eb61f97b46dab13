#include "core/io/hdf5.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <thread>

#include "core/base/error.h"
#include "tests/support/python.h"
#include "tests/support/temporary_directory.h"

namespace slipway {
namespace {

using test::run_python;
using test::TemporaryDirectory;

constexpr DType kAllDTypes[] = {DType::float32, DType::float64, DType::float16, DType::bfloat16, DType::int8,
                                DType::uint8,   DType::int32,   DType::int64,   DType::boolean};

std::vector<std::byte> bytes_of(const Tensor& tensor) {
  return {tensor.view().data, tensor.view().data + tensor.type().bytes()};
}

/// -0.5, 1, 2.5, ...; every third bool is true.
Tensor counting(DType dtype, const Shape& shape) {
  const Tensor tensor(DType::float64, shape);
  int i = 0;
  for (double& value : tensor.as<double>()) {
    value = dtype == DType::boolean ? i % 3 == 2 : 1.5 * i - 0.5;
    ++i;
  }
  return tensor.cast(dtype);
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

TEST(Hdf5, GivesBackEveryDType) {
  TemporaryDirectory directory;
  for (const Shape& shape :
       {Shape{}, Shape{0}, Shape{1}, Shape{3, 0, 2}, Shape{5, 7}, Shape{1, 2, 1, 2, 1, 2, 1, 3}}) {
    hdf5::File file = hdf5::File::create({.name = "all"});
    for (const DType dtype : kAllDTypes) file.write(text("deep/er/", dtype), counting(dtype, shape));
    file.save(directory / "all.h5");
    const hdf5::File again = hdf5::File::open(directory / "all.h5");
    for (const DType dtype : kAllDTypes) {
      const Tensor expected = counting(dtype, shape), read = again.read(text("deep/er/", dtype));
      EXPECT_EQ(read.type(), expected.type());
      EXPECT_EQ(bytes_of(read), bytes_of(expected)) << dtype << shape;
    }
  }
}

TEST(Hdf5, IsReadByH5pyWithTheSameTypesAndValues) {
  TemporaryDirectory directory;
  hdf5::File file = hdf5::File::create({.name = "ours", .expected_bytes = 4096, .user_block = 512});
  for (const DType dtype : kAllDTypes) file.write(std::string(to_string(dtype)), counting(dtype, {2, 3}));
  file.write("layer.weight", Tensor::of<float>({2}, {0.5f, -3}).slice(0, 1, 2));
  file.write_string("text", "α\nβ");
  file.write_strings("names", {"one", "", "three"});
  file.set_attribute("format", "slipway");
  file.set_attribute("count", std::int64_t{1} << 60);
  file.set_attribute("rate", 0.1);
  file.save(directory / "ours.h5");
  run_python(R"(
import h5py, numpy, sys
file = h5py.File(sys.argv[1] + '/ours.h5', 'r')
for name in ('float32', 'float64', 'float16', 'int8', 'uint8', 'int32', 'int64', 'bool'):
    expected = numpy.arange(-0.5, 8, 1.5).reshape(2, 3)
    if name == 'bool': expected = numpy.arange(6).reshape(2, 3) % 3 == 2
    if name == 'uint8': expected[0, 0] = 0  # -0.5
    read = file[name]
    assert read.dtype == numpy.dtype(name), (name, read.dtype)
    assert (read[()] == expected.astype(name)).all(), (name, read[()])
half = file['bfloat16']
assert half.attrs['dtype'] == b'bfloat16' or half.attrs['dtype'] == 'bfloat16'
assert ((half[()].astype(numpy.uint32) << 16).view(numpy.float32) == numpy.arange(-0.5, 8, 1.5).reshape(2, 3)).all()
assert file['layer.weight'][()] == [-3]
assert file['text'].asstr()[()] == 'α\nβ'
assert list(file['names'].asstr()[()]) == ['one', '', 'three']
assert file.attrs['format'] == b'slipway' or file.attrs['format'] == 'slipway'
assert file.attrs['count'] == 2**60 and file.attrs['rate'] == 0.1
assert file.userblock_size == 512
)",
             {directory.path()});
}

TEST(Hdf5, ReadsWhatH5pyWrites) {
  TemporaryDirectory directory;
  run_python(R"(
import h5py, numpy, sys
with h5py.File(sys.argv[1] + '/theirs.h5', 'w') as file:
    for name in ('>f4', '>f8', '<f2', '>f2', 'u2', 'i2', 'u4', 'u8', '>i8', 'bool'):
        file[name] = numpy.array([[0, 1, 2], [3, 4, 5]]).astype(name)
    file.create_dataset('packed', data=numpy.arange(60000).reshape(300, 200), chunks=(7, 13), compression='gzip', shuffle=True)
    file.create_dataset('unwritten', (2, 2), dtype='f4')
    file['labels'] = ['cat', 'dög', '']
    file['one'] = 'just this'
    file['big'] = numpy.array([2**63], dtype='u8')
    file['complex'] = numpy.array([1j])
    file['bytes'] = numpy.array([b'ab', b'c'])
    file['nine'] = numpy.zeros((1,) * 9)
    file['nothing'] = h5py.Empty('f4')
    layout = h5py.VirtualLayout((4,), 'f4')
    layout[:] = h5py.VirtualSource('elsewhere.h5', 'x', (4,))
    file.create_virtual_dataset('virtual', layout)
    file['link'] = h5py.ExternalLink('other.h5', '/x')
    file['soft'] = h5py.SoftLink('/packed')
    file['dangling'] = h5py.SoftLink('/nowhere')
    file.create_dataset('outside', (4,), 'f4', external=[(sys.argv[1] + '/outside.raw', 0, 16)])
    file.create_dataset('vast', (1 << 40,), 'f4', chunks=(1024,))
    file.attrs['name'] = 'vär'
    file.attrs['list'] = [1, 2]
    file.attrs['int'] = numpy.int16(-7)
with h5py.File(sys.argv[1] + '/other.h5', 'w') as file:
    file['x'] = 1.0
open(sys.argv[1] + '/outside.raw', 'wb').write(bytes(16))
)",
             {directory.path()});
  const hdf5::File file = hdf5::File::open(directory / "theirs.h5");
  const std::pair<const char*, DType> kinds[] = {
      {">f4", DType::float32}, {">f8", DType::float64}, {"<f2", DType::float16}, {">f2", DType::float16},
      {"u2", DType::int32},    {"i2", DType::int32},    {"u4", DType::int64},    {"u8", DType::int64},
      {">i8", DType::int64},   {"bool", DType::boolean}};
  for (const auto& [name, dtype] : kinds) {
    const Tensor read = file.read(name);
    EXPECT_EQ(read.type(), ValueType(dtype, {2, 3})) << name;
    EXPECT_EQ(read.at({1, 2}), dtype == DType::boolean ? 1 : 5) << name;
    EXPECT_EQ(read.at({0, 0}), 0) << name;
  }

  const hdf5::Dataset packed = file.dataset("packed");
  EXPECT_EQ(packed.shape(), (Shape{300, 200}));
  const Tensor row(DType::int64, {200});
  packed.read_block({299, 0}, {1, 200}, row);
  EXPECT_EQ(row.at({0}), 299 * 200);
  EXPECT_EQ(row.at({199}), 59999);
  const Tensor block(DType::int64, {3, 2});
  packed.read_block({6, 12}, {3, 2}, block);
  EXPECT_EQ(block.at({2, 1}), 8 * 200 + 13);
  EXPECT_EQ(file.read("soft").at({299, 199}), 59999);
  EXPECT_THROW(packed.read_block({299, 0}, {2, 200}, Tensor(DType::int64, {2, 200})), Error);
  EXPECT_THROW(packed.read_block({-1, 0}, {1, 200}, row), Error);
  EXPECT_THROW(packed.read_block({0, 1}, {1, 200}, row), Error);
  EXPECT_THROW(packed.read_block({0, 0}, {1, 200}, Tensor(DType::int64, {199})), Error);
  EXPECT_THROW(packed.read_block({0, 0}, {1, 200}, Tensor(DType::int32, {200})), Error);
  EXPECT_THROW(packed.read_block({0}, {1}, row), Error);
  EXPECT_EQ(file.read("unwritten").at({1, 1}), 0);

  EXPECT_EQ(file.read_strings("labels"), (std::vector<std::string>{"cat", "dög", ""}));
  EXPECT_EQ(file.read_strings("bytes"), (std::vector<std::string>{"ab", "c"}));
  EXPECT_EQ(file.read_string("one"), "just this");
  EXPECT_EQ(file.string_attribute("name"), "vär");
  EXPECT_EQ(file.integer_attribute("int"), -7);
  EXPECT_EQ(file.number_attribute("int"), -7);
  EXPECT_EQ(file.attributes(), (std::vector<std::string>{"int", "list", "name"}));

  const std::string at = text(directory.path(), "/theirs.h5:/");
  const std::pair<const char*, const char*> refused[] = {
      {"big", "cannot be read as int64"}, {"complex", "elements of a type"},
      {"labels", "elements of a type"},   {"nine", "has 9 axes"},
      {"nothing", "holds no array"},      {"virtual", "from other files"},
      {"dangling", "not a readable"}};
  for (const auto& [name, why] : refused) {
    const std::string message = message_of([&, name = name] { file.read(name); });
    EXPECT_NE(message.find(why), std::string::npos) << name << " gave: " << message;
    EXPECT_EQ(message.find(at + name), 0u) << message;
  }
  EXPECT_NE(message_of([&] { file.read("packde"); }).find("did you mean 'packed'"), std::string::npos);
  EXPECT_NE(message_of([&] { file.read("a/b"); }).find("unknown dataset 'a/b'"), std::string::npos);
  EXPECT_NE(message_of([&] { file.group("packed"); }).find("is not a readable group"), std::string::npos);
  EXPECT_NE(message_of([&] { file.read_strings("packed"); }).find("holds no strings"), std::string::npos);
  EXPECT_NE(message_of([&] { file.string_attribute("int"); }).find("is no string"), std::string::npos);
  EXPECT_NE(message_of([&] { file.integer_attribute("name"); }).find("is no integer"), std::string::npos);
  EXPECT_NE(message_of([&] { file.integer_attribute("list"); }).find("expected one value"),
            std::string::npos);
  EXPECT_NE(message_of([&] { file.integer_attribute("x"); }).find("no attribute 'x'"), std::string::npos);
  EXPECT_EQ(file.kind("link"), hdf5::Group::Kind::other);
  EXPECT_EQ(file.kind("packed"), hdf5::Group::Kind::dataset);
}

TEST(Hdf5, ListsAndFindsObjects) {
  hdf5::File file = hdf5::File::create({});
  file.write("b/y", Tensor::scalar(1.0));
  file.write("b/x.weight", Tensor::scalar(1.0));
  file.create_group("a");
  EXPECT_EQ(file.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(file.group("b").names(), (std::vector<std::string>{"x.weight", "y"}));
  EXPECT_TRUE(file.contains("b/y"));
  EXPECT_FALSE(file.contains("b/z"));
  EXPECT_FALSE(file.contains("c/d/e"));
  EXPECT_EQ(file.kind("a"), hdf5::Group::Kind::group);
  EXPECT_EQ(file.group("b").dataset("y").describe(), "new file:/b/y");
  EXPECT_THROW(file.write("b/y", Tensor::scalar(2.0)), Error);
  EXPECT_THROW(file.write("", Tensor::scalar(2.0)), Error);
}

TEST(Hdf5, EqualContentsMakeEqualFiles) {
  const auto make = [] {
    hdf5::File file = hdf5::File::create({});
    file.write("g/x", Tensor::of<float>({3}, {1, 2, 3}));
    file.set_attribute("a", 1.5);
    const auto image = file.image();
    return std::vector<std::byte>(image.begin(), image.end());
  };
  EXPECT_EQ(make(), make());
  EXPECT_EQ(hdf5::File::open_image(make(), "copy").read("g/x").at({2}), 3);
}

TEST(Hdf5, NamesFilesThatAreMissingOrDamaged) {
  TemporaryDirectory directory;
  EXPECT_NE(message_of([&] { hdf5::File::open(directory / "no.h5"); }).find("No such file"),
            std::string::npos);
  std::ofstream(directory / "text.h5") << "this is no HDF5 file";
  EXPECT_NE(message_of([&] {
              hdf5::File::open(directory / "text.h5");
            }).find("text.h5: is not a readable HDF5 file"),
            std::string::npos);
  std::ofstream(directory / "empty.h5").flush();
  EXPECT_NE(message_of([&] { hdf5::File::open(directory / "empty.h5"); }).find("is not a readable"),
            std::string::npos);
  EXPECT_NE(message_of([&] { hdf5::File::open(directory.path()); }).find("is not a readable"),
            std::string::npos);
  EXPECT_NE(message_of([&] { hdf5::File::open_image({}, "nothing"); }).find("nothing: is empty"),
            std::string::npos);

  hdf5::File file = hdf5::File::create({});
  file.write("x", Tensor::zeros(DType::float32, {1000}));
  const auto image = file.image();
  for (const std::size_t size : {image.size() - 100, image.size() / 2, std::size_t{600}, std::size_t{90}}) {
    EXPECT_THROW(hdf5::File::open_image(image.first(size), "cut").read("x"), UserError) << size;
  }
}

TEST(Hdf5, IsReadByThreadsAtOnce) {
  TemporaryDirectory directory;
  hdf5::File writing = hdf5::File::create({});
  Tensor values(DType::int32, {64, 10});
  for (int i = 0; i < 640; ++i) values.as<std::int32_t>()[i] = i;
  writing.write("x", values);
  writing.save(directory / "x.h5");
  const hdf5::File file = hdf5::File::open(directory / "x.h5");
  const hdf5::Dataset dataset = file.dataset("x");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Tensor row(DType::int32, {10});
      for (int i = t; i < 64; i += 4) {
        dataset.read_block({i, 0}, {1, 10}, row);
        for (int j = 0; j < 10; ++j) wrong[t] += row.as<std::int32_t>()[j] != i * 10 + j;
        wrong[t] += file.contains("absent");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace slipway
