/**
 * Lets everything else have its turn: a signal, a server's answer, the screen. A timer would do the same, but a page in the background is
 * given one of those a second.
 */
export function breath(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
