import { readFile } from "node:fs/promises";
import { describe, it } from "vitest";
import { parseMaskSpec } from "../../src/images/mask-spec.ts";
import { formatScript, parseScript } from "../../src/session/script/script-file.node.ts";
import { FUZZ_TIMEOUT, fuzz } from "./run.ts";

const root = new URL("../..", import.meta.url).pathname;

/** Fragments that cost a parser of YAML most, each many times over: up to the size that is read at all. */
const REPEATED = [
  ...[
    "[",
    "{a,",
    "- ",
    "? ",
    "[? ",
    "a: b: ",
    "- ? ",
    "'",
    '"',
    '"\\q',
    "\\",
    ",*a",
    "&a ",
    "!a ",
    "!<",
    "---\n",
    "%A\n",
    "#\n",
  ],
  ..." \t\r:,]@`%&*!>|".split(""),
  ...[
    "-\n",
    "?\n",
    "|\n a\n",
    ">\n a  \n",
    "a\n",
    "1",
    "_",
    '"a":',
    "\ufeff",
    "<<: *a\n",
    "[a,",
    "a ",
    "{? a",
    "*a ",
    "'a' ",
    '"a" ',
  ],
];

describe("edit scripts", () => {
  it(
    "with any damage are scripts, or a typed error that says where",
    async () => {
      const yaml = await readFile(`${root}examples/edits.yaml`, "utf8");
      const script = parseScript(yaml);
      const texts = [yaml, JSON.stringify(script), JSON.stringify(script, null, 2), formatScript(script)];
      const bytes = texts.map((text) => new TextEncoder().encode(text));
      const masks = [
        "box:1,2,30,40",
        "ellipse:1.5,2,3,4",
        "poly:1,2,3,4,5,6",
        "soft:3:invert:file.png",
        "sha256:00ff",
      ];
      await fuzz({
        name: "scripts",
        cases: 10_000,
        share: 400,
        run(damage, number) {
          if (number % 10 === 0) {
            const mask = damage.text(damage.text(damage.one(masks)));
            return parseMaskSpec(number % 100 === 0 ? mask.replace(/\d/, "1".repeat(100_000)) : mask);
          }
          if (number % 100 === 1) {
            const key =
              number % 200 === 1 ? Array.from({ length: 40_000 }, (_, i) => `k${i}: 1\n`) : undefined;
            const part = damage.one(REPEATED);
            return parseScript(
              damage.one(["", "steps:\n", "steps: "]) + (key?.join("") ?? part.repeat(1e6 / part.length)),
            );
          }
          const which = damage.below(texts.length);
          if (number % 3 === 0) return parseScript(JSON.stringify(damage.json(script)));
          return parseScript(new TextDecoder().decode(damage.bytes(bytes[which]!, bytes)));
        },
      });
    },
    FUZZ_TIMEOUT,
  );
});
