import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { PageBackend } from "./backend/page/page-backend.ts";
import { ServerBackend } from "./backend/server/server-backend.ts";
import { applyTheme } from "./shell/theme.ts";
import { keepDrafts } from "./state/drafts.ts";
import { loadPast } from "./state/past.ts";
import { offerRestore } from "./state/restore.ts";
import { onOpened, start } from "./state/session.ts";
import { report, set } from "./state/store.ts";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/overlays.css";
import "./styles/layout.css";
import "./styles/notices.css";
import "./styles/editor.css";
import "./styles/history.css";
import "./styles/dock.css";
import "./styles/strips.css";
import "./styles/touch.css";
import "./styles/canvas.css";
import "./styles/start.css";
import "./styles/contrast.css";

applyTheme();
loadPast();
keepDrafts();
onOpened((file) => void offerRestore(file).catch(report));

const base = new URL("./", location.href).href;
const page = __BACKEND__ === "page" ? new PageBackend(base) : null;
if (page) page.onTrouble = report;
set({ backend: page ?? new ServerBackend(base) });
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
await start();
page?.warm();
// From the next visit on the page comes without a network (offline/worker.js). Browsers that cannot keep it do without.
if (page && import.meta.env.PROD) void navigator.serviceWorker?.register("./sw.js").catch(() => {});
