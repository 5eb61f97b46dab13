// The last lines of tools/quickstart.sh:  node summary.mjs EVALUATION.json ONNXRUNTIME.json
// EVALUATION.json is what `slipway evaluate --json` prints, ONNXRUNTIME.json what classify_idx.mjs prints. Exit status 1
// unless both classified every image alike.
import { readFileSync } from 'node:fs';

const [{ figures: slipway }, node] = process.argv.slice(2, 4).map((path) => JSON.parse(readFileSync(path, 'utf8')));
const percent = (fraction) => `${(100 * fraction).toFixed(2)} %`;
console.log(`Test accuracy by Slipway:           ${percent(slipway.accuracy)}`);
console.log(`Test accuracy by onnxruntime-node:  ${percent(node.accuracy)}`);
console.log(`Images on which they disagree:      ${node.disagreements} of ${node.images.toLocaleString('en')}`);
if (node.disagreements > 0 || node.accuracy !== slipway.accuracy) process.exitCode = 1;
