/** A socket that is listened on, and one that is let go. */
import type { Server } from "node:http";
import { EmilieError } from "../errors.ts";

/** @throws EmilieError server.busy where the port is taken */
export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      const message = taken
        ? `Port ${port} on ${host} is taken. Choose another with --port, or stop what runs there.`
        : `The server cannot listen on ${host}:${port}: ${error.message}`;
      reject(new EmilieError(taken ? "server.busy" : "io.failed", message, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

/** Stops at once, whoever is connected. */
export function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Event streams would keep it open for ever.
    server.closeAllConnections();
  });
}
