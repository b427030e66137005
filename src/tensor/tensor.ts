/** Dense float arrays with shapes, and the few operations the method needs. Everything is pure: no argument is changed. */

/** A dense array of 32-bit floats. */
export interface Tensor {
  /** Row-major values. */
  readonly data: Float32Array;
  /** Sizes of the axes, the slowest first. */
  readonly shape: readonly number[];
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function tensor(data: Float32Array | readonly number[], shape: readonly number[]): Tensor {
  const array = data instanceof Float32Array ? data : Float32Array.from(data);
  if (array.length !== sizeOf(shape)) {
    throw new RangeError(`a tensor of shape [${shape}] needs ${sizeOf(shape)} values, got ${array.length}`);
  }
  return { data: array, shape };
}

export function zeros(shape: readonly number[]): Tensor {
  return { data: new Float32Array(sizeOf(shape)), shape };
}
