import { readFileSync, writeFileSync } from "node:fs";
import { readPicture, maskFromPicture } from "./src/index.ts";
import { selectRegion } from "./src/images/select-region.ts";
import { distanceTo } from "./src/images/distance.ts";
import { boxOfMask } from "./src/images/mask.ts";
import sharp from "sharp";
const root = "benchmarks/picturebook/single/";
const tiles:any[]=[]; let row=0;
for (const id of ["009-roof","011-vehicle","012-balloon","014-remove_balloon","036-balloon","010-wall","035-vehicle"]) {
  const p = await readPicture(readFileSync(root+id+".png"));
  const m = maskFromPicture(await readPicture(readFileSync(root+id+"-1-mask.png")));
  const truth = Uint8Array.from(m.data, v=>v>0.5?1:0);
  const d = distanceTo(Uint8Array.from(truth,v=>1-v), p.width, p.height); let best=0; d.forEach((v,i)=>{ if(v>d[best]!) best=i; });
  const pt={x:best%p.width,y:Math.floor(best/p.width)};
  const b = boxOfMask(m)!; const k=2; const box={x:Math.max(0,b.x-k),y:Math.max(0,b.y-k),width:b.width+2*k,height:b.height+2*k};
  const vis=(mask:any,i:number)=>{const o=Buffer.alloc(128*128*4); for(let j=0;j<128*128;j++){const a=mask[j]; for(let c=0;c<3;c++)o[4*j+c]=Math.round(p.data[4*j+c]!*(1-.7*a)+(c===0?255:0)*.7*a); o[4*j+3]=255;} const q=4*(pt.y*128+pt.x); o[q]=0;o[q+1]=255;o[q+2]=0; return {input:o,raw:{width:128,height:128,channels:4},left:i*132,top:row*132};};
  tiles.push(vis(new Float32Array(16384),0),vis(truth,1),vis(selectRegion(p,{point:pt}).data,2),vis(selectRegion(p,{box}).data,3)); row++;
}
await sharp({create:{width:4*132,height:row*132,channels:3,background:"white"}}).composite(tiles).png().toBuffer().then(b=>sharp(b).resize({width:4*132*2,kernel:"nearest"}).toFile("/tmp/studio/sel.png"));
