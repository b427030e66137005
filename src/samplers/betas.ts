/**
 * ᾱ_t for every training timestep from the betas of a scheduler configuration, in float32 as diffusers computes them
 * (its schedulers' __init__; zero terminal SNR after Lin et al., arXiv 2305.08891, algorithm 1).
 */
import { BETA_DEFAULTS, type BetaDefaults, type ConfigReader, unsupported } from "./config.ts";

const { fround } = Math;
/** Nichol and Dhariwal's cap on a cosine schedule's betas. */
const MAX_COSINE_BETA = 0.999;

/** torch.linspace in float32: counted from both ends, so that both are met. */
export function linspace(start: number, end: number, count: number): Float32Array {
  const [first, last] = [fround(start), fround(end)];
  const step = fround(fround(last - first) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count / 2 ? fround(first + fround(step * i)) : fround(last - fround(step * (count - 1 - i))),
  );
}

function cosineBetas(count: number): Float32Array {
  const alphaBar = (t: number): number => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), MAX_COSINE_BETA),
  );
}

/** The running product of float32 values, held in double precision as torch's cumprod does on a CPU. */
function cumulativeProduct(values: Float32Array): Float32Array {
  let product = 1;
  return values.map((value) => {
    product *= value;
    return product;
  });
}

/** Shifts and stretches √ᾱ so that it ends at 0 and starts where it did. */
function withZeroTerminalSnr(alphas: Float32Array): Float32Array {
  const roots = cumulativeProduct(alphas).map(Math.sqrt);
  const [first, last] = [roots[0]!, roots.at(-1)!];
  const stretch = fround(first / fround(first - last));
  const bars = roots.map((root) => fround(fround(root - last) * stretch) ** 2);
  // Back to one alpha a step, by way of beta = 1 − alpha, as diffusers does.
  return bars.map((bar, i) => fround(1 - fround(1 - fround(i === 0 ? bar : bar / bars[i - 1]!))));
}

/** ᾱ [trainSteps], float32, falling; the last one is 0 with rescale_betas_zero_snr. */
export function cumulativeAlphas(read: ConfigReader, defaults: BetaDefaults = BETA_DEFAULTS): Float32Array {
  const trainSteps = read.number("num_train_timesteps", 1000);
  if (!Number.isInteger(trainSteps) || trainSteps < 2) {
    throw unsupported("num_train_timesteps", trainSteps, ["an integer above 1"]);
  }
  const start = read.number("beta_start", defaults.start);
  const end = read.number("beta_end", defaults.end);
  const kind = read.choice("beta_schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"], defaults.kind);
  const trained = read.numbers("trained_betas");
  let betas: Float32Array;
  if (trained) betas = Float32Array.from(trained);
  else if (kind === "linear") betas = linspace(start, end, trainSteps);
  else if (kind === "scaled_linear") betas = linspace(start ** 0.5, end ** 0.5, trainSteps).map((b) => b * b);
  else betas = cosineBetas(trainSteps);
  if (betas.length !== trainSteps) {
    throw unsupported("trained_betas", `${betas.length} values`, [
      `num_train_timesteps = ${trainSteps} values`,
    ]);
  }
  const alphas = betas.map((beta) => 1 - beta);
  return cumulativeProduct(read.flag("rescale_betas_zero_snr", false) ? withZeroTerminalSnr(alphas) : alphas);
}
