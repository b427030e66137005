/** Raters and what they are asked: pure steps on a study. */
import { EmilieError } from "../library.ts";
import { planOf } from "./plan.ts";
import {
  type Asked,
  type Choice,
  isSimulated,
  type Letter,
  type Rater,
  SIMULATED,
  type Study,
} from "./study.ts";

/** The rater of a name, who is new or goes on; capitals make no other person. Throws option.invalid. */
export function raterOf(study: Study, given: string): Rater {
  const name = given.trim().replace(/\s+/g, " ");
  if (!/^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]{0,39}$/u.test(name) || isSimulated({ name })) {
    throw new EmilieError(
      "option.invalid",
      "A rater's name has 1 to 40 letters, digits, spaces, dots, dashes and underscores, and begins with a letter or a digit.",
    );
  }
  return found(study, name) ?? newRater(study, name);
}

/** A rater whose choices a metric makes. */
export const simulatedRater = (study: Study, metric: string): Rater =>
  newRater(study, `${SIMULATED}${metric}`);

function found(study: Study, name: string): Rater | undefined {
  return study.raters.find((rater) => rater.name.toLowerCase() === name.toLowerCase());
}

function newRater(study: Study, name: string): Rater {
  return { name, order: planOf(study.pairs.length, study.seed, name), choices: [] };
}

/** The study with the rater in place of the one of the same name, or as its last. */
export function withRater(study: Study, rater: Rater): Study {
  const old = found(study, rater.name);
  const raters = old ? study.raters.map((one) => (one === old ? rater : one)) : [...study.raters, rater];
  return { ...study, raters };
}

/** What a rater is asked next; undefined when all is done. */
export const nextQuestion = ({ order, choices }: Rater): Asked | undefined => order[choices.length];

export function withChoice(rater: Rater, chosen: Letter, seconds: number, at: Date): Rater {
  const choice: Choice = { chosen, seconds: Math.round(seconds * 100) / 100, at: at.toISOString() };
  return { ...rater, choices: [...rater.choices, choice] };
}

export function withoutLastChoice(rater: Rater): Rater {
  return { ...rater, choices: rater.choices.slice(0, -1) };
}
