import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differenceMask } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { changeMask } from "./gating.ts";

/** One channel of 3 × 5, far from zeros by the given values. */
const far = (...rows: readonly number[][]): Tensor => ({
  data: Float32Array.from(rows.flat()),
  shape: [1, rows.length, rows[0]!.length],
});
const zeros = (x: Tensor): Tensor => ({ data: new Float32Array(x.data.length), shape: x.shape });

describe("what has moved", () => {
  it("is what is far beyond the gate, and what lies beyond it and touches that, corners too", () => {
    const x = far(
      [0.05, 0.15, 0.05, 0.05, 0.15],
      [0.05, 0.05, 0.25, 0.05, 0.05],
      [0.15, 0.05, 0.05, 0.05, 0.15],
    );
    expect([...changeMask(x, zeros(x), 0.1).data]).toEqual([0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("reaches along a chain, and not over a gap", () => {
    const x = far([-0.3, 0.15, -0.12, 0.08, 0.15]);
    expect([...changeMask(x, zeros(x), 0.1).data]).toEqual([1, 1, 1, 0, 0]);
  });

  it("is nothing where nothing is certain", () => {
    const x = far([0.19, 0.19, 0.19, 0.19]);
    expect([...changeMask(x, zeros(x), 0.1).data]).toEqual([0, 0, 0, 0]);
  });

  it("is measured over the channels together", () => {
    const x: Tensor = { data: Float32Array.of(0.3, 0, 0.4, 0.1), shape: [2, 1, 2] };
    // √((0.3² + 0.4²) / 2) = 0.354 and √(0.1² / 2) = 0.071
    expect([...changeMask(x, zeros(x), 0.17).data]).toEqual([1, 0]);
    expect([...changeMask(x, zeros(x), 0.18).data]).toEqual([0, 0]);
    expect([...changeMask(x, zeros(x), 0.07).data]).toEqual([1, 1]);
  });

  it("holds more the lower the gate, all that is certain and nothing below it", () => {
    const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 0.4, noNaN: true }), (data, gate) => {
        const x: Tensor = { data: Float32Array.from(data), shape: [1, 3, 4] };
        const place = changeMask(x, zeros(x), gate);
        const lower = changeMask(x, zeros(x), gate / 2);
        x.data.forEach((value, i) => {
          if (Math.abs(value) > 2 * gate) expect(place.data[i]).toBe(1);
          if (Math.abs(value) <= gate) expect(place.data[i]).toBe(0);
          if (place.data[i] === 1) expect(lower.data[i]).toBe(1);
        });
      }),
    );
  });
});

it("latents differ where any channel does", () => {
  const a: Tensor = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 1, 3] };
  const b: Tensor = { data: Float32Array.of(1, 2, 3, 4, 5.000001, 6), shape: [2, 1, 3] };
  expect([...differenceMask(a, b).data]).toEqual([0, 1, 0]);
});
