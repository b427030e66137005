import { expect, test } from "vitest";
import { fromFloat8 } from "./float8.ts";

test("E4M3: the numbers of its specification", () => {
  const bits = Uint8Array.of(0x00, 0x80, 0x01, 0x07, 0x08, 0x38, 0xb8, 0x7e, 0xfe, 0x3c);
  expect([...fromFloat8("F8_E4M3", bits)]).toEqual([
    0,
    -0,
    2 ** -9,
    7 * 2 ** -9,
    2 ** -6,
    1,
    -1,
    448,
    -448,
    1.5,
  ]);
  expect([...fromFloat8("F8_E4M3", Uint8Array.of(0x7f, 0xff))]).toEqual([Number.NaN, Number.NaN]);
});

test("E5M2: the numbers of its specification", () => {
  const bits = Uint8Array.of(0x00, 0x01, 0x04, 0x3c, 0xbc, 0x7b, 0x7c, 0xfc);
  expect([...fromFloat8("F8_E5M2", bits)]).toEqual([
    ...[0, 2 ** -16, 2 ** -14, 1, -1, 57344],
    ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ]);
  expect(fromFloat8("F8_E5M2", Uint8Array.of(0x7d))[0]).toBeNaN();
});
