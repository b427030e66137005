/** The report's style sheet: light and dark, phone to 4K, and paper. */
import { figureStyle } from "./palette.ts";

export const STYLE = `
:root{color-scheme:light dark;--page:#fff;--raised:#f6f6f5;--ink:#1c1c1c;--muted:#5f5f5f;--line:#dedede;--accent:#0062a3;--right:#00704f;--wrong:#b03a00;
font-size:clamp(15px,12px + .3vw,22px)}
@media (prefers-color-scheme:dark){:root{--page:#161719;--raised:#1f2124;--ink:#ececec;--muted:#a6a6a6;--line:#383a3f;--accent:#5cb3f0;--right:#3fc9a0;--wrong:#ff9a62}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif}
header,main,footer{max-width:112rem;margin:0 auto;padding:0 clamp(1rem,3vw,3rem)}
header{padding-top:clamp(1.25rem,3vw,3rem)}footer{padding-bottom:3rem;color:var(--muted)}
h1{font-size:1.8rem;line-height:1.2;margin:0 0 .3rem;text-wrap:balance}h2{font-size:1.3rem;margin:3rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.75rem 0 .4rem}p,ul,dl{max-width:46rem;margin:.4rem 0}ul{padding-left:1.2rem}a{color:var(--accent)}
.lead{color:var(--muted)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;margin:1.25rem 0 0;max-width:none}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1.2rem;margin:1rem 0;max-width:none;font-size:.9rem}
.facts dt{color:var(--muted)}.facts dd{margin:0;overflow-wrap:anywhere}
code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{margin:1rem 0;padding:.7rem .9rem;background:var(--raised);border-radius:8px;white-space:pre-wrap}
.scroll{overflow-x:auto;margin:.75rem 0;max-width:100%}.scroll:focus-visible,summary:focus-visible,button:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums lining-nums;font-size:.9rem}
caption{text-align:left;color:var(--muted);padding-bottom:.35rem}
th,td{padding:.34rem .5rem;text-align:right;vertical-align:baseline;border-bottom:1px solid var(--line)}
th:first-child{text-align:left;position:sticky;left:0;background:var(--page);padding-left:0}
thead th{font-weight:600;vertical-align:bottom;line-height:1.25;min-width:4.4rem}tbody th{font-weight:500;white-space:nowrap}
td{white-space:nowrap}abbr{text-decoration:none}.way,.interval,.remark,.none{color:var(--muted)}.way{font-weight:400;white-space:nowrap}
.interval{font-size:.82em;display:block}strong{font-weight:750}
tbody tr:hover>*{background:var(--raised)}
.left td,.left th{text-align:left;white-space:normal}.left td:last-child{min-width:17rem}
details{margin:.75rem 0}summary{cursor:pointer;color:var(--accent);width:fit-content}
details dl{display:grid;gap:.1rem}details dt{font-weight:600;margin-top:.5rem}details dd{margin:0}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21.5rem),1fr));gap:1.25rem 2rem;margin:.75rem 0}
figure{margin:0}.figures figcaption{font-weight:600;font-size:.92rem;margin-bottom:.2rem}
.fig{display:block;width:100%;height:auto;max-width:40rem;overflow:visible}.fig g:hover>path{stroke-opacity:1}
.strip{margin:1.5rem 0 2.25rem}.strip figcaption{font-weight:600}.strip .remark{font-weight:400}
.strip table{font-size:.8rem}.strip th,.strip td{border:0;padding:.15rem .2rem;text-align:left;vertical-align:top;background:var(--page);min-width:0}
.strip thead th{width:8.5rem;min-width:8.5rem;font-weight:500;vertical-align:bottom;line-height:1.3;white-space:normal}
.strip tbody th{padding-right:.7rem;vertical-align:middle;z-index:2}.strip .remark{display:block;font-size:.9em}
.turn{display:inline-block;min-width:1.5em;padding:0 .3em;border-radius:4px;background:var(--raised);color:var(--muted);text-align:center}
.strip img,.frame{display:block;width:8.2rem;height:8.2rem;object-fit:contain;border-radius:4px}.frame{border:1px dashed var(--line)}
.strip td{position:relative}.right{color:var(--right)!important}.wrong,.collapsed{color:var(--wrong)!important}
.compared{position:relative;display:block;isolation:isolate;width:8.2rem;border-radius:4px;overflow:hidden;filter:brightness(3)}
.compared img+img{position:absolute;inset:0;mix-blend-mode:difference}
button{font:inherit;color:var(--ink);background:var(--raised);border:1px solid var(--line);border-radius:8px;padding:.35rem .8rem;cursor:pointer}
button[aria-pressed=true]{background:var(--accent);border-color:var(--accent);color:var(--page)}
@media (max-width:40rem){.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.5rem}th,td{padding:.34rem .5rem}
tbody th{min-width:6.6rem;max-width:8.5rem;white-space:normal;overflow-wrap:break-word}.strip tbody th{max-width:6.6rem}.strip thead th{width:6.6rem;min-width:6.6rem}
.strip img,.frame,.compared{width:6.4rem;height:6.4rem}.figures{gap:1.5rem}}
@page{size:A4 landscape;margin:12mm}
@media print{:root{color-scheme:light;--right:#00704f;--wrong:#b03a00;--page:#fff;--raised:#f4f4f4;--ink:#000;--muted:#444;--line:#ccc;--accent:#000;font-size:10pt}
nav,button{display:none}h2,h3{break-after:avoid}figure,tr{break-inside:avoid}.scroll{overflow:visible}th:first-child{position:static}
table{font-size:.75rem}th,td{padding:.2rem .35rem}.strip img,.frame{width:5.2rem;height:5.2rem}.strip thead th{width:5.4rem;min-width:5.4rem}}
${figureStyle()}
`;

/** The one thing that needs script: a button that lays the truth over each result and shows the difference. */
export const SCRIPT = `
const button=document.querySelector("button.difference");
if(button){button.hidden=false;button.addEventListener("click",()=>{
const on=button.getAttribute("aria-pressed")!=="true";button.setAttribute("aria-pressed",on);
for(const cell of document.querySelectorAll("td.result")){
const shown=cell.querySelector(".compared");
if(shown){shown.replaceWith(shown.firstElementChild);continue}
const image=cell.querySelector("img");
const truth=cell.closest("table").querySelector('td.truth[data-turn="'+cell.dataset.turn+'"] img');
if(!image||!truth)continue;
const box=document.createElement("span");box.className="compared";
image.replaceWith(box);const over=truth.cloneNode();over.alt="";box.append(image,over);
}})}
`;
