/** What / says where the studio was not built. */
export const WELCOME = `<!doctype html><html lang="en"><meta charset="utf-8"><title>emilie</title>
<style>:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>emilie</h1><p>The server runs. This installation has no studio; programs find the API described at
<a href="docs">/docs</a> and <a href="openapi.json">/openapi.json</a>.</p></html>`;
