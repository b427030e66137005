/** Server-sent events over fetch: unlike EventSource it can carry a token, and be stopped by a signal. */

export interface SseMessage {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/**
 * Parses a stream of events (WHATWG HTML, section 9.2.6: lines end in CR, LF or both; an empty line ends an event). Throws what
 * `within` throws, through which every wait for bytes goes.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  within: <T>(waiting: Promise<T>) => Promise<T> = (waiting) => waiting,
): AsyncGenerator<SseMessage> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let id = "";
  let hasId = false;
  let event = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await within(reader.read());
      if (done) return;
      text += decoder.decode(value, { stream: true });
      // A CR at the very end may be half of a CR LF.
      const end = text.endsWith("\r") ? text.length - 1 : text.length;
      const lines = text.slice(0, end).split(/\r\n|\n|\r/);
      text = lines.pop()! + text.slice(end);
      for (const line of lines) {
        if (line === "") {
          // An id alone says where the stream stands.
          if (data.length > 0 || hasId) yield { id, event: event || "message", data: data.join("\n") };
          hasId = false;
          event = "";
          data = [];
          continue;
        }
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const rest = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "id") [id, hasId] = [rest, true];
        else if (field === "event") event = rest;
        else if (field === "data") data.push(rest);
      }
    }
  } finally {
    // Not awaited: a connection that is silent may not answer this either.
    void reader.cancel().catch(() => {});
  }
}
