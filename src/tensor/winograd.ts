/**
 * Winograd's minimal filtering F(n×n) with a 3×3 kernel (Lavin and Gray, arXiv 1509.09308): a tile of (n + 2)² pixels and a kernel
 * become (n + 2)² products, and those n × n results.
 */

/** Bᵀ transforms a tile from both sides, G a kernel, and Aᵀ takes the products back; column 1 of Aᵀ is all ones. */
export const WINOGRAD = {
  2: {
    b: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    g: [
      [1, 0, 0],
      [1 / 2, 1 / 2, 1 / 2],
      [1 / 2, -1 / 2, 1 / 2],
      [0, 0, 1],
    ],
    a: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  4: {
    b: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    g: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    a: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
} as const;

type Matrix = readonly (readonly number[])[];

/** p ⊗ q, row by row: with it p·X·qᵀ is one product for all matrices X at once, each a column. */
export function kronecker(p: Matrix, q: Matrix = p): number[] {
  return p.flatMap((a) => q.flatMap((b) => a.flatMap((x) => b.map((y) => x * y))));
}
