/** Where a database and a bucket are, as the command line is told: checked before anything connects, and never shown with its secrets. */
import { EmilieError } from "../../errors.ts";

export interface BucketAddress {
  readonly bucket: string;
  /** Where the service is, with the bucket as the first part of the path, as every S3-compatible server understands it. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** @throws EmilieError "option.invalid" */
export function checkDatabaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^postgres(ql)?:$/.test(url.protocol)) return text;
  throw new EmilieError(
    "option.invalid",
    `A database is an address such as postgres://user@host:5432/emilie, got ${JSON.stringify(withoutSecrets(text))}.`,
  );
}

/**
 * s3://bucket?endpoint=https://…&region=…; the keys are read from the environment, as every S3 client reads them.
 *
 * @throws EmilieError "option.invalid"
 */
export function parseBucket(text: string, env: NodeJS.ProcessEnv = process.env): BucketAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  const invalid = (what: string) =>
    new EmilieError("option.invalid", `--blobs ${JSON.stringify(withoutSecrets(text))}: ${what}`);
  if (url?.protocol !== "s3:" || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.hostname))
    throw invalid("expected s3://BUCKET?endpoint=https://HOST.");
  if (url.username || url.password)
    throw invalid("keys do not belong into the address. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
  for (const name of url.searchParams.keys())
    if (name !== "endpoint" && name !== "region")
      throw invalid(`it has the unknown parameter ${name}; known are endpoint and region.`);
  const region = url.searchParams.get("region") ?? env.AWS_REGION ?? "us-east-1";
  const base = url.searchParams.get("endpoint") ?? `https://s3.${region}.amazonaws.com`;
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol))
    throw invalid(`the endpoint is an http(s) address, got ${JSON.stringify(base)}.`);
  const { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey } = env;
  if (!accessKey || !secretKey)
    throw invalid("the bucket's keys are missing. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
  const endpoint = `${base.replace(/\/+$/, "")}/${url.hostname}`;
  return { bucket: url.hostname, endpoint, region, accessKey, secretKey };
}

/** An address as it may be shown: without a password, wherever one can stand in it. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/^([a-z0-9+.-]+:\/\/[^/?#]*?):[^/?#]*@/i, "$1:…@")
    .replace(/([?&][^=&]*(?:password|secret|key|token)[^=&]*=)[^&#]*/gi, "$1…");
}
