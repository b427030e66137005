/**
 * A hub on the loopback interface that speaks the real one's API: listings with hashes, redirects of large files to a
 * storage host with signed addresses, ranges, gates, error codes; and failures on request.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface Repo {
  readonly files: Map<string, Uint8Array>;
  readonly commit: string;
  readonly refs: Readonly<Record<string, string>>;
  /** Who may read its files: everybody, those whose token is good, or nobody else. */
  readonly access?: "open" | "gated" | "private";
}

export interface Logged {
  readonly host: "hub" | "storage";
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** What goes wrong with one file's content, in the order of the requests for it; after the last all is well. */
export type Fault =
  | { readonly kind: "cut"; readonly after: number }
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "ignore-range" }
  | { readonly kind: "wrong" }
  | { readonly kind: "hang"; readonly after: number };

export class HubServer {
  readonly repos = new Map<string, Repo>();
  readonly log: Logged[] = [];
  readonly faults = new Map<string, Fault[]>();
  /** Called before each listing is sent; may change it. */
  tamper: (listing: Record<string, unknown>) => void = () => {};
  /** Called when a hanging answer has sent its beginning. */
  onHang: () => void = () => {};
  readonly goodToken = "hf_good";
  endpoint = "";
  #storage = "";
  #servers: Server[] = [];

  async start(): Promise<this> {
    // Two ports are two origins, as the hub and its storage are.
    this.endpoint = await this.#listen((request, response) => this.#hub(request, response));
    this.#storage = await this.#listen((request, response) => this.#store(request, response));
    return this;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  /** Requests for the content of a file whose path ends so. */
  requests(end: string, host?: Logged["host"]): Logged[] {
    return this.log.filter((one) => one.path.endsWith(end) && (host === undefined || one.host === host));
  }

  addFolder(
    name: string,
    folder: string,
    extra: Record<string, string> = {},
    rest: Partial<Repo> = {},
  ): Repo {
    const files = new Map<string, Uint8Array>();
    for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const file = join(folder, path);
      if (statSync(file).isFile()) files.set(path.replaceAll("\\", "/"), readFileSync(file));
    }
    for (const [path, text] of Object.entries(extra)) files.set(path, Buffer.from(text));
    const commit = createHash("sha1")
      .update([...files.keys()].join())
      .digest("hex");
    const repo: Repo = { files, commit, refs: { main: commit, "refs/pr/1": commit }, ...rest };
    this.repos.set(name, repo);
    return repo;
  }

  async #listen(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(handler);
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  #note(host: Logged["host"], request: IncomingMessage): URL {
    const url = new URL(request.url!, "http://hub");
    const { range, authorization } = request.headers;
    this.log.push({ host, path: decodeURIComponent(url.pathname), range, authorization });
    return url;
  }

  #hub(request: IncomingMessage, response: ServerResponse): unknown {
    const url = this.#note("hub", request);
    const token = request.headers.authorization?.replace("Bearer ", "");
    const refuse = (status: number, code: string | null, message: string) => {
      response.writeHead(status, {
        ...(code ? { "x-error-code": code } : {}),
        "x-error-message": message,
        "content-type": "application/json",
      });
      response.end(JSON.stringify({ error: message }));
    };
    if (token !== undefined && token !== this.goodToken && token !== "hf_stranger")
      return refuse(401, null, "Invalid credentials in Authorization header");

    const listing = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(url.pathname);
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const name = (listing ?? resolve)?.[1] ?? "";
    const repo = this.repos.get(name);
    const hidden = repo?.access === "private" && token !== this.goodToken;
    if (!repo || hidden) {
      return token === undefined
        ? refuse(401, "RepoNotFound", "Invalid username or password.")
        : refuse(404, "RepoNotFound", "Repository not found");
    }
    const revision = decodeURIComponent((listing ?? resolve)![2]!);
    const commit = revision === repo.commit ? revision : repo.refs[revision];
    if (commit === undefined) return refuse(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    if (listing) return this.#list(name, repo, url, response);

    const path = decodeURIComponent(resolve![3]!);
    if (repo.access === "gated" && token !== this.goodToken) {
      const message = `Access to model ${name} is restricted. You must have access to it and be authenticated.`;
      return refuse(token === undefined ? 401 : 403, "GatedRepo", message);
    }
    const content = repo.files.get(path);
    if (!content) return refuse(404, "EntryNotFound", "Entry not found");
    const headers = { "x-repo-commit": commit, "x-linked-size": String(content.length) };
    if (isLarge(path)) {
      response.writeHead(302, {
        ...headers,
        "x-linked-etag": `"${sha256(content)}"`,
        location: `${this.#storage}/${name}/${path}?X-Signature=abc`,
      });
      return response.end();
    }
    // Small files are sent to another path of the hub itself, as it is done since 2025.
    if (url.searchParams.get("cache") === null) {
      response.writeHead(307, { ...headers, location: `${url.pathname}?cache=1` });
      return response.end();
    }
    return this.#send(path, content, request, response, { ...headers, etag: `"${gitHash(content)}"` });
  }

  #list(name: string, repo: Repo, url: URL, response: ServerResponse): void {
    const blobs = url.searchParams.get("blobs") === "true";
    const siblings = [...repo.files].map(([rfilename, content]) => ({
      rfilename,
      ...(blobs
        ? {
            size: content.length,
            blobId: gitHash(content),
            ...(isLarge(rfilename)
              ? { lfs: { sha256: sha256(content), size: content.length, pointerSize: 134 } }
              : {}),
          }
        : {}),
    }));
    const document: Record<string, unknown> = {
      _id: "0123456789abcdef01234567",
      id: name,
      modelId: name,
      sha: repo.commit,
      gated: repo.access === "gated" ? "auto" : false,
      private: repo.access === "private",
      siblings,
    };
    this.tamper(document);
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify(document));
  }

  #store(request: IncomingMessage, response: ServerResponse): unknown {
    const url = this.#note("storage", request);
    // Signed addresses are refused when they come with a token, as S3 does.
    if (url.searchParams.get("X-Signature") !== "abc" || request.headers.authorization !== undefined) {
      response.writeHead(400);
      return response.end();
    }
    const [, owner, name, ...path] = decodeURIComponent(url.pathname).split("/");
    const content = this.repos.get(`${owner}/${name}`)!.files.get(path.join("/"))!;
    return this.#send(path.join("/"), content, request, response, {});
  }

  #send(
    path: string,
    content: Uint8Array,
    request: IncomingMessage,
    response: ServerResponse,
    headers: Record<string, string>,
  ): void {
    const fault = this.faults.get(path)?.shift();
    if (fault?.kind === "status") {
      response.writeHead(fault.status, { "retry-after": "0" });
      response.end();
      return;
    }
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const from = asked && fault?.kind !== "ignore-range" ? Number(asked) : 0;
    let body = Buffer.from(content.subarray(from));
    if (fault?.kind === "wrong") body = Buffer.from(body.map((byte) => byte ^ 1));
    response.writeHead(asked && fault?.kind !== "ignore-range" ? 206 : 200, {
      ...headers,
      "content-length": String(body.length),
      ...(from > 0 ? { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
    });
    if (fault?.kind === "cut" || fault?.kind === "hang") {
      response.write(body.subarray(0, fault.after), () => {
        if (fault.kind === "cut") response.destroy();
        else this.onHang();
      });
      return;
    }
    response.end(body);
  }
}

const isLarge = (path: string) => /\.(safetensors|bin|ckpt)$/.test(path);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const gitHash = (bytes: Uint8Array) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
