// Reads IDX files, the format of MNIST: https://yann.lecun.com/exdb/mnist, plain or gzip.
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

const UNSIGNED_BYTE = 0x08;

/** @returns {Promise<{shape: number[], values: Uint8Array}>} shape: [items, ...sizes of one item] */
export async function readIdx(path) {
  let bytes = await readFile(path);
  if (bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes);
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) throw new Error(`${path}: is no IDX file`);
  if (bytes[2] !== UNSIGNED_BYTE) throw new Error(`${path}: holds elements of type ${bytes[2]}, expected unsigned bytes`);
  const rank = bytes[3];
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw new Error(`${path}: ends within its header`);
  const shape = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const expected = shape.reduce((product, size) => product * size, 1);
  if (bytes.length - start !== expected) {
    throw new Error(`${path}: holds ${bytes.length - start} elements, its header says [${shape}]`);
  }
  return { shape, values: bytes.subarray(start) };
}
