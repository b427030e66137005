import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DIGITAL_SOURCE_TYPE, readXmpValue, writeXmp } from "./xmp.ts";

describe("XMP", () => {
  it("carries the IPTC's mark for pictures that a model has edited", () => {
    const xmp = writeXmp({ system: "emilie with picturebook" });
    expect(xmp).toContain(
      `<Iptc4xmpExt:DigitalSourceType>${DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>`,
    );
    expect(xmp).not.toContain("AIPromptInformation");
  });

  it("gives back any value but control characters, also where a program has made it an attribute", () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom("<", ">", "&", '"', "'", "ü", "🏔"), fc.string({ maxLength: 1 })),
    });
    fc.assert(
      fc.property(text, (value) => {
        const xmp = writeXmp({ system: "a & b <c>", prompt: value, own: { recipe: value } });
        const plain = Array.from(value, (letter) =>
          /[\p{Cc}\ufffe\uffff]/u.test(letter) && !/[\t\n\r\x7f-\x9f]/.test(letter) ? " " : letter,
        ).join("");
        expect(readXmpValue(xmp, "recipe")).toBe(plain);
        const [, escaped] = /<emilie:recipe>([^<]*)</.exec(xmp)!;
        const compact = `<rdf:Description emilie:other="x" emilie:recipe="${escaped}" rdf:about=""/>`;
        expect(readXmpValue(compact, "recipe")).toBe(plain);
        expect(readXmpValue(compact, "path")).toBeUndefined();
      }),
    );
  });
});
