#include "tools/train/observers/tensorboard.h"

#include <gtest/gtest.h>
#include <png.h>

#include <filesystem>
#include <limits>

#include "core/base/error.h"
#include "tests/support/python.h"
#include "tests/support/temporary_directory.h"
#include "tests/tools/train/observers/sample_run.h"

namespace slipway {
namespace {

using namespace test;

// Reads event files with the messages of TensorBoard's event.proto, summary.proto and tensor.proto, as far as
// they are used, by the protobuf library; checks the framing by zlib's way of computing a CRC with
// Castagnoli's polynomial.
constexpr const char* kReader = R"(
import glob, struct, sys
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

F = descriptor_pb2.FieldDescriptorProto
kinds = {'double': F.TYPE_DOUBLE, 'int64': F.TYPE_INT64, 'int32': F.TYPE_INT32, 'float': F.TYPE_FLOAT,
         'string': F.TYPE_STRING, 'bytes': F.TYPE_BYTES}
messages = {
    'Event': 'double wall_time 1, int64 step 2, string file_version 3, Summary summary 5, SessionLog session_log 7',
    'SessionLog': 'int32 status 1',
    'Summary': '*Value value 1',
    'Value': 'string tag 1, float simple_value 2, Image image 4, Tensor tensor 8, Metadata metadata 9',
    'Image': 'int32 height 1, int32 width 2, int32 colorspace 3, bytes encoded_image_string 4',
    'Tensor': 'int32 dtype 1, Shape tensor_shape 2, *bytes string_val 8',
    'Shape': '*int64 dim 2',
    'Metadata': 'PluginData plugin_data 1',
    'PluginData': 'string plugin_name 1',
}
file = descriptor_pb2.FileDescriptorProto(name='e.proto', package='e', syntax='proto2')
for name, fields in messages.items():
    message = file.message_type.add(name=name)
    for field in fields.split(', '):
        kind, key, number = field.split()
        each = message.field.add(name=key, number=int(number), label=3 if kind[0] == '*' else 1)
        kind = kind.lstrip('*')
        if kind in kinds: each.type = kinds[kind]
        else: each.type, each.type_name = F.TYPE_MESSAGE, '.e.' + kind
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
Event = message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName('e.Event'))

def masked_crc(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    crc ^= 0xffffffff
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff
assert masked_crc(b'123456789') == ((0xe3069283 >> 15 | 0xe3069283 << 17) + 0xa282ead8) & 0xffffffff

def events(path):
    data = open(path, 'rb').read()
    while data:
        length, length_crc = struct.unpack('<QI', data[:12])
        assert length_crc == masked_crc(data[:8])
        body, (crc,) = data[12:12 + length], struct.unpack('<I', data[12 + length:16 + length])
        assert len(body) == length and crc == masked_crc(body)
        event = Event.FromString(body)
        assert not event.UnknownFields() if hasattr(event, 'UnknownFields') else True
        yield event
        data = data[16 + length:]

files = [list(events(path)) for path in sorted(glob.glob(sys.argv[1] + '/events.out.tfevents.*'))]
def scalars(file, tag):
    return [(event.step, value.simple_value) for event in file for value in event.summary.value
            if value.tag == tag and value.HasField('simple_value')]
)";

TEST(TensorBoard, WritesEventsThatProtobufReads) {
  TemporaryDirectory directory;
  {
    TensorBoardObserver observer(directory / "tensorboard");
    observer.on_run_start(sample_run("runs/digits", 2));
    play(observer, 0, 10);
    EpochRecord record = sample_epoch(1);
    record.mistakes = {
        {.sample = "test/17.png",
         .input = Tensor::of<std::uint8_t>({1, 2, 3}, {0, 50, 100, 150, 200, 250}),
         .target = 1,
         .predicted = 2,
         .probability = 0.75},
        {.sample = "test/18.png", .input = Tensor(), .target = 7, .predicted = 0, .probability = 0.5}};
    observer.on_epoch_end(record);
    observer.on_run_end({});
  }
  run_python(std::string(kReader) + R"(
(file,) = files
assert file[0].file_version == 'brain.Event:2' and 1.7e9 < file[0].wall_time < 1e11
assert file[1].session_log.status == 1 and file[1].step == 1
losses = scalars(file, 'step/loss')
assert [step for step, _ in losses] == list(range(1, 11)) and abs(losses[0][1] - 1.9024588) < 1e-6
assert scalars(file, 'step/gradient_norm')[3][1] == struct.unpack('f', struct.pack('f', 1 / 3))[0]
assert scalars(file, 'validation/loss') == [(10, 0.5), (20, 0.25)]
assert scalars(file, 'epoch/training_loss') == [(10, 1.0), (20, 0.5)]
values = {value.tag: value for event in file for value in event.summary.value}
image = values['mistakes/1'].image
assert (image.height, image.width) == (2, 3) and image.encoded_image_string.startswith(b'\x89PNG')
config = values['config']
assert config.metadata.plugin_data.plugin_name == 'text' and config.tensor.dtype == 7
assert config.tensor.HasField('tensor_shape') and not config.tensor.tensor_shape.dim
assert config.tensor.string_val[0].decode().startswith('    seed: 1\n    model:\n')
assert values['mistakes'].tensor.string_val[0].decode() == ('1. test/17.png: d<o>g taken for hen with probability 0.75\n'
                                                            '2. test/18.png: 7 taken for cat with probability 0.5\n')
)",
             {directory / "tensorboard"});
}

TEST(TensorBoard, VoidsWhatAResumedRunDoesAgain) {
  TemporaryDirectory directory;
  RunInfo info = sample_run("runs/digits", 3);
  TensorBoardObserver first(directory.path());
  first.on_run_start(info);
  play(first, 0, 15);
  // Without on_run_end, and the process may be killed at once: everything told of is in the file.
  run_python(std::string(kReader) +
                 "assert [step for step, _ in scalars(files[0], 'step/loss')] == list(range(1, 16))",
             {directory.path()});
  first.on_run_end({});
  std::filesystem::rename(std::filesystem::directory_iterator(directory.path())->path(),
                          directory / "events.out.tfevents.0000000001.slipway.1");
  TensorBoardObserver second(directory.path());
  info.start_step = 10;
  info.start_epoch = 1;
  second.on_run_start(info);
  play(second, 10, 20);
  run_python(std::string(kReader) + R"(
assert len(files) == 2
assert files[1][1].session_log.status == 1 and files[1][1].step == 11
assert [step for step, _ in scalars(files[1], 'step/loss')] == list(range(11, 21))
)",
             {directory.path()});
}

TEST(TensorBoard, ComputesTheChecksumOfItsStandard) {
  // RFC 3720, appendix B.4, and the usual check value.
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(""), 0u);
}

/// The pixels of a PNG file as RGB, by libpng.
std::vector<int> decoded(const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, picture.png.data(), picture.png.size()), 0);
  EXPECT_EQ(int(image.width), picture.width);
  EXPECT_EQ(int(image.height), picture.height);
  image.format = PNG_FORMAT_RGB;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
  EXPECT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0);
  return {pixels.begin(), pixels.end()};
}

TEST(Picture, ShowsGreyAndColour) {
  using Bytes = std::vector<int>;
  EXPECT_EQ(decoded(*draw_picture(Tensor::of<std::uint8_t>({1, 1, 2}, {7, 255}))),
            (Bytes{7, 7, 7, 255, 255, 255}));
  EXPECT_EQ(decoded(*draw_picture(Tensor::of<std::uint8_t>({3, 1, 2}, {1, 2, 3, 4, 5, 6}))),
            (Bytes{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(decoded(*draw_picture(Tensor::of<std::uint8_t>({4, 1, 1}, {1, 2, 3, 9}))), (Bytes{1, 2, 3}));
  EXPECT_EQ(decoded(*draw_picture(Tensor::of<std::uint8_t>({2, 1, 1}, {8, 9}))), (Bytes{8, 8, 8}));
  EXPECT_EQ(decoded(*draw_picture(Tensor::of<float>({1, 1, 2}, {0.2f, 1}))),
            (Bytes{51, 51, 51, 255, 255, 255}));
  EXPECT_EQ(decoded(*draw_picture(Tensor::of<float>({1, 1, 3}, {-1, 0, 1}))),
            (Bytes{0, 0, 0, 128, 128, 128, 255, 255, 255}));
  EXPECT_EQ(decoded(*draw_picture(Tensor::of<double>({1, 1, 1}, {-5}))), (Bytes{0, 0, 0}));
}

TEST(Picture, IsNotMadeOfAnythingElse) {
  EXPECT_FALSE(draw_picture(Tensor()));
  EXPECT_FALSE(draw_picture(Tensor::zeros(DType::float32, {4})));
  EXPECT_FALSE(draw_picture(Tensor::zeros(DType::float32, {1, 0, 3})));
  EXPECT_FALSE(draw_picture(Tensor::zeros(DType::uint8, {1, 1, 4097})));
  EXPECT_FALSE(draw_picture(Tensor::of<float>({1, 1, 1}, {NAN})));
}

}  // namespace
}  // namespace slipway
