/** The Walsh–Hadamard transform: orthogonal, its own inverse, and all of its entries of one size. */

/** At most so many values are mixed: a matrix product of this width costs a twentieth of those it stands before. */
const MOST = 128;

/** The block for rows of `width` values: the largest power of two that divides it, up to 128. */
export function hadamardBlock(width: number): number {
  let block = 1;
  while (block < MOST && width % (2 * block) === 0) block *= 2;
  return block;
}

/** The matrix [size, size], row by row; `size` is a power of two. */
export function hadamardMatrix(size: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
  hadamardInPlace(matrix, size);
  return matrix;
}

/** Multiplies every `block` neighbours by the matrix of that size. */
export function hadamardInPlace(values: Float32Array, block: number): void {
  if (block === 1) return;
  const norm = 1 / Math.sqrt(block);
  // A block in double precision, with which V8 counts fastest.
  const part = new Float64Array(block);
  for (let start = 0; start < values.length; start += block) {
    for (let i = 0; i < block; i++) part[i] = values[start + i]! * norm;
    for (let half = 1; half < block; half *= 2) {
      for (let i = 0; i < block; i += 2 * half) {
        for (let j = i; j < i + half; j++) {
          const a = part[j]!;
          const b = part[j + half]!;
          part[j] = a + b;
          part[j + half] = a - b;
        }
      }
    }
    for (let i = 0; i < block; i++) values[start + i] = part[i]!;
  }
}
