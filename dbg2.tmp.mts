import { readFileSync } from "node:fs";
import { readPicture, maskFromPicture } from "./src/index.ts";
import { selectRegion } from "./src/images/select-region.ts";
import { distanceTo } from "./src/images/distance.ts";
import { boxOfMask } from "./src/images/mask.ts";
import sharp from "sharp";
const all:any[]=[]; for(const root of ["benchmarks/picturebook/single/","benchmarks/picturebook/chain/","benchmarks/imie-picturebook/"]){ const {items}=JSON.parse(readFileSync(root+"dataset.json","utf8")); for(const it of items){ let before=it.image; for(const t of it.turns){ all.push({root,image:before,t}); before=t.target; } } }
const rows:any[]=[]; 
for (const {root,image,t} of all) { if(!t.change_mask) continue; const thing=t.kind==="roof"?"roof":t.kind==="vehicle"&&/boat/.test(t.instruction)?"boat":t.kind==="remove_vehicle"&&/boat/.test(t.instruction)?"boatall":t.kind==="balloon"?"balloon":null; if(!thing)continue;
  const p = await readPicture(readFileSync(root+image)); const m = maskFromPicture(await readPicture(readFileSync(root+t.change_mask))); const truth = Uint8Array.from(m.data, v=>v>0.5?1:0);
  const d = distanceTo(Uint8Array.from(truth,v=>1-v), p.width, p.height); let best=0; d.forEach((v,i)=>{ if(v>d[best]!) best=i; });
  const pt={x:best%p.width,y:Math.floor(best/p.width)}; const b = boxOfMask(m)!; const k=2; const box={x:Math.max(0,b.x-k),y:Math.max(0,b.y-k),width:b.width+2*k,height:b.height+2*k};
  const iou=(r:any)=>{let i=0,u=0; truth.forEach((v,k)=>{const s=r.data[k]>0.5?1:0; i+=v&s; u+=v|s;}); return i/u;};
  const A=selectRegion(p,{point:pt}),B=selectRegion(p,{box}); rows.push({p,truth,A,B,pt,b,iouA:iou(A),iouB:iou(B),thing}); }
const pick=(th:string,n:number,key:string)=>rows.filter(r=>r.thing===th).sort((a,b)=>a[key]-b[key]).filter((_,i,l)=>i%Math.max(1,Math.floor(l.length/n))===0).slice(0,n);
const chosen=[...pick("roof",4,"iouB"),...pick("boat",3,"iouB"),...pick("boatall",2,"iouB"),...pick("balloon",2,"iouB")];
const tiles:any[]=[]; chosen.forEach((r,row)=>{ const cx=Math.min(128-48,Math.max(0,r.b.x+r.b.width/2-24)),cy=Math.min(128-48,Math.max(0,r.b.y+r.b.height/2-24)); [null,r.truth,r.A.data,r.B.data].forEach((mask:any,i)=>{ const o=Buffer.alloc(48*48*4); for(let y=0;y<48;y++)for(let x=0;x<48;x++){const j=(Math.floor(cy)+y)*128+Math.floor(cx)+x,q=y*48+x; const a=mask?mask[j]:0; for(let c=0;c<3;c++)o[4*q+c]=Math.round(r.p.data[4*j+c]*(1-.75*a)+(c===0?255:0)*.75*a);o[4*q+3]=255;} tiles.push({input:o,raw:{width:48,height:48,channels:4},left:i*50,top:row*50}); }); console.log(row,r.thing,r.iouA.toFixed(2),r.iouB.toFixed(2)); });
await sharp({create:{width:200,height:chosen.length*50,channels:3,background:"white"}}).composite(tiles).png().toBuffer().then(b=>sharp(b).resize({width:800,kernel:"nearest"}).toFile("/tmp/studio/sel2.png"));
