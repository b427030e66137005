/** A rater whose choices a metric makes: what it prefers is a statement about the metric, and is never called a person's. */
import { EmilieError } from "../library.ts";
import { generator } from "./plan.ts";
import { simulatedRater, withChoice } from "./raters.ts";
import type { Letter, Pair, Rater, Study } from "./study.ts";

/** Distances and damage: less is better. Of everything else more is. */
const LESS_IS_BETTER = /^(l1|l2|error|leak|seam|changed|collapse|colour)/;

/** @throws EmilieError option.invalid where a pair has no such number */
export function simulate(study: Study, metric: string, now = new Date()): Rater {
  const coin = generator(`${study.seed} ${metric} ties`);
  const answers = study.pairs.map((pair) => better(pair, metric) ?? (coin() < 0.5 ? "a" : "b"));
  const rater = simulatedRater(study, metric);
  return rater.order.reduce((so, { pair }) => withChoice(so, answers[pair]!, 0, now), rater);
}

/** Which picture the metric prefers; null where they are equal. */
function better({ item, turn, metrics }: Pair, metric: string): Letter | null {
  const [a, b] = [metrics.a[metric], metrics.b[metric]];
  if (a === undefined || b === undefined) {
    const known = Object.keys(metrics.a).filter((name) => name in metrics.b);
    throw new EmilieError(
      "option.invalid",
      `Item ${item}, turn ${turn}, has no ${metric} for both methods. There is ${known.join(", ") || "no metric at all"}.`,
    );
  }
  // Not finite is what a perfect PSNR is stored as.
  const value = (x: number | null) =>
    (x ?? Number.POSITIVE_INFINITY) * (LESS_IS_BETTER.test(metric) ? -1 : 1);
  if (value(a) === value(b)) return null;
  return value(a) > value(b) ? "a" : "b";
}
