/**
 * An S3 server of the tests' own: @20minutes/s3rver, the kept fork of s3rver, which answers S3's protocol over HTTP from a folder and checks
 * signatures. It has no conditional writes, as several small servers.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "@20minutes/s3rver";

/** The keys that the server knows. */
export const KEYS = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" } as const;

export interface Bucket {
  /** s3://… as --blobs takes it; its keys are in {@link KEYS}. */
  readonly address: string;
  readonly stop: () => Promise<void>;
}

export async function startBucket(): Promise<Bucket> {
  const folder = await mkdtemp(join(tmpdir(), "emilie-bucket-"));
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory: folder,
    configureBuckets: [{ name: "emilie", configs: [] }],
  });
  const { port } = await server.run();
  return {
    address: `s3://emilie?endpoint=http://127.0.0.1:${port}`,
    async stop() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
