/**
 * Pages of docs/results beside README.md whose tables are the numbers of one file and nothing else: each row as it must be, after its label. check-claims.ts
 * compares them.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { signed } from "../packages/bench/src/report/format.ts";

interface Table {
  readonly heading: string;
  /** The rows' cells after their labels, in their order. */
  readonly rows: readonly (readonly string[])[];
}

interface PageClaim {
  /** docs/results/NAME.md and NAME.json */
  readonly name: string;
  readonly tables: (file: never) => readonly Table[];
}

interface DetailFile {
  readonly table: readonly {
    readonly n: number;
    readonly gain: number;
    readonly half: number;
    readonly psnr: { readonly enlarged: number; readonly detail: number };
    readonly ssim: { readonly enlarged: number; readonly detail: number };
  }[];
  readonly photographs: readonly { readonly n: number; readonly psnr: Readonly<Record<string, number>> }[];
}

interface Photograph {
  readonly megapixels: number;
  readonly detail: Readonly<Record<string, { readonly enlarged: number; readonly detail: number }>>;
  readonly masked: { readonly changedOutside: number };
  readonly window: { readonly changedOutside: number };
  readonly noop: Readonly<Record<string, { readonly identical: number; readonly psnr: number }>>;
  readonly roundTrip: { readonly atModelSize: number };
}

const PAGES: readonly PageClaim[] = [
  {
    name: "detail",
    tables: ({ table, photographs }: DetailFile) => [
      {
        heading: "Drawings",
        rows: table.map(({ n, gain, half, psnr, ssim }) => [
          ...[`${n}`, psnr.enlarged.toFixed(2), psnr.detail.toFixed(2)],
          `${signed(gain, { digits: 2 })} ± ${half.toFixed(2)}`,
          `${ssim.enlarged.toFixed(3)} → ${ssim.detail.toFixed(3)}`,
        ]),
      },
      {
        heading: "Photographs",
        rows: photographs.map(({ n, psnr }) => [
          `${n}`,
          ...Object.values(psnr).map((value) => value.toFixed(2)),
        ]),
      },
    ],
  },
  {
    name: "photographs",
    tables: ({ photographs }: { readonly photographs: readonly Photograph[] }) => {
      const size = ({ megapixels }: Photograph) => `${Math.round(megapixels)} MP`;
      const kept = ({ identical, psnr }: Photograph["noop"][string]) =>
        `${Math.round(100 * identical)} %, ${psnr.toFixed(1)} dB`;
      return [
        {
          heading: "Detail transfer on an edit that is known exactly",
          rows: photographs.map((one) => [
            size(one),
            ...Object.values(one.detail).map(
              ({ enlarged, detail }) => `${enlarged.toFixed(1)} → ${detail.toFixed(1)}`,
            ),
          ]),
        },
        {
          heading: "Compositing and windows",
          rows: photographs.map((one) => [
            size(one),
            `${one.masked.changedOutside}`,
            `${one.window.changedOutside}`,
          ]),
        },
        {
          heading: "The gate and the autoencoder",
          rows: photographs.map(({ noop, roundTrip }) => [
            ...[noop.gated!, noop.ungated!].map(kept),
            `${roundTrip.atModelSize.toFixed(1)} dB`,
          ]),
        },
      ];
    },
  },
];

/** The differences between the pages and their files; with `write` the pages take the files' numbers. */
export async function checkPages(
  folder: string,
  write: boolean,
): Promise<{ checked: number; files: number; problems: string[] }> {
  const problems: string[] = [];
  let checked = 0;
  for (const { name, tables } of PAGES) {
    const path = join(folder, `${name}.md`);
    const lines = (await readFile(path, "utf8")).split("\n");
    const file = JSON.parse(await readFile(join(folder, `${name}.json`), "utf8")) as never;
    for (const { heading, rows } of tables(file)) {
      const title = lines.indexOf(`## ${heading}`);
      // Head and rule have no numbers.
      const first = lines.findIndex((line, i) => i > title && line.startsWith("|")) + 2;
      const end = lines.findIndex((line, i) => i >= first && !line.startsWith("|"));
      if (title < 0 || first < 2 || end - first !== rows.length) {
        problems.push(
          `${name}.md: "${heading}" has no table of ${rows.length} rows, as many as ${name}.json`,
        );
        continue;
      }
      rows.forEach((cells, i) => {
        const was = lines[first + i]!;
        const line = `| ${[was.split("|")[1]!.trim(), ...cells].join(" | ")} |`;
        if (line !== was) problems.push(`${name}.md says\n  ${was}\nand ${name}.json\n  ${line}`);
        lines[first + i] = line;
        checked += line.match(/\d+(\.\d+)?/g)!.length;
      });
    }
    if (write) await writeFile(path, lines.join("\n"));
  }
  return { checked, files: PAGES.length, problems };
}
