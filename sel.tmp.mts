import { readFileSync } from "node:fs";
import { readPicture, maskFromPicture } from "./src/index.ts";
import { selectRegion } from "./src/images/select-region.ts";
import { distanceTo } from "./src/images/distance.ts";
import { boxOfMask } from "./src/images/mask.ts";
const sets=["benchmarks/picturebook/single/","benchmarks/picturebook/chain/","benchmarks/imie-picturebook/"];
const all:any[]=[]; for(const root of sets){ const {items}=JSON.parse(readFileSync(root+"dataset.json","utf8")); for(const it of items){ let before=it.image; for(const t of it.turns){ all.push({root,image:before,t,before}); before=t.target; } } }
const by: Record<string, number[]> = {};
const bad: string[] = [];
for (const it of all) { const {t,root}=it; if(!t.change_mask) continue;
  const thing = t.kind === "roof" ? "roof" : t.kind === "vehicle" && /boat/.test(t.instruction) ? "boat" : t.kind==="balloon"||t.kind==="remove_balloon"||t.kind==="remove_vehicle" ? t.kind+(t.kind==="remove_vehicle"?(/boat/.test(t.instruction)?" boat":" car"):"") : t.kind==="vehicle"?"car": t.kind==="wall"?"wall":null;
  if (!thing) continue;
  const p = await readPicture(readFileSync(root+it.image));
  const m = maskFromPicture(await readPicture(readFileSync(root+t.change_mask)));
  const truth = Uint8Array.from(m.data, v=>v>0.5?1:0);
  const d = distanceTo(Uint8Array.from(truth,v=>1-v), p.width, p.height);
  let best=0; d.forEach((v,i)=>{ if(v>d[best]!) best=i; });
  const iou=(r:any)=>{let i=0,u=0; truth.forEach((v,k)=>{const s=r.data[k]>0.5?1:0; i+=v&s; u+=v|s;}); return i/u;};
  const byPoint = iou(selectRegion(p,{point:{x:best%p.width,y:Math.floor(best/p.width)}}));
  const b = boxOfMask(m)!; const k=1; const box={x:Math.max(0,b.x-k),y:Math.max(0,b.y-k),width:0,height:0}; box.width=Math.min(p.width,b.x+b.width+k)-box.x; box.height=Math.min(p.height,b.y+b.height+k)-box.y;
  const byBox = iou(selectRegion(p,{box}));
  (by[thing+" point"]??=[]).push(byPoint); (by[thing+" box"]??=[]).push(byBox);
  if (byPoint<.85||byBox<.7) bad.push(`${thing} ${it.image} point ${byPoint.toFixed(2)} box ${byBox.toFixed(2)}`);
}
for (const [k,v] of Object.entries(by)) { v.sort((a,b)=>a-b); console.log(k, v.length, "mean", (v.reduce((a,b)=>a+b)/v.length).toFixed(3), "median", v[v.length>>1]!.toFixed(3), "min", v[0]!.toFixed(3), ">=.85:", v.filter(x=>x>=.85).length); }
console.log(bad.slice(0,30).join("\n"));
const big={width:4000,height:3000,data:new Uint8ClampedArray(48e6)}; const src=await readPicture(readFileSync("examples/cottage.png"));
for(let y=0;y<3000;y++)for(let x=0;x<4000;x++){const f=4*(Math.floor(y*128/3000)*128+Math.floor(x*128/4000)); const o=4*(y*4000+x); big.data[o]=src.data[f]!;big.data[o+1]=src.data[f+1]!;big.data[o+2]=src.data[f+2]!;big.data[o+3]=255;}
for(let i=0;i<4;i++){const t=performance.now(); selectRegion(big,{point:{x:2000,y:1700}}); const t2=performance.now(); selectRegion(big,{box:{x:1200,y:1300,width:1400,height:600}}); console.log("12MP point",(t2-t).toFixed(0),"box",(performance.now()-t2).toFixed(0));}
