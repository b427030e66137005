/** What `emilie edit --help` says below its options. */
export const EXAMPLES = `
Examples:
  $ emilie edit photo.jpg "make it winter"
  $ emilie edit photo.jpg "make it winter" "paint the roof blue" --mask 2=roof.png
  $ emilie edit photo.jpg "add a balloon" --mask box:40,20,200,160 --seed 7 --out balloon
  $ emilie edit photo.jpg "make the car red" --mask auto --json
  $ emilie edit photo.jpg "make it winter" "add a car" --weight 2=5 --avoid "1=fog and rain"
  $ emilie edit photo.jpg "make the lake frozen" --mask soft:12:poly:0,300,400,280,400,420,0,420
  $ emilie edit large.jpg "make the door red" --mask box:2400,1800,300,500 --working-size own
  $ emilie edit photo.jpg "make it winter" --preset draft
  $ emilie edit photo.jpg "add a meadow" --expand left:25%,right:25%
  $ emilie edit photo.jpg --crop 40,20,640,480
  $ emilie edit photo.jpg --script edits.yaml
  $ emilie edit photo.jpg "make it winter" --model instruct-pix2pix.safetensors --lora style.safetensors=0.8
  $ emilie edit photo.jpg "make it winter" --device auto
  $ emilie edit photo.jpg "make it winter" --model timbrooks/instruct-pix2pix --precision int8
  $ emilie edit out/session.emilie "now make it night"
  $ emilie edit out/session.emilie "make it a boat" --from 3fd1

Each instruction starts from the result of the previous one. The results have the size of your picture; where a mask is
black, they keep your original pixels. With a single instruction, N= can be omitted. A mask is one of
  FILE                      a picture, white = edit, grey = partly; it is scaled to the picture's size, with a warning; an ambiguous
                            file (a photograph, a picture with a hole) is refused, and the message says which of these to write:
  alpha:FILE                its alpha channel, opaque = edit; invert:alpha:FILE transparent = edit
  white:FILE stretch:FILE   its brightness, unchanged; its brightness, stretched to the full range
  fit:FILE                  scaled to the picture even if it appears to be rotated by 90°
  auto                      estimated by the model from the instruction
  box:x,y,width,height      a rectangle, in pixels of the picture; also ellipse:x,y,rx,ry and poly:x1,y1,x2,y2,x3,y3,…
  border                    the area that --expand, or an earlier expand step, has added
  at:x,y                    the object at this point of the picture; around:x,y,width,height the object inside this box
  invert:MASK  soft:PX:MASK inverted; with a soft border of PX pixels on the inside

--crop and --expand are separate steps before edit N, whose masks are then in pixels of the new picture. After --expand the edit's mask
is the border by default. Without an instruction, the picture is only cropped or expanded.

A script (JSON or YAML) is a list of edits, each with its own mask, regions, settings and branch; --seed, --steps and so on
override the script's defaults. Mask files are relative to the script. emilie show SESSION --script prints one.

Every edit is saved in a session next to the pictures, from which you can continue, branch and replay (emilie show, emilie
replay), and every PNG contains its recipes as metadata. In the JSON document, a psnr of null means that the pictures are identical.
Exit codes: 0 success, 1 failure, 2 invalid command line, 130 stopped by Ctrl-C (finished results are kept).`;
