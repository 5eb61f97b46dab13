#include <gtest/gtest.h>
#include <onnx/checker.h>

#include "tests/support/command.h"
#include "tests/support/op_case.h"
#include "tests/support/temporary_directory.h"
#include "tools/onnx/export.h"
#include "tools/onnx/golden.h"

namespace slipway::test {
namespace {

/// Writes a model of one op and what it must compute into a folder of its own.
void write_case(const OpCase& op_case, const std::string& folder) {
  Graph graph;
  std::vector<Value> arguments;
  std::vector<Tensor> inputs;
  std::map<std::string, Tensor> named_inputs, named_outputs;
  for (int i = 0; i < static_cast<int>(op_case.inputs.size()); ++i) {
    inputs.push_back(make_input(op_case, i, DType::float32));
    arguments.push_back(graph.input(text("input", i), inputs.back().type()));
    named_inputs[text("input", i)] = inputs.back();
  }
  const std::vector<Value> outputs = graph.add_all(op_case.op, arguments, "case");
  const std::vector<Tensor> results = run_op(*op_case.op, inputs);
  for (std::size_t i = 0; i + static_cast<std::size_t>(op_case.auxiliary_outputs) < outputs.size(); ++i) {
    graph.output(text("output", i), outputs[i]);
    named_outputs[text("output", i)] = results[i];
  }
  std::filesystem::create_directories(folder);
  write_onnx(graph, Variables(), folder + "/model.onnx");
  onnx::checker::check_model(folder + "/model.onnx");
  std::ofstream(folder + "/golden.json") << golden_json(named_inputs, named_outputs);
}

// One process of Node.js for all cases: starting it costs more than running them.
TEST(OnnxOpCases, OnnxruntimeComputesTheSame) {
  const TemporaryDirectory directory;
  std::map<double, std::string> tolerances;
  int cases = 0;
  for (const auto& [suite, make] : op_case_makers()) {
    for (const OpCase& op_case : make()) {
      if (!op_case.onnx) continue;
      const std::string parent = directory / text(op_case.tolerance);
      tolerances[op_case.tolerance] = parent;
      try {
        write_case(op_case, text(parent, '/', suite, '.', op_case.name));
        ++cases;
      } catch (const std::exception& error) {
        ADD_FAILURE() << suite << '.' << op_case.name << ": " << error.what();
      }
    }
  }
  EXPECT_GT(cases, 0);
  for (const auto& [tolerance, parent] : tolerances) {
    run_node("tools/web/verify/verify.mjs",
             {"--runtime", "node,web", "--tolerance", text(std::max(tolerance, 1e-5)), "--all", parent});
  }
}

}  // namespace
}  // namespace slipway::test
