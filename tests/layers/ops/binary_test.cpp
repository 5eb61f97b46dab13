#include "layers/ops/binary.h"

#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

OpPtr binary_op(BinaryFunction function) { return std::make_shared<Binary>(function); }
const auto kAdd = binary_op(BinaryFunction::add);

OP_CASES(Add,
         {{.name = "scalars", .op = kAdd, .inputs = {{.shape = {}}, {.shape = {}}}},
          {.name = "empty", .op = kAdd, .inputs = {{.shape = {0, 2}}, {.shape = {0, 2}}}},
          {.name = "prime", .op = kAdd, .inputs = {{.shape = {31, 33}}, {.shape = {31, 33}}}},
          {.name = "parallel", .op = kAdd, .inputs = {{.shape = {40009}}, {.shape = {40009}}}},
          {.name = "image", .op = kAdd, .inputs = {{.shape = {2, 20, 3, 5}}, {.shape = {2, 20, 3, 5}}}}});

}  // namespace
}  // namespace slipway::test
