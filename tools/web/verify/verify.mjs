// Runs exported models in JavaScript and compares what they compute with what Slipway computed.
//
//   node tools/web/verify/verify.mjs [--runtime node,web] [--tolerance 1e-5] [--all] DIR ...
//
// Each DIR holds model.onnx and golden.json, as `slipway export` writes them; --all takes all folders in DIR instead.
// The runtime is onnxruntime-node, or onnxruntime-web's WebAssembly as browsers run it, or one after the other.
// Differences are relative to the largest magnitude of an output, or to 1 if that is larger. A model with a free batch
// size also runs on the samples one by one, and on seven of them. Exit status 1 if a model disagrees.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

const MANY = 7;
const ARRAYS = {
  float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array,
};

/** A runtime: its Tensor, and how it opens the model of a folder. */
async function loadRuntime(name) {
  if (name === 'node') {
    const { default: ort } = await import('onnxruntime-node');
    const open = (folder) => ort.InferenceSession.create(join(folder, 'model.onnx'), { intraOpNumThreads: 1, logSeverityLevel: 3 });
    return { name: 'onnxruntime-node', Tensor: ort.Tensor, open };
  }
  if (name !== 'web') throw new Error(`there is no runtime '${name}', expected node or web`);
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  const open = async (folder) => {
    const weights = join(folder, 'model.onnx_data'); // which a browser has to fetch and name
    const externalData = existsSync(weights) ? [{ path: basename(weights), data: new Uint8Array(await readFile(weights)) }] : [];
    return ort.InferenceSession.create(new Uint8Array(await readFile(join(folder, 'model.onnx'))), { externalData, logSeverityLevel: 3 });
  };
  return { name: 'onnxruntime-web', Tensor: ort.Tensor, open };
}

/** A tensor of golden.json, in which null stands for NaN. */
function toTensor(Tensor, { dtype, shape, data }) {
  const value = dtype === 'int64' ? BigInt : (number) => number ?? NaN;
  return new Tensor(dtype, ARRAYS[dtype].from(data, value), shape);
}

/** The tensor whose rows are the given rows of `tensor`. */
function takeRows({ dtype, shape, data }, rows) {
  const size = data.length / shape[0];
  return { dtype, shape: [rows.length, ...shape.slice(1)], data: rows.flatMap((row) => data.slice(row * size, (row + 1) * size)) };
}

/** Throws if `actual` is of another type or shape; else returns the largest relative difference. */
function difference(name, actual, expected) {
  if (actual.type !== expected.dtype) throw new Error(`${name} is ${actual.type}, expected ${expected.dtype}`);
  if (actual.dims.join() !== expected.shape.join()) throw new Error(`${name} is [${actual.dims}], expected [${expected.shape}]`);
  let largest = 1;
  let worst = 0;
  for (const value of expected.data) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  for (let i = 0; i < actual.data.length; ++i) {
    const [a, b] = [Number(actual.data[i]), expected.data[i] ?? NaN];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const relative = Math.abs(a - b) / largest;
    if (!(relative <= worst)) worst = Number.isNaN(relative) ? Infinity : relative;
  }
  return worst;
}

/** The batches of a golden file on which to run a model: as given and, if its batch size is free, in other sizes. */
function batches(golden, session) {
  const all = [golden];
  const free = session.inputMetadata.length > 0 && session.inputMetadata.every(({ shape }) => shape[0] === 'batch_size');
  if (!free) return all;
  const map = (tensors, rows) => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, takeRows(tensor, rows)]));
  const count = Object.values(golden.inputs)[0].shape[0];
  const samples = [...Array(count).keys()];
  const many = Array.from({ length: MANY }, (_, i) => i % count);
  for (const rows of [...samples.map((sample) => [sample]), many]) {
    all.push({ inputs: map(golden.inputs, rows), outputs: map(golden.outputs, rows) });
  }
  return all;
}

/** Runs the model of a folder on its golden input; returns the largest relative difference of its outputs. */
async function verify(runtime, folder) {
  const golden = JSON.parse(await readFile(join(folder, 'golden.json'), 'utf8'));
  const session = await runtime.open(folder);
  try {
    let worst = 0;
    for (const { inputs, outputs } of batches(golden, session)) {
      const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, toTensor(runtime.Tensor, tensor)]));
      const results = await session.run(feeds);
      for (const [name, expected] of Object.entries(outputs)) worst = Math.max(worst, difference(name, results[name], expected));
    }
    return worst;
  } finally {
    await session.release();
  }
}

/** Verifies folder by folder, prints what is worth knowing, and returns how many disagree. */
async function verifyAll(runtime, folders, tolerance, brief) {
  let failures = 0;
  for (const folder of folders) {
    try {
      const worst = await verify(runtime, folder);
      const agrees = worst <= tolerance;
      if (!agrees) ++failures;
      const rest = agrees ? '' : `, more than ${tolerance}`;
      if (!agrees || !brief) console.log(`${folder}: largest relative difference ${worst.toExponential(1)}${rest}`);
    } catch (error) {
      ++failures;
      console.log(`${folder}: ${error.message}`);
    }
  }
  console.log(`${folders.length - failures} of ${folders.length} models agree with Slipway in ${runtime.name}`);
  return failures;
}

async function main() {
  const { values, positionals } = parseArgs({
    options: {
      runtime: { type: 'string', default: 'node' },
      tolerance: { type: 'string', default: '1e-5' },
      all: { type: 'boolean' },
    },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new Error('name a folder that `slipway export` wrote');
  const inside = async (folder) => (await readdir(folder)).sort().map((name) => join(folder, name));
  const folders = values.all ? (await Promise.all(positionals.map(inside))).flat() : positionals;
  let failures = 0;
  for (const name of values.runtime.split(',')) {
    failures += await verifyAll(await loadRuntime(name), folders, Number(values.tolerance), values.all);
  }
  if (failures > 0) process.exitCode = 1;
}

main().catch((error) => {
  console.error(`verify: ${error.message}`);
  process.exitCode = 1;
});
