/** Five tensors of ten megabytes: more than is fetched at once. */
export const LARGE_NAMES = ["a", "b", "c", "d", "e"] as const;

/** [512, 5120], no two values alike. */
export const largeTensor = (i: number): Float32Array =>
  Float32Array.from({ length: 512 * 5120 }, (_, j) => i * 512 * 5120 + j);
