/**
 * What DreamLite puts about an instruction (DreamLitePipeline.encode_prompt of diffusers): two conversations, and how many tokens of
 * each are dropped from what the encoder makes of it, counted with the published tokenizer.
 */

export interface PromptTemplate {
  /** The conversation, with the text between. */
  readonly before: string;
  readonly after: string;
  /** Rows of the encoding that are dropped, from the first. */
  readonly dropped: number;
}

/** For edits: there is one picture, where IMAGE stands. */
export const EDIT_TEMPLATE: PromptTemplate = {
  before:
    "<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture, objects, background), then explain how the user's text " +
    "instruction should alter or modify the image. Generate a new image that meets the user's requirements while maintaining consistency with the original " +
    "input where appropriate.<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>",
  after: "<|im_end|>\n<|im_start|>assistant\n",
  dropped: 64,
};

/** For pictures from nothing but a text. */
export const GENERATE_TEMPLATE: PromptTemplate = {
  before:
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of the objects and " +
    "background:<|im_end|>\n<|im_start|>user\n",
  after: "<|im_end|>\n<|im_start|>assistant\n",
  dropped: 34,
};

/** The text of an edit. What guidance compares it with, "" or a negative prompt, is given as it is. */
export const editSentence = (instruction: string): string =>
  `[Edit]: A diptych with two side-by-side images of the same scene. Compared to the right side, the left one has ${instruction}`;

/** The text of a picture from nothing. */
export const generateSentence = (text: string): string => `[Generate]: ${text}`;

/** Token that stands for the picture, once in a template, and as often as the picture has features in what the encoder reads. */
export const IMAGE = "<|image_pad|>";
/** Of moving pictures, which are not read. */
export const VIDEO = "<|video_pad|>";

/** DreamLite's encoder is shown every picture at this size, whatever its shape. */
export const SEEN_SIDE = 512;
/** Of a text without a picture, its longest, in tokens. */
export const GENERATE_TOKENS = 200;
/** Of a prompt with a picture. The pipelines name no limit, and memory grows with the square of it. */
export const MOST_PROMPT_TOKENS = 2048;
