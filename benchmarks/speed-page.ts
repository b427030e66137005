/** The blocks and the figures of docs/results/speed.md, of benchmarks' records. */

import { standalone } from "../packages/bench/src/report/figures.node.ts";
import { type BarGroup, bars } from "./bars.ts";
import { type BenchRecord, describeMachine, type Row } from "./record.ts";
import { markdownRows } from "./table.ts";

/** A drawing for the block of its record. */
export interface SpeedFigure {
  readonly key: string;
  /** A file name. */
  readonly name: string;
  readonly title: string;
  readonly text: string;
}

/** What the block of a record is called: "peers full-size". */
export const keyOf = ({ bench, subject = "" }: BenchRecord): string => `${bench} ${subject}`.trim();

const BLOCK = /(<!-- bench: ([^|>]*?)(?: \| (.*?))? -->\n)[\s\S]*?(<!-- end -->)/g;

/** The page with its blocks written anew, and the keys of records that have none. */
export function writeBlocks(
  page: string,
  records: readonly BenchRecord[],
  figures: readonly SpeedFigure[],
): { text: string; left: string[] } {
  const found = new Set<string>();
  const machines = [...new Set(records.map(({ machine }) => describeMachine(machine)))];
  const text = page.replace(
    BLOCK,
    (_, begin: string, key: string, command: string | undefined, end: string) => {
      found.add(key);
      if (key === "machine") return `${begin}${machineLines(machines)}\n${end}`;
      const own = records.filter((one) => keyOf(one) === key);
      const parts = own.map((one) => recordLines(one, machines.length > 1));
      const drawn = figures.filter((one) => one.key === key);
      if (own.length === 0) parts.push(`Not measured yet${command ? `: \`${command}\`` : ""}.`);
      if (drawn.length > 0)
        parts.push(drawn.map(({ title, name }) => `![${title}](figures/${name})`).join(" "));
      return `${begin}${parts.join("\n\n")}\n${end}`;
    },
  );
  return { text, left: [...new Set(records.map(keyOf))].filter((key) => !found.has(key)) };
}

function machineLines(machines: readonly string[]): string {
  if (machines.length === 0) return "Not measured yet.";
  return machines.map((line) => `- ${line}`).join("\n");
}

function recordLines(one: BenchRecord, saysMachine: boolean): string {
  const parts = [`\`\`\`sh\n${one.command}\n\`\`\``, markdownRows(one.rows)];
  if (saysMachine) parts.push(`On ${describeMachine(one.machine)}.`);
  if (one.versions?.length) parts.push(`Versions: ${one.versions.join("; ")}.`);
  if (one.skipped?.length) parts.push(`Left out: ${one.skipped.join("; ")}.`);
  return parts.join("\n\n");
}

/** Of the peers' records, by subject: UNet calls by size, and whole edits. Peers of one run stand together. */
export function speedFigures(records: readonly BenchRecord[]): SpeedFigure[] {
  const peers = records.filter(({ bench }) => bench === "peers");
  return [...new Set(peers.map(keyOf))].flatMap((key) =>
    [
      { of: "UNet call", name: "unet", title: "One UNet call" },
      { of: "edit", name: "edit", title: "One edit, picture to picture" },
    ].flatMap(({ of, name, title }) => {
      const own = peers.filter((one) => keyOf(one) === key);
      const looks = [...new Set(own.flatMap(({ rows }) => rows.map(({ peer }) => peer)))];
      const groups = own.flatMap((one) => groupsOf(one, of, looks));
      if (groups.length === 0) return [];
      const subject = own[0]!.subject ?? "";
      const file = ["speed", name, subject].filter(Boolean).join("-");
      const about = `${subject}, median seconds, and how many times as long as ${groups[0]!.bars[0]!.name}`;
      const svg = bars(groups, `${title}, ${about}`);
      return [
        { key, name: `${file}.svg`, title, text: standalone({ name: file, title, about, svg, main: true }) },
      ];
    }),
  );
}

/** Rows whose `what` begins so, by what they say. A peer has the same colour in every group. */
function groupsOf(
  { rows }: BenchRecord,
  beginning: string,
  looks: readonly (Row[string] | undefined)[],
): BarGroup[] {
  const own = rows.filter(
    ({ what, seconds }) => String(what).startsWith(beginning) && typeof seconds === "number",
  );
  return [...new Set(own.map(({ what }) => String(what)))].map((title) => ({
    title,
    bars: own
      .filter(({ what }) => what === title)
      .map(({ peer, seconds, ratio }, i) => ({
        name: String(peer),
        look: looks.indexOf(peer),
        value: Number(seconds),
        text: i === 0 ? `${seconds} s` : `${seconds} s, ×${ratio}`,
      })),
  }));
}
