/** docs/results/scale.md, from docs/results/scale.json. */
import type { ChaosResult } from "./chaos.ts";
import type { PauseResult } from "./pause.ts";
import type { OverheadResult, TablesResult } from "./tables.ts";
import type { ThroughputResult } from "./throughput.ts";

type Measured<T> = T & { readonly command: string; readonly machine: string };
export interface ScaleResults {
  /** What a reader has to know of all of them. */
  note?: string;
  chaos?: Measured<ChaosResult>;
  pause?: Measured<PauseResult>;
  throughput?: Measured<ThroughputResult>;
  overhead?: Measured<OverheadResult>;
  tables?: Measured<TablesResult>;
}

const ms = ({ median, p95 }: { median: number; p95: number }) => `${median.toFixed(1)} | ${p95.toFixed(1)}`;
const by = ({ command, machine }: { command: string; machine: string }) => `\`${command}\`; ${machine}.`;

export function page({ note, chaos, pause, throughput, overhead, tables }: ScaleResults): string {
  const parts = [
    "# Many machines",
    "Servers and workers as processes of one machine, with a real PostgreSQL and a real S3 server ([guide](../scale.md), [decision 81](../decisions/0081-many-machines.md)). " +
      "`npm run bench -- scale` measures all parts and writes this page; `--page` writes it from [scale.json](scale.json).",
    note,
    chaos && chaosPart(chaos),
    pause && pausePart(pause),
    throughput && throughputPart(throughput),
    overhead && overheadPart(overhead),
    tables && tablesPart(tables),
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function chaosPart(c: Measured<ChaosResult>): string {
  const { workers, servers, database } = c.killed;
  return `## While everything is killed

${c.clients} clients, each with ${c.edits} edits, a third of them on branches, one in seven cancelled, with downloads; ${c.workers} workers and ${c.servers} servers. Meanwhile
workers were killed ${workers} times, servers ${servers} times, and PostgreSQL ${database} times (immediate shutdown). ${by(c)}

| | |
|---|---|
| jobs done | ${c.done} |
| cancelled | ${c.cancelled} |
| ended two workers, and reported so | ${c.interrupted} |
| failed otherwise | ${c.failed} |
| **stuck** | **${c.stuck}** |
| **finished nodes lost** | **${c.lost}** |
| **nodes made twice** | **${c.duplicates}** |
| pictures downloaded meanwhile | ${c.downloads} |
| seconds | ${c.seconds.toFixed(0)} |
| waiting time, p50 and p95, seconds | ${c.wait.p50.toFixed(1)}, ${c.wait.p95.toFixed(1)} |

A node is lost where a job that is done, or a client that was told, names it, and its session or its picture is not there. It is made twice where
no job names it, or a session has two of one request. The waiting time is from asking to being begun for the last time.`;
}

function pausePart(p: Measured<PauseResult>): string {
  return `## A worker that stops for a minute

Its process was stopped (SIGSTOP) for ${p.stoppedSeconds} s in the middle of an edit, and woken. ${by(p)}

| | |
|---|---|
| another worker had the job after, seconds | ${p.takenOverSeconds.toFixed(1)} |
| the job ended as | ${p.state}, attempt ${p.attempts} |
| nodes that it made | ${p.nodes} |
| the woken worker committed | ${p.refused ? "nothing" : "something"} |`;
}

function throughputPart(t: Measured<ThroughputResult>): string {
  const rows = t.runs.map(
    (run) => `| ${run.workers} | ${run.edits} | ${run.seconds.toFixed(1)} | ${run.perSecond.toFixed(3)} |`,
  );
  return `## Throughput against workers

Each call of a network is made to wait ${t.waitMilliseconds} ms, as on a card of its own: two cores cannot show it with networks that compute here. ${by(t)}

| workers | edits | seconds | edits per second |
|---|---|---|---|
${rows.join("\n")}

With ${t.runs.at(-1)!.workers} workers: ${t.linear.toFixed(2)} of linear.`;
}

function overheadPart(o: Measured<OverheadResult>): string {
  return `## What the database takes of an edit

${o.edits} edits whose networks were left out, one after the other, in milliseconds. ${by(o)}

| | median | p95 |
|---|---|---|
| a server adds the job | ${ms(o.add)} |
| a worker takes it | ${ms(o.take)} |
| … reads the session | ${ms(o.read)} |
| … writes the node with its picture and ends the job | ${ms(o.commit)} |
| **the worker, together** | ${ms(o.share)} |`;
}

function tablesPart(t: Measured<TablesResult>): string {
  return `## Big tables

${t.sessions.toLocaleString("en")} sessions with ${t.nodes.toLocaleString("en")} nodes, in milliseconds. They are copies of one session that was edited once, made by the database itself (INSERT … SELECT) under names of their
own, with the edit as nine nodes in a row, in ${t.fillSeconds.toFixed(0)} s. ${by(t)}

| | median | p95 |
|---|---|---|
| list the last 50 | ${ms(t.list)} |
| search | ${ms(t.search)} |
| open a session | ${ms(t.open)} |
| commit a change | ${ms(t.commit)} |`;
}
