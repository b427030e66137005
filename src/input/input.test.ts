/** One rule for what comes from outside: names, values, JSON and pictures as text. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { pictureFromText } from "./data-url.ts";
import { InputError } from "./input-error.ts";
import { parseJson } from "./json.ts";
import { sortByName } from "./names.ts";
import { readInput } from "./read-input.ts";

const known = ["image", "mask", "workingSize", "n"];
const sort = (...names: string[]) => [
  ...sortByName(
    names.map((name) => [name, name] as const),
    { known, lists: ["image"], aliases: { images: "image" } },
    "the form",
  ),
];

/** What is thrown: the name, and how it is wrong. */
function problemOf(action: () => unknown): [string, string] | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof InputError) return [error.param, error.problem];
    throw error;
  }
}

describe("names", () => {
  it("are known in every clear variant", () => {
    for (const name of ["mask", "Mask", " mask\t", "mask[]", "mask[0]", "MASK[12]"]) {
      expect(sort(name), name).toEqual([["mask", [name]]]);
    }
    expect(sort("working_size", "N", "image[0]", "images")).toEqual([
      ["workingSize", ["working_size"]],
      ["n", ["N"]],
      ["image", ["image[0]", "images"]],
    ]);
  });

  it("are refused otherwise, with what may have been meant", () => {
    const meant = {
      mask_url: "mask",
      masks: "mask",
      msak: "mask",
      "mask[a]": "mask",
      mas: "mask",
      imgae: "image",
    };
    for (const [name, near] of Object.entries(meant)) {
      expect(
        problemOf(() => sort(name)),
        name,
      ).toEqual([name, "unknown"]);
      expect(() => sort(name)).toThrow(`Did you mean "${near}"?`);
    }
    for (const name of ["", "constructor", "__proto__", "[]", "x".repeat(100_000)]) {
      expect(problemOf(() => sort(name))?.[1], name.slice(0, 20)).toBe("unknown");
    }
    for (const pair of [
      ["mask", "mask"],
      ["mask[]", "Mask"],
      ["n", "N"],
    ]) {
      expect(problemOf(() => sort(...pair))?.[1]).toBe("repeated");
    }
  });

  it("are never dropped", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...known, "mask[]", "Image", "x"), fc.string())),
        (names) => {
          let sorted: ReturnType<typeof sort>;
          try {
            sorted = sort(...names);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
            return;
          }
          expect(sorted.flatMap(([, values]) => values).sort()).toEqual([...names].sort());
        },
      ),
    );
  });
});

describe("values", () => {
  const schema = z.object({
    count: z.int().min(1).optional(),
    share: z.number().optional(),
    flag: z.boolean().optional(),
    format: z.enum(["png", "jpeg"]).optional(),
    text: z.string().optional(),
    code: z.string().min(2).nullish(),
    place: z
      .union([z.literal("auto"), z.strictObject({ x: z.int() }), z.tuple([z.int(), z.int()])])
      .optional(),
    list: z.array(z.strictObject({ a: z.int() })).optional(),
    cleared: z.int().nullable().optional(),
  });
  const read = (value: unknown) => readInput(schema, value, "body");

  it("are read as programs and models write them", () => {
    expect(read({ count: " 7 ", share: "1e-1", flag: "True", format: "PNG" })).toEqual({
      ...{ count: 7, share: 0.1, flag: true, format: "png" },
    });
    expect(read({ place: '{"x": "3"}', list: '[{"a": 1}, {"A": "2"}]' })).toEqual({
      place: { x: 3 },
      list: [{ a: 1 }, { a: 2 }],
    });
    expect(read({ place: "[1, 2]", flag: 0 })).toEqual({ place: [1, 2], flag: false });
    expect(read('{"count": 2}')).toEqual({ count: 2 });
    // Nothing, and what is not nothing.
    expect(
      read({ count: null, share: "", flag: " ", format: "None", code: "", cleared: null, text: "" }),
    ).toEqual({
      ...{ text: "", cleared: null },
    });
  });

  it("are refused where it is not clear what is meant", () => {
    const wrong: [unknown, string][] = [
      [{ count: "1.5" }, "count"],
      [{ count: "0x10" }, "count"],
      [{ count: "Infinity" }, "count"],
      [{ count: "9007199254740993" }, "count"],
      [{ count: true }, "count"],
      [{ share: "7 %" }, "share"],
      [{ flag: "maybe" }, "flag"],
      [{ format: "gif" }, "format"],
      [{ code: "x" }, "code"],
      [{ place: { x: 1, y: 2 } }, "place"],
      [{ place: '{"x": 1' }, "place"],
      [{ list: [{ a: 1, b: 2 }] }, "b"],
      [{ list: "[{}]" }, "list"],
      [{ text: 7 }, "text"],
    ];
    for (const [value, param] of wrong) {
      expect(problemOf(() => read(value))?.[0], JSON.stringify(value)).toBe(param);
    }
    expect(problemOf(() => readInput(z.object({ a: z.string() }), {}, "body"))).toEqual(["a", "missing"]);
    for (const value of [null, [], 3, "text"]) expect(problemOf(() => read(value))).toEqual(["", "invalid"]);
  });
});

describe("JSON", () => {
  it("is what JSON.parse makes of it, unless a key is there twice", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value, null, 1);
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
    const twice = [
      '{"a":1,"a":2}',
      '[{"b":{"a":1,"c":[],"\\u0061" :2}}]',
      '{"x\\\\":1,"x\\\\":2}',
      '{"a":"\\"","a":0}',
    ];
    for (const text of twice) expect(problemOf(() => parseJson(text))?.[1], text).toBe("repeated");
    for (const text of ['{"a":{"a":1},"b":["a","a"]}', '{"a":"a\\\\","b":"\\"a\\":"}', '[{"a":1},{"a":2}]']) {
      expect(parseJson(text)).toEqual(JSON.parse(text));
    }
    for (const text of ["", "{", "{'a':1}", "NaN"])
      expect(problemOf(() => parseJson(text))).toEqual(["", "invalid"]);
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(() => parseJson(`{"a":${deep},"a":1}`)).toThrow(/"a" twice/);
  });
});

describe("pictures as text", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const base64 = Buffer.from(bytes).toString("base64");

  it("are data: URLs or base64, as encoders write it", () => {
    const texts = [
      `data:image/png;base64,${base64}`,
      ` DATA:image/svg+xml;charset=utf-8;BASE64,${base64}\n`,
      `data:;base64,${base64}`,
      base64,
      base64.replace(/=+$/, ""),
      Buffer.from(bytes).toString("base64url"),
      base64.replace(/(.{76})/g, "$1\r\n"),
    ];
    for (const text of texts) expect(pictureFromText(text, "mask"), text.slice(0, 40)).toEqual(bytes);
  });

  it("are refused in words otherwise, however long they are", () => {
    const texts: [string, RegExp][] = [
      ["", /empty/],
      [" \n", /empty/],
      ["http://127.0.0.1/x.png", /not followed/],
      ["file:///etc/passwd", /not followed/],
      ["data:image/png,abc", /without base64/],
      ["data:image/png;base64", /without base64/],
      ["data:text/html;base64,AAAA", /something else/],
      ["data:image/png;base64,", /no base64/],
      ["AAAAA", /no base64/],
      ["AA=A", /no base64/],
      ["A===", /no base64/],
      ["mask.png", /no base64/],
      [`data:image/png;base64,AAAA${" ".repeat(5_000_000)}!`, /no base64/],
      [`data:${"a".repeat(5_000_000)}`, /without base64/],
      [`${"A=".repeat(2_000_000)}`, /no base64/],
    ];
    for (const [text, message] of texts) {
      expect(() => pictureFromText(text, "mask"), text.slice(0, 40)).toThrow(message);
      expect(() => pictureFromText(text, "mask")).toThrow(/'mask'/);
    }
  });
});
