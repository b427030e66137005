/** A network that is gone does not say so: a connection that is silent is made again, and goes on where it was. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { follow } from "./events.ts";
import { Requests } from "./request.ts";

it("takes silence for a lost connection, before an answer and after it, and asks for what it missed", async () => {
  const asked: (string | undefined)[] = [];
  const send = (response: ServerResponse, id: number) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`id: e-${id}\ndata: ${JSON.stringify({ type: "reset", id })}\n\n`);
  };
  const server = createServer((request, response) => {
    asked.push(request.headers["last-event-id"] as string | undefined);
    // The first says one thing and no more, the second nothing at all.
    if (asked.length === 1) send(response, 1);
    if (asked.length === 3) send(response, 2);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const requests = new Requests({ baseUrl: `http://127.0.0.1:${port}` });
    const states: string[] = [];
    const heard: unknown[] = [];
    const options = { silence: 300, retryDelay: 1, onConnection: (state: string) => void states.push(state) };
    const isLast = (event: object) => (event as { id: number }).id === 2;
    for await (const event of follow(requests, "/events", options, isLast)) heard.push(event);
    expect(heard).toMatchObject([{ id: 1 }, { id: 2 }]);
    expect(asked).toEqual([undefined, "e-1", "e-1"]);
    expect(states).toEqual(["open", "lost", "lost", "open"]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it("does not count what whoever listens takes for itself", async () => {
  let connections = 0;
  const server = createServer((_, response) => {
    connections++;
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const id of [1, 2])
      response.write(`id: e-${id}\ndata: ${JSON.stringify({ type: "reset", id })}\n\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const requests = new Requests({ baseUrl: `http://127.0.0.1:${port}` });
    const isLast = (event: object) => (event as { id: number }).id === 2;
    for await (const _ of follow(requests, "/events", { silence: 100 }, isLast))
      await new Promise((resolve) => setTimeout(resolve, 300));
    expect(connections).toBe(1);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
