// Classifies every image of an IDX file with an exported model in onnxruntime-node, and compares with the true labels
// and with the labels that Slipway predicted.
//
//   node tools/web/verify/classify_idx.mjs --model DIR/model.onnx --images FILE --labels FILE [--predictions FILE]
//
// The model takes raw pixels, 0 to 255, and gives one score a class; the largest is the prediction. --predictions is
// what `slipway predict --format csv` writes: a row an image in the file's order, the class in the column `index`. Prints one
// line of JSON: {"images", "correct", "accuracy", "disagreements", "disagreeing": [first few image numbers]}.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import ort from 'onnxruntime-node';
import { readIdx } from './idx.mjs';

const BATCH = 500;

/** The index of the largest of `count` values from `start`; the first of equals. */
function argmax(values, start, count) {
  let best = 0;
  for (let i = 1; i < count; ++i) if (values[start + i] > values[start + best]) best = i;
  return best;
}

/** The shape of a batch: what the model declares, its free dimension filled in; checked against the image's size. */
function batchShape(declared, items, pixels) {
  const shape = declared.map((size, axis) => (axis === 0 ? items : size));
  const fits = shape.slice(1).every(Number.isInteger) && shape.reduce((a, b) => a * b, 1) === items * pixels;
  if (!fits) throw new Error(`the model's input is [${declared}]; an image has ${pixels} pixels`);
  return shape;
}

/** @returns {Promise<Int32Array>} the predicted class of each image */
export async function classify(modelPath, images, progress = () => {}) {
  const session = await ort.InferenceSession.create(modelPath);
  const { name, type, shape: declared } = session.inputMetadata[0];
  if (type !== 'float32' && type !== 'uint8') throw new Error(`the model's input '${name}' is ${type}, expected raw pixels`);
  const output = session.outputNames[0];
  const [count, ...sizes] = images.shape;
  const pixels = sizes.reduce((a, b) => a * b, 1);
  const classes = new Int32Array(count);
  for (let first = 0; first < count; first += BATCH) {
    const items = Math.min(BATCH, count - first);
    const raw = images.values.subarray(first * pixels, (first + items) * pixels);
    const data = type === 'uint8' ? Uint8Array.from(raw) : Float32Array.from(raw);
    const feed = { [name]: new ort.Tensor(type, data, batchShape(declared, items, pixels)) };
    const scores = (await session.run(feed))[output];
    const perItem = scores.data.length / items;
    for (let item = 0; item < items; ++item) classes[first + item] = argmax(scores.data, item * perItem, perItem);
    progress(first + items, count);
  }
  return classes;
}

/** The column `index` of a CSV file whose fields hold no commas. */
async function readPredictions(path) {
  const [header, ...rows] = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const column = header.split(',').indexOf('index');
  if (column < 0) throw new Error(`${path}: has no column 'index', only ${header}`);
  return rows.map((row) => Number(row.split(',')[column]));
}

async function main() {
  const { values: options } = parseArgs({
    options: Object.fromEntries(['model', 'images', 'labels', 'predictions'].map((name) => [name, { type: 'string' }])),
  });
  for (const name of ['model', 'images', 'labels']) if (!options[name]) throw new Error(`--${name} is missing`);
  const images = await readIdx(options.images);
  const labels = await readIdx(options.labels);
  if (labels.shape.length !== 1 || labels.shape[0] !== images.shape[0]) {
    throw new Error(`${options.labels}: has shape [${labels.shape}] for ${images.shape[0]} images`);
  }
  const show = (done, all) => process.stderr.write(`\r  ${done} of ${all} images${done === all ? '\n' : ''}`);
  const classes = await classify(options.model, images, process.stderr.isTTY ? show : undefined);
  const correct = classes.filter((predicted, image) => predicted === labels.values[image]).length;
  const result = { images: classes.length, correct, accuracy: correct / classes.length };
  if (options.predictions) {
    const expected = await readPredictions(options.predictions);
    if (expected.length !== classes.length) {
      throw new Error(`${options.predictions}: has ${expected.length} rows for ${classes.length} images`);
    }
    const disagreeing = [...classes.keys()].filter((image) => classes[image] !== expected[image]);
    result.disagreements = disagreeing.length;
    result.disagreeing = disagreeing.slice(0, 10);
  }
  console.log(JSON.stringify(result));
}

main().catch((error) => {
  console.error(`classify_idx: ${error.message}`);
  process.exitCode = 1;
});
