/**
 * DDIM backwards: from a picture to the noise that DDIM would make it from (Song et al., arXiv 2010.02502, section 4.3;
 * diffusers' DDIMInverseScheduler).
 */
import { combine } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Denoise, Schedule } from "./types.ts";

/**
 * The schedule with each step arriving exactly where the next one starts. diffusers' DDIM goes ⌊T/n⌋ timesteps down,
 * which misses the next level where n does not divide T; a way that is to be walked in both directions has no such gaps.
 */
export function contiguous(schedule: Schedule): Schedule {
  return { ...schedule, arrivals: [...schedule.levels.slice(1), schedule.arrivals.at(-1)!] };
}

/**
 * z₀ → x at every level of a {@link contiguous} schedule, in its order (noisiest first).
 *
 * A step back needs the ε of its end, which is not known yet; the ε at its start is taken instead. As in diffusers the
 * network is told the timestep of the end: at σ = 0 it has never seen a picture, and x and x̂₀ would not say what ε is.
 * So the way there and back returns to z₀ up to the change of ε over a step, an error that falls with their number.
 *
 * @param z0 [channels, h, w] in scaled units
 */
export async function invertDdim(denoise: Denoise, z0: Tensor, schedule: Schedule): Promise<Tensor[]> {
  const inverted: Tensor[] = [];
  let x = z0;
  for (let step = schedule.levels.length - 1; step >= 0; step--) {
    const [level, from] = [schedule.levels[step]!, schedule.arrivals[step]!];
    const denoised = await denoise(x, level, step);
    // ε = (x − α·x̂₀)/σ with the level's own α and σ, which for a network that predicts ε is its very answer.
    const grown = level.alpha / from.alpha;
    const added = (level.sigma - grown * from.sigma) / level.sigma;
    x = combine([grown + added, x], [-added * level.alpha, denoised]);
    inverted.unshift(x);
  }
  return inverted;
}
