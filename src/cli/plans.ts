/** What models need of this machine, in tables. */
import type { ModelPlan } from "../models/plan.ts";
import { formatLarge, formatSeconds, type Output } from "./output.ts";
import { sayTable } from "./table.ts";

interface Planned {
  readonly id: string;
  readonly plan: ModelPlan | null;
  readonly seconds?: Readonly<Record<string, number>> | null;
}

const HERE = { yes: "yes", slowly: "slowly: the weights do not stay in memory", no: "no: too little " };

/** A row a model and precision; models of which nothing is known are left out. */
export function sayPlans(models: readonly Planned[], output: Output): void {
  const rows = models.flatMap(({ id, plan, seconds }) =>
    (plan?.precisions ?? []).map(({ precision, memoryBytes, derivedBytes, works, lacks }, i) => [
      i === 0 ? `${id}, ${plan!.width} px` : "",
      precision === plan!.takes ? `${precision} *` : precision,
      formatLarge(memoryBytes, "B"),
      derivedBytes === 0 ? "none" : formatLarge(derivedBytes, "B"),
      ...(seconds === undefined ? [] : [seconds ? formatSeconds(seconds[precision]!) : "?"]),
      works === "no" ? `${HERE.no}${lacks}` : HERE[works],
    ]),
  );
  if (rows.length === 0) return;
  const timed = models.some(({ seconds }) => seconds !== undefined);
  output.say();
  sayTable(
    output,
    [
      ["model", "precision", "memory", "extra disk", ...(timed ? ["one edit, about"] : []), "works here"],
      ...rows,
    ],
    [0, 1, timed ? 5 : 4],
  );
  output.say(
    "* what the studio and the server use: the most exact precision that works here, but int8 rather than fp32 if an edit in fp32 takes many minutes. Memory: what an edit allocates at its peak, including text encoding.",
  );
}
