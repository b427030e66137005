/** Counters in the text format that Prometheus reads. */

type Labels = Readonly<Record<string, string>>;

/** Upper bounds in seconds: from a tiny model on a fast machine to a full one on a slow one. */
const BUCKETS = [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600];

export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #jobs = new Map<string, number>();
  readonly #buckets = BUCKETS.map(() => 0);
  #count = 0;
  #sum = 0;
  readonly #onProblem: (message: string) => void;

  constructor(onProblem: (message: string) => void) {
    this.#onProblem = onProblem;
  }

  request(method: string, status: number): void {
    const key = text({ method, status: `${status}` });
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  job(state: string): void {
    const key = text({ state });
    this.#jobs.set(key, (this.#jobs.get(key) ?? 0) + 1);
  }

  jobSeconds(seconds: number): void {
    BUCKETS.forEach((bound, i) => {
      if (seconds <= bound) this.#buckets[i]!++;
    });
    this.#count++;
    this.#sum += seconds;
  }

  /** Seconds that a job took so far, on average. */
  get meanSeconds(): number {
    return this.#count === 0 ? 1 : this.#sum / this.#count;
  }

  /** Something that nobody expected and no request can be told. */
  problem(error: unknown): void {
    this.#onProblem(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  render(gauges: Readonly<Record<string, readonly [help: string, value: number]>>): string {
    const lines: string[] = [];
    const metric = (
      name: string,
      type: string,
      help: string,
      values: Iterable<readonly [string, number]>,
    ) => {
      lines.push(`# HELP emilie_${name} ${help}`, `# TYPE emilie_${name} ${type}`);
      for (const [labels, value] of values) lines.push(`emilie_${name}${labels} ${value}`);
    };
    metric("http_requests_total", "counter", "Requests answered.", this.#requests);
    metric("jobs_total", "counter", "Jobs ended, by how.", this.#jobs);
    lines.push("# HELP emilie_job_seconds How long jobs ran.", "# TYPE emilie_job_seconds histogram");
    BUCKETS.forEach((bound, i) => {
      lines.push(`emilie_job_seconds_bucket{le="${bound}"} ${this.#buckets[i]}`);
    });
    lines.push(`emilie_job_seconds_bucket{le="+Inf"} ${this.#count}`);
    lines.push(`emilie_job_seconds_sum ${this.#sum}`, `emilie_job_seconds_count ${this.#count}`);
    for (const [name, [help, value]] of Object.entries(gauges)) metric(name, "gauge", help, [["", value]]);
    return `${lines.join("\n")}\n`;
  }
}

function text(labels: Labels): string {
  return `{${Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(",")}}`;
}
