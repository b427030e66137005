"""Python's clients against a running server: OpenAI's SDK, requests, httpx and aiohttp. See README.md beside this file.

    npm run emilie -- serve --port 7861 --token some-long-token &
    python benchmarks/peers/clients.py http://127.0.0.1:7861 some-long-token
"""

import asyncio
import base64
import io
import sys
from pathlib import Path

import aiohttp
import httpx
import openai
import requests
from PIL import Image, ImageChops

COTTAGE = Path(__file__).parents[2] / "examples" / "cottage.png"
BOX = (60, 60, 80, 80)
PROMPT = "make it winter"
base_url = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860").rstrip("/")
token = sys.argv[2] if len(sys.argv) > 2 else "any"
failed = 0


def check(what, right, found=""):
    global failed
    failed += not right
    print("ok  " if right else "FAIL", what, "" if right else found)


def hole():
    """OpenAI's mask: transparent = edit."""
    mask = Image.new("RGBA", (128, 128), "white")
    mask.paste((0, 0, 0, 0), BOX)
    file = io.BytesIO()
    mask.save(file, "png")
    return file.getvalue()


def opened(b64):
    return Image.open(io.BytesIO(base64.b64decode(b64)))


def kept_outside(b64):
    """Whether every pixel outside of the mask is the picture's own, and some inside are not."""
    before = Image.open(COTTAGE).convert("RGB")
    changed = ImageChops.difference(before, opened(b64).convert("RGB"))
    inside = changed.crop(BOX)
    changed.paste((0, 0, 0), BOX)
    return changed.getbbox() is None and inside.getbbox() is not None


def refused(what, status, param, call):
    try:
        call()
        check(what, False, "no error")
    except openai.APIStatusError as error:
        check(what, (error.status_code, error.param) == (status, param), str(error))


def sdk():
    client = openai.OpenAI(base_url=f"{base_url}/v1", api_key=token, max_retries=0)
    picture = COTTAGE.read_bytes()
    few = {"steps": 1}
    edit = lambda **given: client.images.edit(prompt=PROMPT, extra_body=few, **given)

    check("models.list", "picturebook" in [model.id for model in client.models.list()])
    with COTTAGE.open("rb") as file:
        check("image as an open file", opened(edit(image=file).data[0].b64_json).size == (128, 128))
    check("image as bytes", opened(edit(image=picture).data[0].b64_json).size == (128, 128))
    check("image as a path", opened(edit(image=COTTAGE).data[0].b64_json).size == (128, 128))
    named = ("a.png", picture, "image/png")
    check("image as a tuple", opened(edit(image=named).data[0].b64_json).size == (128, 128))
    check("image as a list of one", opened(edit(image=[picture]).data[0].b64_json).size == (128, 128))
    masked = edit(image=picture, mask=hole(), model="gpt-image-1", n=2, quality="low", user="somebody")
    check("mask, n", [kept_outside(one.b64_json) for one in masked.data] == [True, True])
    check("usage, created", masked.usage.total_tokens == 0 and masked.created > 0)
    small = edit(image=picture, size="256x256", output_format="webp", output_compression=50, response_format="b64_json")
    check("size, format", (opened(small.data[0].b64_json).size, opened(small.data[0].b64_json).format) == ((256, 256), "WEBP"))
    link = edit(image=picture, response_format="url", size="256x256").data[0].url
    check("url", Image.open(io.BytesIO(requests.get(link).content)).size == (256, 256))
    stream = client.images.edit(image=picture, prompt=PROMPT, stream=True, partial_images=2, extra_body={"steps": 8})
    types = [event.type for event in stream]
    check("stream", types[-1] == "image_edit.completed" and "image_edit.partial_image" in types, types)
    check("stream=False", edit(image=picture, stream=False).data[0].b64_json is not None)

    refused("two images", 400, "image", lambda: edit(image=[picture, picture]))
    refused("an unknown parameter", 400, "mask_url", lambda: client.images.edit(image=picture, prompt=PROMPT, extra_body={"mask_url": "x"}))
    refused("an empty prompt", 400, "prompt", lambda: client.images.edit(image=picture, prompt=""))
    refused("an unknown model", 404, "model", lambda: edit(image=picture, model="nobody/nothing"))
    refused("no picture", 400, "image", lambda: edit(image=b""))
    refused("a mask of another size", 400, "mask", lambda: edit(image=picture, mask=resized(hole())))
    refused("background", 400, "background", lambda: edit(image=picture, background="transparent"))
    if token != "any":
        stranger = openai.OpenAI(base_url=f"{base_url}/v1", api_key="wrong-token", max_retries=0)
        try:
            stranger.models.list()
            check("a wrong key", False)
        except openai.AuthenticationError:
            check("a wrong key", True)


def resized(png):
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).resize((64, 64)).save(file, "png")
    return file.getvalue()


def form_libraries():
    headers = {"authorization": f"Bearer {token}"}
    url = f"{base_url}/v1/images/edits"
    picture, mask = COTTAGE.read_bytes(), hole()
    fields = {"prompt": PROMPT, "steps": 1, "stream": False, "n": "", "user": "Jürgen"}
    files = {"image": ("cottage.png", picture, "image/png"), "mask": ("löcher.png", mask, "image/png")}
    data_url = "data:image/png;base64," + base64.b64encode(mask).decode()

    answer = requests.post(url, headers=headers, data=fields, files=files)
    check("requests", answer.ok and kept_outside(answer.json()["data"][0]["b64_json"]), answer.text[:300])
    text = {"image": files["image"], "mask": (None, data_url)}
    answer = requests.post(url, headers=headers, data=fields, files=text)
    check("requests, mask as text", answer.ok and kept_outside(answer.json()["data"][0]["b64_json"]), answer.text[:300])
    body = {"prompt": PROMPT, "steps": 1, "images": [{"image_url": "data:image/png;base64," + base64.b64encode(picture).decode()}], "mask": {"image_url": data_url}, "n": None}
    answer = requests.post(url, headers=headers, json=body)
    check("requests, JSON", answer.ok and kept_outside(answer.json()["data"][0]["b64_json"]), answer.text[:300])
    answer = httpx.post(url, headers=headers, data=fields, files=files, timeout=60)
    check("httpx", answer.is_success and kept_outside(answer.json()["data"][0]["b64_json"]), answer.text[:300])

    async def with_aiohttp():
        for quote in (True, False):
            form = aiohttp.FormData(quote_fields=quote)
            for name, value in fields.items():
                form.add_field(name, str(value))
            for name, (file, content, kind) in files.items():
                form.add_field(name, content, filename=file, content_type=kind)
            async with aiohttp.ClientSession(headers=headers) as session, session.post(url, data=form) as answer:
                found = await answer.json()
                check(f"aiohttp, quote_fields={quote}", answer.ok and kept_outside(found["data"][0]["b64_json"]), str(found)[:300])

    asyncio.run(with_aiohttp())


sdk()
form_libraries()
print(f"{failed} failed" if failed else "all as it should be")
sys.exit(failed > 0)
